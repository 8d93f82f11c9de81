"""Run the examples of the documentation: what stands in its pages is typed, and compared.

A page is Markdown. An HTML comment before a block says what is done with it:

    <!-- in: examples/leaky -->      from here on, work in a fresh copy of this directory
    <!-- file: tests/test_x.py -->   the next block is a file: it is written
    <!-- shown: why -->              the next block is not run

A `console` block is commands after `$ ` and what they print. `...` stands for any part of a line,
and on a line of its own for any lines; random parts of names and times are not compared. A command
must succeed unless `echo $?` comes next. A `python` block that is no file is run as a script. A
`py` block shows a signature.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.programs import run_python

SHOWN_AS = "/home/ann/project"
"""What the directory of the reader is called in the pages."""

PROJECT = Path(__file__).resolve().parents[2]
_EXTERNAL = (
    "TIDYTEST_", "GITHUB_", "COVERAGE_", "PYTHON", "FORCE_COLOR", "MAKE", "MFLAGS", "VENV",
)  # fmt: skip
_PYTHON_MODULE = re.compile(r"python -m [\w.]+( [\w./,:=-]+)*")
_COMMENT = re.compile(r"<!-- (in|file|shown): (.+?) -->")
_FENCE = re.compile(r"(```+)([\w-]*)$")
_VARIABLE = (
    (re.compile(r"^ +[~^]+ *\n", re.MULTILINE), ""),  # under a line of a traceback, from 3.13 on
    (re.compile(r"\b(tmp|backup-|child-|shared-|ledger-|tidy-)[a-z0-9_]{8}"), r"\1RANDOM"),
    (re.compile(r"\b\d+\.\d+s\b"), "SECONDS"),
    (re.compile(r"\bpython3(\.\d+)?\b"), "python"),
    (re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b"), "RUN"),
)
_STRANGERS = re.compile(r"New in shared directories, not attributed to any test.*\n(?: {4}.*\n)*")
_SLOWNESS = re.compile(r"^Executing <.*> took \d+\.\d+ seconds\n", re.MULTILINE)  # asyncio's


class Block(NamedTuple):
    """A fenced block: where it begins, its language, its lines, and what is to be done with it.

    `place` is the directory that is copied for it, and shared with the blocks that have the same
    `session`; `file` the name it is written under; `shown` why it is not run.
    """

    line: int
    language: str
    text: str
    session: int
    place: str
    file: str = ""
    shown: str = ""


class Command(NamedTuple):
    """A command of a console block and the lines that it is said to print."""

    words: str
    expected: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    session, place = 0, ""
    pending: dict[str, str] = {}
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        comment = _COMMENT.fullmatch(line.strip())
        if comment is not None and comment[1] == "in":
            session, place = session + 1, comment[2]
        elif comment is not None:
            pending[comment[1]] = comment[2]
        fence = _FENCE.match(line)
        if fence is not None:
            inside = []
            for _, text in lines:
                if text == fence[1]:
                    break
                inside.append(text + "\n")
            yield Block(number, fence[2], "".join(inside), session, place, **pending)
            pending = {}


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        words, _, expected = part.partition("\n")
        while words.endswith("\\"):
            more, _, expected = expected.partition("\n")
            words = f"{words}\n{more}"
        yield Command(words, expected)


def difference(expected: str, printed: str) -> str | None:
    """Return how a text differs from what it should be, with `...` for any part; None if not."""
    if "New in shared directories" not in expected:
        printed = _STRANGERS.sub("", printed)  # other programs of this machine
    printed = _SLOWNESS.sub("", printed)  # of this machine too
    wanted, found = _comparable(expected), _comparable(printed)
    if _pattern(wanted).fullmatch("".join(f"{line}\n" for line in found)):
        return None
    return "\n".join(["The page says:", *wanted, "", "It printed:", *found])


def _comparable(text: str) -> list[str]:
    for pattern, replacement in _VARIABLE:
        text = pattern.sub(replacement, text)
    return [line.rstrip() for line in text.rstrip("\n").split("\n")]


def _pattern(lines: list[str]) -> re.Pattern[str]:
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(map(re.escape, line.split("..."))) + r"\n")
    return re.compile("".join(parts))


class Workshop:
    """A directory in which a reader works: a copy of an example, with the commands installed.

    Args:
        directory: an empty directory.
        place: the directory of this project to copy, or `repository` for a clone of all that
            `make demo` needs, or `empty`.
    """

    def __init__(self, directory: Path, place: str) -> None:
        self.path = directory.resolve() / "work"
        self._bin = directory / "bin"
        self._temp = directory.resolve() / "temp"
        self._temp.mkdir()
        self._status = 0
        _make_commands(self._bin)
        if place == "repository":
            self._clone()
        elif place == "empty":
            self.path.mkdir()
        else:
            shutil.copytree(PROJECT / place, self.path, ignore=_left_out)

    def _clone(self) -> None:
        shutil.copytree(PROJECT / "examples", self.path / "examples", ignore=_left_out)
        for name in ("Makefile", "setup.cfg", "pyproject.toml"):
            shutil.copy(PROJECT / name, self.path)
        _make_commands(self.path / ".venv" / "bin")
        (self.path / ".venv" / ".ready").touch()

    def write(self, name: str, text: str) -> None:
        """Write a file, making the directories on the way."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def type(self, command: str) -> tuple[int, str]:
        """Run a command in the shell; return its status, and all that it printed."""
        status, printed = self._run(command)
        self._status = status
        printed = printed.replace(str(self.path), SHOWN_AS)
        return status, printed.replace(str(self._temp), "/tmp")

    def _run(self, command: str) -> tuple[int, str]:
        if _PYTHON_MODULE.fullmatch(command):  # which needs no shell
            code, out, _ = run_python(
                shlex.split(command)[1:], cwd=self.path, environment=self._environment(),
                merged=True,
            )
            return code, out
        script = f"(exit {self._status})\n{command}"
        done = subprocess.run(
            ["sh", "-c", script], cwd=self.path, env=self._environment(), timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def run_script(self, text: str) -> tuple[int, str]:
        """Run a text as a Python script; return its status, and all that it printed."""
        script = self.path.parent / "example.py"
        script.write_text(text, encoding="utf-8")
        return self.type(f"python {script}")

    def take_leftovers(self) -> list[str]:
        """Remove what is in the temp directory, where nothing may be left; return its names."""
        # pytest keeps the directories of `tmp_path` itself.
        found = sorted(name for name in os.listdir(self._temp) if name[:10] != "pytest-of-")
        shutil.rmtree(self._temp)
        self._temp.mkdir()
        return found

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_EXTERNAL)}
        return kept | {
            "PYTEST_ADDOPTS": "-p no:asyncio -p no:randomly",  # installed for other tests
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "TMPDIR": str(self._temp),
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _left_out(directory: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("__pycache__", ".tidytest_cache", "debug.log")]


def _make_commands(directory: Path) -> None:
    """Make `python`, `tidytest` and `tidytest-files` commands of this interpreter and project."""
    directory.mkdir(parents=True)
    for name, words in (
        ("python", ""), ("tidytest", " -m runner"), ("tidytest-files", " -m tempfiles"),
    ):  # fmt: skip
        path = directory / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n', encoding="utf-8")
        path.chmod(0o755)


def try_page(page: Path, directory: Path) -> Iterator[str]:
    """Do what a page says, block after block; yield what did not go as it says.

    Args:
        page: the page.
        directory: an empty directory to work in.
    """
    workshop, session = None, 0
    for block in blocks(page):
        if block.session != session:
            session = block.session
            workshop = _opened(directory / f"{page.stem}-{session}", block.place)
        if block.shown or (block.language not in ("console", "python") and not block.file):
            continue
        for complaint in _try_block(block, workshop):
            yield f"{page.relative_to(PROJECT)}, line {block.line}: {complaint}"


def _opened(directory: Path, place: str) -> Workshop:
    directory.mkdir()
    return Workshop(directory, place)


def _try_block(block: Block, workshop: Workshop | None) -> Iterator[str]:
    if workshop is None:
        yield "a block that no `in:` comment gives a place"
    elif block.file:
        workshop.write(block.file, block.text)
        return
    elif block.language == "python":
        status, printed = workshop.run_script(block.text)
        if status:
            yield f"exit status {status}\n{printed}"
    else:
        yield from _try_commands(list(commands(block)), workshop)
    left = workshop.take_leftovers() if workshop is not None else []
    if left and "python -m unittest" not in block.text:
        yield f"left in the temp directory: {left}"


def _try_commands(typed: list[Command], workshop: Workshop) -> Iterator[str]:
    for command, after in zip(typed, [*typed[1:], None], strict=True):
        status, printed = workshop.type(command.words)
        reported = difference(command.expected, printed)
        if reported is not None:
            yield f"$ {command.words}\n{reported}"
        if status and (after is None or after.words != "echo $?"):
            yield f"$ {command.words}\nexit status {status}\n{printed}"


def broken_links(page: Path) -> list[str]:
    """Return the links of a page to files that are not there."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    targets = re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", text)
    return [target for target in targets if not (page.parent / target).exists()]
