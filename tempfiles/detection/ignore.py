"""Decide which paths are never leaks: caches of Python and its tools, and the user's globs."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Sequence

from ..events.event_paths import is_bytecode
from ..fileops.identity import with_parents
from ..system import syscalls
from ..system.platform import POSIX

CACHE_DIRECTORIES = frozenset({
    "__pycache__", ".git", ".hg", ".svn", ".hypothesis", ".mypy_cache", ".pytest_cache",
    ".ruff_cache", ".tidytest_cache", ".tox", ".nox", "node_modules",
})  # fmt: skip
"""Directories that tools keep between runs: nothing with such a name, or below one, is a leak."""
_NAMES = r"(?s).*\.py[co](\.\d+)?|\.coverage.*|\.tidytest-(state\.json|[0-9a-f]{16})|pymp-.*"

_WILDCARDS = frozenset("*?[")


class Ignored:
    """Decide by path whether a file is left out of the reports.

    Args:
        globs: the user's own; each is tried on the name, on the path relative to `base`, and on
            the absolute path. `*` also matches separators.
        base: the directory that relative globs are relative to.

    Attributes:
        has_globs: whether the user has given any.
        directories: what lies below these paths is ignored; each ends with a separator.
    """

    def __init__(self, globs: Sequence[str], base: str) -> None:
        self._base = base
        self._patterns: list[str] = []
        self._globs: re.Pattern[str] | None = None
        self._exempt: set[str] = set()
        self.directories: tuple[str, ...] = ()
        self._add(globs)

    def add(self, glob: str) -> None:
        """Ignore what a further glob, or path relative to the working directory, names."""
        if os.sep in glob:
            glob = os.path.join(syscalls.getcwd(), glob)
            if POSIX and _WILDCARDS.isdisjoint(glob):
                path = os.path.normpath(glob)
                self.add_path(path)
                self.directories += (path + os.sep,)
                return
        self._add([glob, os.path.join(glob, "*")])

    def add_path(self, path: str) -> None:
        """Ignore an absolute path and all below it."""
        self._exempt.add(path)

    def _add(self, globs: Sequence[str]) -> None:
        self._patterns += [
            fnmatch.translate(os.path.normcase(glob.rstrip("/"))) for glob in globs
        ]
        self._globs = re.compile("|".join(self._patterns)) if self._patterns else None
        self.has_globs = bool(self._patterns)

    def __call__(self, path: str, everywhere: bool = False) -> bool:
        """Whether an absolute path is ignored.

        Args:
            path: the path.
            everywhere: only by what also holds in the run's own temp directory, where caches and
                virtual environments are left behind like anything else.
        """
        if self._exempt and self._is_exempt(path):
            return True
        if everywhere:
            name = os.path.basename(path)
            multiprocessings = name.startswith("pymp-")
            return multiprocessings or (self._globs is not None and self._matches(path, name))
        return self.by_name(path) or self._in_environment(path)

    def by_name(self, path: str) -> bool:
        """Whether an absolute path is ignored for what it is called, without a look at the disk."""
        if path.startswith(self.directories):
            return True
        parts = path.split(os.sep)
        if re.fullmatch(_NAMES, parts[-1]) or is_bytecode(path):
            return True
        if not CACHE_DIRECTORIES.isdisjoint(parts):
            return True
        return self._globs is not None and self._matches(path, parts[-1])

    def _is_exempt(self, path: str) -> bool:
        return not self._exempt.isdisjoint(with_parents(path))

    def skips_directory(self, path: str) -> bool:
        """Whether a directory need not be looked into at all."""
        name = os.path.basename(path)
        return name in CACHE_DIRECTORIES or syscalls.lexists(os.path.join(path, "pyvenv.cfg"))

    def _matches(self, path: str, name: str) -> bool:
        assert self._globs is not None
        candidates = [name, path]
        if path.startswith(self._base + os.sep):
            relative = path[len(self._base) + 1 :]
            parts = relative.split(os.sep)
            # A glob that names a directory covers what lies in it.
            candidates += [os.sep.join(parts[: n + 1]) for n in range(len(parts))] + parts
        return any(map(self._globs.fullmatch, map(os.path.normcase, candidates)))

    def _in_environment(self, path: str) -> bool:
        for directory in with_parents(path):
            if syscalls.lexists(os.path.join(directory, "pyvenv.cfg")):
                return True
            if directory == self._base:
                break
        return False
