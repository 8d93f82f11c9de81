"""Run `python -m MODULE`: by a fork of a preloaded interpreter where that makes no difference."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

REPOSITORY = str(Path(__file__).resolve().parents[2])
SERVER = f"""
import runpy, sys
sys.path[0] = {str(Path(__file__).parent)!r}
import fork_server
try:
    runpy._run_module_as_main(fork_server.main())
except SystemExit as error:
    fork_server.end(error.code)
"""
MODULES = ("runner", "tempfiles", "pytest")
LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")
BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}  # a fork follows the variable as well
BY_DEFAULT = {"PYTHONPATH": REPOSITORY, **BYTECODE}
TIMEOUT = 120.0  # seconds; far more than a run takes, also on a machine that is busy


class Outcome(NamedTuple):
    """The exit code of a process, and what it wrote."""

    code: int
    out: str
    err: str


def run_python(
    words: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdin: str = "",
    merged: bool = False, new_process: bool = False,
) -> Outcome:
    """Run the interpreter with these arguments and wait until all that write to its pipes ended.

    Args:
        words: the arguments.
        cwd: its working directory.
        environment: all of its environment.
        stdin: what it can read.
        merged: whether both its streams are one, which is `out`.
        new_process: never fork the preloaded interpreter, as where it matters what is imported.
    """
    if not new_process and forkable(words, environment):
        locale = (environment.get(name, "") for name in LOCALE)
        server = _server(words[1] == "pytest", *locale)
        request = {"module": words[1], "words": words[2:], "cwd": str(cwd),
                   "environment": dict(environment), "asked": time.monotonic()}
        return server.run(request, stdin, merged=merged)
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, input=stdin, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        errors="backslashreplace", timeout=TIMEOUT, start_new_session=True,
    )
    return Outcome(done.returncode, done.stdout, done.stderr or "")


def forkable(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Return whether a fork of the preloaded interpreter will do.

    It will not where an option or a variable changes how the interpreter starts. Where the
    variable FRESH_PROCESSES is set, every run is a process of its own.
    """
    if not hasattr(os, "fork") or "FRESH_PROCESSES" in os.environ:
        return False
    start = {name: value for name, value in environment.items() if name.startswith("PYTHON")}
    as_module = len(words) > 1 and words[0] == "-m" and words[1] in MODULES
    return as_module and {**start, **BYTECODE} == BY_DEFAULT


class ForkServer:
    """The preloaded interpreter, and the socket on which it is asked to fork.

    Args:
        locale: the environment variables that decide how text is encoded.
        pytest: whether it has imported pytest, in place of both packages.
    """

    def __init__(self, locale: Mapping[str, str], *, pytest: bool = False) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {"PATH": os.environ.get("PATH", os.defpath), **BY_DEFAULT, **locale}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(theirs.fileno()), *["pytest"] * pytest],
                cwd="/", env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control = ours

    def close(self) -> None:
        """End the server and wait for it."""
        self._control.close()
        self._process.wait()

    def run(self, request: Mapping[str, object], stdin: str, *, merged: bool) -> Outcome:
        """Fork the server; see `fork_server` for what is in a request."""
        (in_read, in_write), (out_read, out_write) = os.pipe(), os.pipe()
        err_read, err_write = os.pipe()
        answer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with answer:
            with theirs:
                socket.send_fds(self._control, [json.dumps(request).encode()], [
                    in_read, out_write, out_write if merged else err_write, theirs.fileno(),
                ])
            for descriptor in (in_read, out_write, err_write):
                os.close(descriptor)
            pid = int(answer.recv(99))
            out, err = _communicate(pid, in_write, (out_read, err_read), stdin)
            return Outcome(int(answer.recv(99)), out, err)


def _communicate(pid: int, stdin: int, streams: tuple[int, int], text: str) -> list[str]:
    with contextlib.suppress(BrokenPipeError), open(stdin, "wb", buffering=0) as file:
        file.write(text.encode())
    read = dict.fromkeys(streams, b"")
    deadline = time.monotonic() + TIMEOUT
    with selectors.DefaultSelector() as selector:
        for descriptor in streams:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if not ready:
                os.kill(pid, signal.SIGKILL)
                raise TimeoutError(f"a run did not end in {TIMEOUT} s")
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                read[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return [
        data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").replace("\r", "\n")
        for data in read.values()
    ]


@functools.cache
def _server(pytest: bool, *locale: str) -> ForkServer:
    values = {name: value for name, value in zip(LOCALE, locale, strict=True) if value}
    server = ForkServer(values, pytest=pytest)
    atexit.register(server.close)
    return server
