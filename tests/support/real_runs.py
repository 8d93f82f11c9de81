"""Real processes that hold a run root: live ones, and killed ones that left it behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

from tempfiles.roots import ownership
from tempfiles.roots.journal import Journal
from tests.support.programs import REPOSITORY

_SCRIPT = """
import os, sys
sys.path.insert(0, {here!r})
from tempfiles.roots import ownership
from tempfiles.roots.journal import Journal
claim = ownership.establish(sys.argv[1], project="/some/project", argv=["python", "-m", "suite"])
root = claim.root
os.mkdir(root + "/0")
journal = Journal(root)
journal.enter("run", "run")
{body}
print(root, flush=True)
sys.stdin.read()
"""


def script(body: str = "") -> str:
    """Return a program that makes a root, runs `body`, prints the root's path, and waits."""
    return _SCRIPT.format(here=REPOSITORY, body=body)


@contextlib.contextmanager
def live_run(
    parent: str, body: str = "", *, new_group: bool = False
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a run that lives until the block ends; give its root and its process."""
    command = [sys.executable, "-W", "error", "-c", script(body), parent]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        process_group=0 if new_group else None,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def dead_run(parent: str, body: str = "") -> str:
    """Return the root of a run that was killed after it had run `body`."""
    before = {*os.listdir(parent)}
    child = os.fork()
    if child == 0:
        _die_in_a_run(parent, body)
    os.waitpid(child, 0)
    (name,) = {*os.listdir(parent)} - before
    return os.path.join(parent, name)


def _die_in_a_run(parent: str, body: str) -> NoReturn:
    try:
        claim = ownership.establish(parent, project="/some/project", argv=["python", "-m", "suite"])
        os.mkdir(claim.root + "/0")
        journal = Journal(claim.root)
        journal.enter("run", "run")
        exec(body, {"os": os, "root": claim.root, "journal": journal})
    except BaseException:
        traceback.print_exc()
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
