"""An `os` whose calls fail at will: the seam through which the removal modules are made to fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from tempfiles.fileops import access, descent, remove, remove_by_path, remove_tree

MODULES = (access, descent, remove_tree, remove_by_path, remove)
CALLS = frozenset({
    "open", "close", "read", "fstat", "lstat", "stat", "chmod", "fchmod",
    "scandir", "unlink", "rmdir",
})
LIMIT = 20_000


class EndlessLoop(Exception):
    """More calls were made than any removal needs. It is no OSError, so that no code handles it."""


class FaultyOs:
    """Stands in for `os`; call number `at` of `CALLS` fails (with `lasting`, all from there on)."""

    def __init__(self, errno: int = 0, at: int = -1, lasting: bool = False) -> None:
        self._fault = (errno, at, lasting)
        self.calls = 0
        self.names: list[str] = []

    def __getattr__(self, name: str) -> Any:
        value = getattr(os, name)
        if name not in CALLS:
            return value
        if name == "scandir":
            return lambda *args: self.call(name, lambda: _Entries(self, os.scandir(*args)))

        def called(*args: Any, **keywords: Any) -> Any:
            return self.call(name, lambda: value(*args, **keywords))

        return called

    def call(self, name: str, deed: Any) -> Any:
        errno, at, lasting = self._fault
        number = self.calls
        self.calls += 1
        self.names.append(name)
        if self.calls > LIMIT:
            raise EndlessLoop
        if number == at or (lasting and number >= at >= 0):
            if name == "close":
                deed()  # Linux closes the descriptor also when it reports an error
            raise OSError(errno, os.strerror(errno))
        return deed()


class _Entries:
    def __init__(self, faults: FaultyOs, entries: Any) -> None:
        self._faults, self._entries = faults, entries

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *error: object) -> None:
        self._entries.close()

    def __iter__(self) -> _Entries:
        return self

    def __next__(self) -> _Entry:
        return _Entry(self._faults, self._faults.call("next", lambda: next(self._entries)))


class _Entry:
    def __init__(self, faults: FaultyOs, entry: os.DirEntry[str]) -> None:
        self._faults, self._entry = faults, entry
        self.name, self.path = entry.name, entry.path

    def is_dir(self, *, follow_symlinks: bool) -> Any:
        return self._faults.call(
            "is_dir", lambda: self._entry.is_dir(follow_symlinks=follow_symlinks)
        )

    def stat(self, *, follow_symlinks: bool) -> Any:
        return self._faults.call("stat", lambda: self._entry.stat(follow_symlinks=follow_symlinks))


@contextmanager
def injected(faults: Any) -> Iterator[None]:
    """Give the removal modules another `os`."""
    with ExitStack() as stack:
        for module in MODULES:
            stack.enter_context(mock.patch.object(module, "os", faults))
        yield
