"""Keep descriptors for the end of a run, whatever its tests have done with all the others.

Spare ones are kept open from the start and closed when they are needed. That does not help where a
test has lowered the limit below their numbers: then open files of the test are set aside meanwhile,
as messages in a socket.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Sequence
from os import close, dup, dup2, fstat, get_inheritable, getpid, set_inheritable
from os.path import samestat
from typing import Any

from . import audit
from .platform import park

_WANTED = 6  # descriptors that the end of a run has open at once, at most
_BYTES = 4  # of a descriptor in a message


class _Reserve:
    """What is kept for the end of the run that is open in this process."""

    directory = -1
    status: os.stat_result | None = None  # of that directory
    spares: tuple[int, ...] = ()
    resource: Any = None
    store: _Store | None = None
    owner = 0


def reserve(directory: int) -> None:
    """Open spare descriptors.

    Args:
        directory: an open directory; the spare ones are duplicates of it.

    Raises:
        OSError: it is not open.
    """
    _Reserve.directory, _Reserve.status = directory, fstat(directory)
    _Reserve.owner = getpid()
    _open_spares()


def release() -> None:
    """Close the spare descriptors and the directory: the run has ended."""
    audit.unsubscribe(_HANDLERS)
    _Reserve.spares = (*_Reserve.spares, _Reserve.directory)
    _close_spares()
    _Reserve.directory, _Reserve.status, _Reserve.store = -1, None, None


def follow_limits() -> None:
    """From now on prepare for a test that lowers the limit of descriptors."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        _Reserve.resource = resource
        audit.subscribe(_HANDLERS)


def make_free(undo: contextlib.ExitStack) -> None:
    """Have some descriptors free until `undo` is called.

    Spare ones are closed; else the limit is raised, where that is allowed; else files that the
    tests have open are set aside.
    """
    if _are_free():
        return
    if _Reserve.spares:
        _close_spares()
        undo.callback(_try, _open_spares)
    resource = _Reserve.resource
    if resource is None or _are_free():
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limits in ((soft + 64, max(soft + 64, hard)), (hard, hard)):
        _try(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        if _are_free():
            undo.callback(_try, resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            return
    if _Reserve.store is not None:
        _Reserve.store.set_aside(_of_tests(hard), undo)


class _Store:
    """A socket that holds open files as messages. They then have no descriptor.

    Raises:
        OSError: no socket can be created.
        ImportError: this Python has none.
    """

    def __init__(self) -> None:
        import _socket

        self._module = _socket
        self._ends = tuple(
            _socket.socket(fileno=park(end.detach())) for end in _socket.socketpair()
        )
        self._status = tuple(fstat(end.fileno()) for end in self._ends)

    def __del__(self) -> None:
        # Once nothing that is set aside needs it; its descriptors may be a test's by now.
        with contextlib.suppress(Exception):
            is_intact = self._is_intact()
            for end in self._ends:
                end.close() if is_intact else end.detach()

    def set_aside(self, numbers: Sequence[int], undo: contextlib.ExitStack) -> None:
        """Close descriptors until `undo` is called; their files stay open, with their locks."""
        if not self._is_intact():
            return
        inheritable = [get_inheritable(number) for number in numbers]
        content = b"".join(number.to_bytes(_BYTES, sys.byteorder) for number in numbers)
        rights = (self._module.SOL_SOCKET, self._module.SCM_RIGHTS, content)
        try:
            self._ends[0].sendmsg([b"."], [rights])
        except OSError:
            return
        for number in numbers:
            close(number)
        undo.callback(_try, self._put_back, dict(zip(numbers, inheritable, strict=True)))

    def _put_back(self, numbers: dict[int, bool]) -> None:
        space = self._module.CMSG_SPACE(_BYTES * len(numbers))
        ((*_, content),) = self._ends[1].recvmsg(1, space)[1]
        received = [int.from_bytes(content[at : at + _BYTES], sys.byteorder)
                    for at in range(0, len(content), _BYTES)]
        for number, (wanted, inheritable) in zip(received, numbers.items(), strict=False):
            if number != wanted:
                dup2(number, wanted)
                if number not in numbers:
                    close(number)
            set_inheritable(wanted, inheritable)

    def _is_intact(self) -> bool:
        """Whether no test has closed it, and perhaps opened something under its numbers."""
        try:
            return all(
                samestat(fstat(end.fileno()), status)
                for end, status in zip(self._ends, self._status, strict=True)
            )
        except OSError:
            return False


def _of_tests(limit: int) -> list[int]:
    """Return some descriptors below a limit; the standard streams are no choice, but for input."""
    found: list[int] = []
    for number in (*range(min(limit, 1 << 16) - 1, 2, -1), 0):
        with contextlib.suppress(OSError):
            fstat(number)
            found.append(number)
        if len(found) == _WANTED:
            break
    return sorted(found)


def _before_limit(args: tuple[Any, ...]) -> None:
    resource = _Reserve.resource
    if args[-2] != resource.RLIMIT_NOFILE or _Reserve.store is not None:
        return
    if getpid() == _Reserve.owner:  # not a child that is about to be another program
        with contextlib.suppress(OSError, ImportError):
            _Reserve.store = _Store()


_HANDLERS = {"resource.setrlimit": _before_limit, "resource.prlimit": _before_limit}


def _are_free() -> bool:
    opened: list[int] = []
    try:
        for _ in range(_WANTED):
            opened.append(dup(_Reserve.directory))
    except OSError as error:
        return error.errno != errno.EMFILE  # else a test has closed it, so that some are free
    finally:
        for descriptor in opened:
            close(descriptor)
    return True


def _open_spares() -> None:
    spares: list[int] = []
    with contextlib.suppress(OSError):
        for _ in range(_WANTED):
            spares.append(park(dup(_Reserve.directory)))
    _Reserve.spares = tuple(spares)


def _close_spares() -> None:
    spares, _Reserve.spares = _Reserve.spares, ()
    for spare in spares:
        with contextlib.suppress(OSError):
            # A test may have closed it, and opened a file under this number.
            if _Reserve.status is not None and samestat(fstat(spare), _Reserve.status):
                close(spare)


def _try(function: Callable[..., object], *arguments: object) -> None:
    with contextlib.suppress(OSError, ValueError):
        function(*arguments)
