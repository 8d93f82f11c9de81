"""Fork a preloaded interpreter for each run of `python -m MODULE` that a test asks for.

Started by `tests.support.programs`. Importing both packages takes most of the time of a short run;
here it is done once, and every run is a fork of this process. A run gets a working directory, an
environment, arguments and standard streams of its own, and ends with its exit handlers.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from typing import Any

PACKAGES = ("tempfiles", "runner")
RARE = (
    "runner.execution.functions", "runner.fix", "runner.integrations", "runner.listeners.coverage",
    "runner.listeners.progress", "runner.formats.html", "runner.formats.junit",
    "runner.settings.help", "runner.tracked_testcase", "tempfiles.commands.progress",
)
"""Modules and packages that import large libraries and are used by few runs. A larger process takes
longer to fork."""


def preload_pytest() -> None:
    """Import pytest and the plugins that it always has, but nothing of a plugin's distribution.

    pytest warns of what it can no longer rewrite.
    """
    for name in importlib.import_module("_pytest.config").default_plugins:
        importlib.import_module(f"_pytest.{name}")


def preload() -> None:
    """Import the modules of both packages."""
    for product in PACKAGES:
        path = importlib.import_module(product).__path__
        for module in pkgutil.walk_packages(path, f"{product}."):
            package = module.name.rpartition(".")[0]
            if not module.name.endswith("__main__") and not {module.name, package} & {*RARE}:
                importlib.import_module(module.name)


def serve(control: socket.socket) -> tuple[Any, list[int]]:
    """Fork for each request and report pid and exit code; return in each child.

    A request comes with four descriptors: the three streams of the run, and a socket for the
    answers. The server ends when the other end of `control` is closed.
    """
    answers: dict[int, socket.socket] = {}
    woken, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            report_ended(answers)
        if control in ready:
            message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 4)
            if not message:
                os._exit(0)
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for opened in (woken, wakes, *answers.values()):
                    opened.close()
                os.close(descriptors.pop())
                return json.loads(message), descriptors
            answers[pid] = socket.socket(fileno=descriptors.pop())
            answers[pid].send(b"%d" % pid)
            for descriptor in descriptors:
                os.close(descriptor)


def report_ended(answers: dict[int, socket.socket]) -> None:
    """Send the exit codes of the children that have ended."""
    while answers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            break
        with answers.pop(pid) as answer:
            answer.send(b"%d" % os.waitstatus_to_exitcode(status))


def become(request: Any, streams: list[int]) -> None:
    """Make this process look like a new interpreter that was started with `-m`."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.setsid()
    # The times of files have the grain of the kernel's tick, at most 10 ms. What a test has
    # written before it asked for the run must be older than the run.
    time.sleep(max(0.0, request["asked"] + 0.011 - time.monotonic()))
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[0] = request["cwd"]
    sys.argv = ["-m", *request["words"]]
    sys.orig_argv = [sys.executable, "-m", request["module"], *request["words"]]


def main() -> str:
    """Serve; in each child return the name of the module that it is to run.

    The caller runs it, so that no frame of this file is below those of the run.
    """
    del sys.modules[__name__]
    if "pytest" in sys.argv:
        preload_pytest()
    else:
        preload()
    tempfile.tempdir = None  # one of the modules has asked for it
    gc.freeze()  # a child that looks at all objects for garbage would copy most of our memory
    with socket.socket(fileno=int(sys.argv[1])) as control:
        request, streams = serve(control)
    become(request, streams)
    return str(request["module"])


def end(code: object) -> None:
    """End the run as the interpreter does, but for freeing its objects one by one.

    That writes to each, so the kernel would copy all memory that the run shares with the server.
    Where the interpreter has something to report, it ends the run itself.
    """
    if code is not None and not isinstance(code, int):
        raise SystemExit(code)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        raise SystemExit(code) from None
    os._exit((code or 0) & 0xFF)
