"""Do a call in a process of the engine: start the node process of a run there, and talk to it.

Tests never run in the process of the engine. The node process is one for a run and a machine; it
has the project's directory as its working directory, and imports the tests once.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import IO, Any, NamedTuple

from . import project
from .messages import Answer, Call, Chunk, Facts, Frames, MachinePlan, Note
from .scratch import Scratch

_PAUSE = 0.5
"""Seconds between two looks whether the call was cancelled."""
_GRACE = 20.0
"""Seconds that a node process has to end: its workers, their files, survivors of tests."""
_NODE = f"{__package__}.node"


class TaskSite(NamedTuple):
    """Where a call is done.

    Attributes:
        host: the name or address of the machine.
        cores: the number of local workers.
        scratch: a directory for the shipped project; None for the system's temp directory.
        is_cancelled: returns whether nobody waits for the answer any more.
        note: sends a note to the parent.
    """

    host: str
    cores: int
    scratch: str | None
    is_cancelled: Callable[[], bool]
    note: Callable[[Note], None]


class _DiedError(Exception):
    """The node process is gone; the message says why."""


class _CancelledError(Exception):
    """Nobody waits for the answer."""


class Node:
    """The node process of a run on this machine.

    Args:
        plan: of the run.
        site: where it is.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, plan: MachinePlan, site: TaskSite) -> None:
        self._scratch = Scratch(site.scratch)
        self._directory = plan.directory
        if plan.ship:
            self._directory = self._scratch.project
            project.unpack(plan.ship, self._directory)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        ours, theirs = os.pipe(), os.pipe()  # to the node, from the node
        self._frames = Frames(theirs[0], ours[1])
        fds = ours[0], theirs[1], self._scratch.lock
        try:
            self._process = self._started(plan, fds)
        finally:
            for fd in fds[:2]:
                os.close(fd)
        sent = plan._replace(ship=b"", files=b"")
        self._frames.send((sent, site.host, site.cores, self._scratch.path))

    def _started(self, plan: MachinePlan, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
        paths = [os.path.normpath(os.path.join(self._directory, path)) for path in plan.paths]
        paths += filter(None, [os.environ.get("PYTHONPATH")])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        if not paths:
            del environment["PYTHONPATH"]
        return subprocess.Popen(
            [sys.executable, *plan.flags, "-m", _NODE, *map(str, fds)],
            cwd=self._directory, env=environment, stdin=subprocess.DEVNULL, pass_fds=fds,
            stdout=self._errors if plan.joined else subprocess.DEVNULL, stderr=self._errors,
            start_new_session=True,
        )  # fmt: skip

    def ask(self, message: Chunk | None, token: str, site: TaskSite) -> Any:
        """Send a chunk to the process and return its answer; pass on its notes meanwhile.

        Args:
            message: the chunk; None to wait until the tests are imported.
            token: of the call.
            site: where it is done.

        Raises:
            _DiedError: the process is gone.
            _CancelledError: nobody waits for the answer any more.
        """
        try:
            if message is not None:
                self._frames.send((message, token))
            while True:
                answer = self._frames.receive(_PAUSE)
                if isinstance(answer, Note):
                    site.note(answer)
                elif answer is not None:
                    return answer
                elif message is None:
                    site.note(Note(token, [], []))  # it imports the tests
                if site.is_cancelled():
                    raise _CancelledError
        except (OSError, EOFError):
            raise _DiedError(self._last_words()) from None

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        said = next(filter(None, map(str.strip, reversed(lines))), "it prints nothing")
        return f"the process ended with exit code {code}: {said}"

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended by itself, since no call came for long."""
        return self._process.poll() == 0

    def end(self) -> None:
        """End the process, which removes its files; kill it if it does not end."""
        self._frames.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
        self._scratch.remove()


_nodes: dict[str, Node] = {}  # by the word for the run
_facts: dict[str, Facts] = {}
_lock = threading.Lock()


def perform(call: Call, site: TaskSite) -> Answer:
    """Do a call, and return the answer."""
    with _lock:  # an engine may have several threads, and the machine's cores are for one call
        try:
            return _perform(call, site)
        except _RefusedError as refused:
            _end(call.run)
            return Answer(refusal=str(refused))
        except _DiedError as died:
            _end(call.run)
            return Answer(_facts.get(call.run), broke=str(died))
        except _CancelledError:
            _end(call.run)
            return Answer()
        finally:
            if call.ends:
                _end(call.run)


class _RefusedError(Exception):
    """The machine cannot run these tests; the message says why."""


def _perform(call: Call, site: TaskSite) -> Answer:
    if call.run in _nodes and _nodes[call.run].has_ended:
        _end(call.run)
        return Answer(_facts[call.run])
    if call.run not in _nodes:
        if call.plan is None:
            return Answer()
        _begin(call.plan, call.token, site)
    result = b""
    if call.chunk is not None:
        result = _nodes[call.run].ask(call.chunk, call.token, site)
    return Answer(_facts[call.run], result)


def _begin(plan: MachinePlan, token: str, site: TaskSite) -> None:
    if plan.files and (differing := project.differences(plan.directory, plan.files)):
        raise _RefusedError(differing)
    for run in [*_nodes]:
        _end(run)  # of a parent that is gone: one run has the machine at a time
    try:
        _nodes[plan.run] = node = Node(plan, site)
    except OSError as error:
        raise _RefusedError(f"it cannot start a process: {error}") from None
    answer = node.ask(None, token, site)
    if isinstance(answer, str):
        raise _RefusedError(answer)
    _facts[plan.run] = answer


def _end(run: str) -> None:
    node = _nodes.pop(run, None)
    if node is not None:
        with contextlib.suppress(OSError):
            node.end()
