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
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

REPOSITORY = str(Path(__file__).resolve().parents[2])
SERVER = f"""
import runpy, sys
sys.path[0] = {str(Path(__file__).parent)!r}
import fork_server
runpy._run_module_as_main(fork_server.main())
"""
MODULES = ("runner", "tempfiles")
BY_DEFAULT = {"PYTHONPATH": REPOSITORY, "PYTHONDONTWRITEBYTECODE": "1"}
TIMEOUT = 120.0  # seconds; far more than a run takes, also on a machine that is busy


class Outcome(NamedTuple):
    """The exit code of a process, and what it wrote."""

    code: int
    out: str
    err: str


def run_python(
    words: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdin: str = "",
    new_process: bool = False,
) -> Outcome:
    """Run the interpreter with these arguments and wait until all that write to its pipes ended.

    Args:
        words: the arguments.
        cwd: its working directory.
        environment: all of its environment.
        stdin: what it can read.
        new_process: never fork the preloaded interpreter, as where it matters what is imported.
    """
    if not new_process and forkable(words, environment):
        return _server().run(words[1], words[2:], cwd, environment, stdin)
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, input=stdin,
        capture_output=True, text=True, errors="backslashreplace", timeout=TIMEOUT,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def forkable(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Return whether a fork of the preloaded interpreter will do.

    It will not where an option or a variable changes how the interpreter starts. Where the
    variable FRESH_PROCESSES is set, every run is a process of its own.
    """
    if not hasattr(os, "fork") or "FRESH_PROCESSES" in os.environ:
        return False
    start = {name: value for name, value in environment.items() if name.startswith("PYTHON")}
    same_locale = all(environment.get(name) == os.environ.get(name) for name in ("LANG", "LC_ALL"))
    as_module = words[:1] == ("-m",) and words[1] in MODULES
    return as_module and start == BY_DEFAULT and same_locale


class ForkServer:
    """The preloaded interpreter, and the socket on which it is asked to fork."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {"PATH": os.environ.get("PATH", os.defpath), **BY_DEFAULT}
        environment |= {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(theirs.fileno())], cwd="/", env=environment,
                stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], process_group=0,
            )
        self._control = ours
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the server and wait for it."""
        self._control.close()
        self._process.wait()

    def run(
        self, module: str, words: Sequence[str], cwd: Path, environment: Mapping[str, str],
        stdin: str,
    ) -> Outcome:
        """Run a module in a fork of the server."""
        request = {"module": module, "words": [*words], "cwd": str(cwd),
                   "environment": dict(environment)}
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        with self._lock:
            socket.send_fds(self._control, [json.dumps(request).encode()], theirs)
            for descriptor in theirs:
                os.close(descriptor)
            pid = int(self._control.recv(99))
            out, err = _communicate(pid, pipes[0][1], (pipes[1][0], pipes[2][0]), stdin)
            code = int(self._control.recv(99))
        return Outcome(code, out, err)


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
def _server() -> ForkServer:
    server = ForkServer()
    atexit.register(server.close)
    return server
