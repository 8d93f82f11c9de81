"""Names with their random parts replaced, so that they are the same in every run.

What is random cannot always be told from a name: a baseline also pairs leaks of one call whose
names differ.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_UUID = re.compile(r"[0-9a-f]{8}([-_]?)(?:[0-9a-f]{4}\1){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?<![0-9a-z])(?:0x)?[0-9a-f]{6,}(?![0-9a-z])", re.IGNORECASE)
# Behind letters, where a word may be spelt with the same ones, it takes more and a digit.
_GLUED_HEX = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{12,}", re.IGNORECASE)
_TEMPFILE = re.compile(r"(?<![A-Za-z0-9])tmp[a-z0-9_]{8}(?![A-Za-z0-9])")
# Eight characters, as `tempfile` draws them, set off by a prefix's or a suffix's punctuation.
_SET_OFF = re.compile(r"(?<=[-.])(?=[a-z_]*[0-9])[a-z0-9_]{8}(?![A-Za-z0-9_])")
# A prefix may run into the random part, so the whole run is replaced: `tempfile` draws eight
# characters, `mktemp` and the C library six or more.
_RUN_OF_TEMPFILE = re.compile(r"[a-z0-9_]{8,}")
_RUN_OF_ANYONE = re.compile(r"[A-Za-z0-9_]{6,}")
_NUMBER = re.compile(r"[0-9]+")


def normalised(name: str) -> str:
    """Return a name or path with what looks random in it, and its numbers, replaced by `*`."""
    name = _TEMPFILE.sub("tmp*", _UUID.sub("*", name))
    for pattern in (_SET_OFF, _HEX, _GLUED_HEX, _NUMBER):
        name = pattern.sub("*", name)
    return name


def drawn_by_tempfile(name: str, words: Collection[str] = ()) -> str:
    """The same for a name of `tempfile`; what stands as a word in the source is not random."""
    return normalised(_unless_in(words, _RUN_OF_TEMPFILE, _TEMPFILE.sub("tmp*", name)))


def drawn_by_anyone(name: str, words: Collection[str] = ()) -> str:
    """The same for a name that a child process or native code may have drawn."""
    return normalised(_unless_in(words, _RUN_OF_ANYONE, name))


def _unless_in(words: Collection[str], runs: re.Pattern[str], name: str) -> str:
    return runs.sub(lambda run: run[0] if run[0] in words else "*", name)
