"""Remember leaks outside the temp directory between runs, until their files are gone.

Each is written to the cache when its context closes, so that another run in the same tree knows it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from json.decoder import JSONDecoder
from json.encoder import JSONEncoder
from typing import TYPE_CHECKING

from tempfiles import Leak, Leftover, leftover_of, printable

from .. import cache

if TYPE_CHECKING:
    from ..selection.completeness import Completeness

Key = tuple[str, str]
_encode, _decode = JSONEncoder().encode, JSONDecoder().decode  # tests replace those of `json`


class LeakMemory:
    """The leaks that earlier runs have left outside the temp directory.

    Args:
        directory: the working directory of the run, which has the cache.

    Attributes:
        leftovers: those that the cache had when the run started.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._began = time.time()
        self._before = self._read()
        self.leftovers = tuple(self._before.values())
        self._noted: dict[Key, Leftover] = {}
        self._reported: set[Key] = set()

    def note(self, leaks: Iterable[Leak]) -> None:
        """Write leaks to the cache now; what lies in the temp directory is left out.

        Raises:
            OSError: the cache cannot be written.
        """
        lines = []
        for leak in leaks:
            if leak.where == "temp" or leak.key in self._noted:
                continue
            self._reported.add(leak.key)
            known = self._before.get(leak.key)
            found = leftover_of(replace(leak, since=known.leak.since) if known else leak)
            if found is not None:
                self._noted[leak.key] = found
                lines.append(self._line(found))
        if lines:
            cache.append(self._directory, cache.LEAKS, lines)

    def of_other_runs(self) -> list[Leftover]:
        """Return what other runs have left, also since this one started."""
        return [found for key, found in self._read().items() if key not in self._noted]

    def finish(self, leaks: Iterable[Leak], completeness: Completeness) -> list[str]:
        """Forget what is gone, and write the rest.

        Args:
            leaks: all leaks of the run.
            completeness: which tests ran to their end, and which no longer exist.

        Returns:
            The lines about tests that no longer leave a file which is gone.

        Raises:
            OSError: the cache cannot be written.
        """
        leaks = list(leaks)
        self._noted.clear()  # what lies there may have changed since
        with contextlib.suppress(OSError):
            self.note(leaks)
        with cache.locked(self._directory):
            kept, fixed = [], []
            for key, leftover in {**self._read(), **self._noted}.items():
                now = leftover_of(leftover.leak)
                if now is not None and leftover.is_same_file(now.identity, self._began):
                    kept.append(Leftover(leftover.leak, now.identity))
                elif key in self._reported or now is not None:
                    continue  # it was removed, or another file has its path
                elif completeness.is_complete(leftover.leak.context):
                    fixed.append(leftover.leak)
                elif not completeness.is_gone(leftover.leak.context):
                    kept.append(leftover)
            lines = list(map(self._line, kept))
            cache.write_lines(self._directory, cache.LEAKS, lines)
        return list(map(self._fixed_line, fixed))

    def _fixed_line(self, leak: Leak) -> str:
        path = self._portable(leak.path)
        return f"Fixed: {printable(leak.context)} no longer leaves {printable(path)}"

    def _read(self) -> dict[Key, Leftover]:
        return {leftover.leak.key: leftover for leftover in self._parsed()}

    def _parsed(self) -> Iterator[Leftover]:
        for line in cache.lines(self._directory, cache.LEAKS):
            try:
                found = Leftover.from_dict(_decode(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue  # a line that was cut off, or of another version
            path = os.path.join(self._directory, found.leak.path)
            yield Leftover(replace(found.leak, path=path), found.identity)

    def _line(self, leftover: Leftover) -> str:
        """Return a line of the cache; it holds where the project is moved elsewhere."""
        leak = leftover.leak
        relative = replace(leak, path=self._portable(leak.path), open_by=(), outcome="left")
        return _encode(Leftover(relative, leftover.identity).to_dict())

    def _portable(self, path: str) -> str:
        return path.removeprefix(self._directory.rstrip(os.sep) + os.sep)
