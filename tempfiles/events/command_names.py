"""Find the paths that a command line, and the scripts that it runs, name.

A child process creates files without an audit event. What its command line or its script names,
with variables expanded, is its own if it did not exist when the child started.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ..system import syscalls
from . import event_paths

# Longer command lines name lists of input files, not the one output to look for.
_MOST_WORDS = 100
_MOST_WORDS_OF_SCRIPT = 1000
_MOST_SCRIPTS = 8
_LARGEST_SCRIPT = 256 * 1024
_DEEPEST = 8  # parts of a path that do not exist yet

_VARIABLE = r"\$\{\w+[^}]*\}|\$\(\w+\)"
# Texts, which `re` compiles on their first use: most runs start no child process.
_WORD = rf"""(?:{_VARIABLE}|[^\s'"=;|&<>(),{{}}\[\]])+"""
_REFERENCE = r"\$\$?(?:(\w+)|\{(\w+)(?::?-([^}]*))?\}|\((\w+)\))"
"""Of a variable of the shell; in a makefile with two dollar signs, or of `make` in parentheses."""
_SIMPLE_REFERENCE = r"\$(\w+)"
_ASSIGNMENT = (
    r"""(?m)(?:^|[\s;&'"])(\w+)(?:=|[ \t]*[:?]?=[ \t]*)(?:"([^"\n]*)"|'([^'\n]*)'|([^\s;&'"]+))"""
)
_CHANGE_DIRECTORY = ("cd", "pushd", "-C", "--directory", "--chdir")
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_NAMES_OF_SCRIPTS = (".py", ".sh", ".pl", ".rb", ".js", ".mk")


class CommandNames(NamedTuple):
    """What a command line names.

    Attributes:
        paths: absolute paths outside the run root that did not exist, without links on their way.
        scripts: the texts of the scripts and other small text files.
        expanded: the words of both that contained variables, with their values.
    """

    paths: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    expanded: tuple[str, ...] = ()


NOTHING_NAMED = CommandNames()


def names_in(
    command: Sequence[str], directory: str, root: str, environment: Mapping[Any, Any] | None = None
) -> CommandNames:
    """Return what a command line names when it is about to be run.

    Args:
        command: the command line.
        directory: the working directory of the child.
        root: the run root, with a separator at its end.
        environment: the child's; None for that of this process.
    """
    reader = _Reader(directory, os.environ if environment is None else environment)
    reader.assign_arguments(command)
    words = reader.words(command[1:] or command)
    if len(words) > _MOST_WORDS:
        return NOTHING_NAMED
    scripts = reader.scripts(command, words)
    of_scripts = reader.words(scripts)
    if len(of_scripts) > _MOST_WORDS_OF_SCRIPT:
        of_scripts = [word for word in of_scripts if syscalls.SEP in word]
    found = reader.free_paths(dict.fromkeys([*words, *of_scripts[:_MOST_WORDS_OF_SCRIPT]]), root)
    return CommandNames(tuple(dict.fromkeys(found)), tuple(scripts), tuple(reader.expanded))


class _Reader:
    """Reads words of command lines and scripts as a shell or `make` would.

    Args:
        directory: the working directory of the child.
        environment: the child's.

    Attributes:
        expanded: the words that contained variables, with their values.
    """

    def __init__(self, directory: str, environment: Mapping[Any, Any]) -> None:
        self.expanded: dict[str, None] = {}
        self._directories = [directory]
        self._environment = environment
        self._assigned: dict[str, str] = {}

    def assign_arguments(self, command: Sequence[str]) -> None:
        """Take the words after a script, or after `-c TEXT NAME`, for its arguments (`$1`)."""
        for index, word in enumerate(command[:_MOST_WORDS]):
            if word == "-c":
                first = index + 3
            elif word.startswith("-") or not self._texts([word]):
                continue
            else:
                first = index + 1
            arguments = enumerate(command[first:], 1)
            self._assigned.update((str(number), argument) for number, argument in arguments)
            return

    def words(self, texts: Sequence[str]) -> list[str]:
        """Return each text and its words, once, with their variables expanded."""
        found: dict[str, None] = {}
        for text in texts:
            if "$" in text or "=" in text:
                self._assign(text)
            parts = re.findall(_WORD, text)
            for part in (text, *parts) if len(text) < 1024 else parts:
                found[self._expand(part)] = None
            self._change_directory(parts)
        self._change_directory(list(texts))
        return list(found)

    def scripts(self, command: Sequence[str], words: Sequence[str]) -> list[str]:
        """Return the texts of the small text files among the words, and of those that they run."""
        names = [*command[:1], *words[:_MOST_WORDS]]
        program = syscalls.basename(command[0]) if command else ""
        if "make" in program or any(word in ("make", "gmake") for word in words):
            names += _MAKEFILES
        found = self._texts(names)
        if found:
            below = [word for text in found for word in self.words([text])]
            found += self._texts([w for w in below if w.endswith(_NAMES_OF_SCRIPTS)])
        return list(dict.fromkeys(found))

    def free_paths(self, words: Mapping[str, None], root: str) -> Iterator[str]:
        """Yield the paths that words name and that do not exist, the topmost part of each."""
        for word in words:
            if 0 < len(word) < 1024 and not word.startswith("-") and "\0" not in word:
                for directory in self._directories:
                    path = _topmost_free(syscalls.normpath(syscalls.join(directory, word)))
                    if path is not None and not path.startswith(root):
                        yield path
                    if syscalls.isabs(word):
                        break

    def _texts(self, names: Sequence[str]) -> list[str]:
        found: list[str] = []
        for name in names:
            if len(found) < _MOST_SCRIPTS and 0 < len(name) < 1024:
                paths = (syscalls.join(directory, name) for directory in self._directories)
                found += filter(None, [next(filter(None, map(script_text, paths)), "")])
        return found

    def _assign(self, text: str) -> None:
        for name, *values in re.findall(_ASSIGNMENT, text):
            self._assigned[name] = self._expand(next(filter(None, values), ""), note=False)

    def _change_directory(self, words: Sequence[str]) -> None:
        for command, word in pairwise(words):
            if command in _CHANGE_DIRECTORY:
                path = syscalls.join(self._directories[0], self._expand(word))
                if path not in self._directories and syscalls.is_directory(path):
                    self._directories.append(path)

    def _expand(self, word: str, *, note: bool = True) -> str:
        if "$" not in word and word[:1] != "~":
            return word
        found = re.sub(_REFERENCE, self._value, word)
        if found == "~" or found.startswith("~/"):
            found = self._variable("HOME") + found[1:]
        if note and found != word:
            self.expanded[found] = None
        return found

    def _value(self, match: re.Match[str]) -> str:
        plain, braced, default, of_make = match.groups()
        value = self._variable(plain or braced or of_make)
        return value or re.sub(_SIMPLE_REFERENCE, self._simple_value, default or "")

    def _simple_value(self, match: re.Match[str]) -> str:
        return self._variable(match[1])

    def _variable(self, name: str) -> str:
        if name in self._assigned:
            return self._assigned[name]
        value = self._environment.get(name)
        if value is None and self._environment is not os.environ:
            value = self._environment.get(os.fsencode(name))
        return os.fsdecode(value) if value is not None else ""


def _topmost_free(path: str) -> str | None:
    """Return the topmost part of a path that does not exist; None if the path exists."""
    if syscalls.lexists(path):
        return None
    for _ in range(_DEEPEST):
        directory = syscalls.dirname(path)
        if syscalls.is_directory(directory):
            return event_paths.real(path, follow=False)
        if directory == path or syscalls.lexists(directory):
            return None
        path = directory
    return None


def script_text(path: str) -> str:
    """Return the text of a small text file; empty if it is none."""
    try:
        status = syscalls.stat(path)
    except (OSError, ValueError):
        return ""
    if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= _LARGEST_SCRIPT:
        return ""
    return _read(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=32)
def _read(path: str, changed: int, size: int) -> str:
    """Return the text of a file, once for each of its states."""
    try:
        with syscalls.open_file(path, "rb") as file:
            data = file.read(512)
            if b"\0" in data:
                return ""
            return (data + file.read(_LARGEST_SCRIPT)).decode("utf-8", "replace")
    except OSError:
        return ""
