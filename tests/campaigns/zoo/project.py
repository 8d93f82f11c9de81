"""A project of its own for each run: written, run under `python -m runner`, looked at, removed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.campaigns.zoo.rows import HOME, PROJECT, SHM, SLASH_TMP, TEMP, TMP, Way

REPOSITORY = Path(__file__).resolve().parents[3]
_TIMEOUT = 120  # seconds for one run

_HERE = """\
import os, tempfile
PLACE = {place!r}
MATERIAL = {material!r}
def place():
    return tempfile.gettempdir() if PLACE is None else PLACE
"""
_HEAD = """\
import os, sys, tempfile, unittest
{imports}
from here import place
SLUG = {stem!r}
def leaf(suffix=""):
    return os.path.join(place(), SLUG + suffix)
"""
_CASE = """
class Row(unittest.{base}):
    def test_a_before(self):
        pass
    {prefix}def test_leak(self):
{body}
    def test_z_after(self):
        {after}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process of the runner returned, said and left."""

    status: int
    output: str
    report: dict[str, Any] | None
    left: tuple[str, ...]

    @property
    def leaks(self) -> list[dict[str, Any]]:
        """The leaks of the JSON report (the same objects each time); none without a report."""
        return list(self.report["leaks"]) if self.report else []


@dataclass(slots=True)
class Project:
    """The directories of one run, all below one private directory: the project, the base of its
    temp directory, its home, and a hard-coded directory. `place` is where its rows write."""

    place: str
    rows: tuple[Way, ...]
    top: Path = field(init=False)

    def __post_init__(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="zoo-", dir="/tmp")).resolve()
        for name in ("project", "base", "home", "hard"):
            (self.top / name).mkdir()
        self._write()

    @property
    def token(self) -> str:
        """A short string that is this project's own."""
        return self.top.name.removeprefix("zoo-")

    @property
    def directory(self) -> Path:
        """The working directory of the run."""
        return self.top / "project"

    def where(self) -> str | None:
        """The directory that the rows write to; None is whatever the temp directory is."""
        return {TEMP: None, PROJECT: str(self.directory), TMP: str(self.top / "hard"),
                HOME: str(self.top / "home"), SHM: "/dev/shm", SLASH_TMP: "/tmp"}[self.place]

    def stem(self, row: Way) -> str:
        """The name of what the row leaves: its own in shared directories."""
        return f"{row.slug[:14]}{zlib.crc32(row.name.encode()):08x}-{self.token[:5]}-"

    def _write(self) -> None:
        material = self.directory / "material"
        (material / "sub").mkdir(parents=True)
        (material / "a.txt").write_text("a" * 100)
        (material / "sub" / "b.txt").write_text("b")
        (self.directory / "before.txt").write_text("before")
        with zipfile.ZipFile(self.directory / "material.zip", "w") as z:
            z.write(material / "a.txt", "a.txt")
            z.write(material / "sub" / "b.txt", "sub/b.txt")
        with tarfile.open(self.directory / "material.tar", "w") as t:
            t.add(material, ".")
        self.add("here.py", _HERE.format(place=self.where(), material=str(material)))
        for row in self.rows:
            self.add(f"{row.module}.py", self._source(row))
            for name, text in row.files.items():
                self.add(name, text.replace("{stem}", self.stem(row)))

    def add(self, name: str, text: str) -> None:
        """Write one file of the project."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _source(self, row: Way) -> str:
        head = _HEAD.format(imports=row.imports, stem=self.stem(row))
        if row.whole:
            return head + row.body
        body = "\n".join("        " + text for text in row.body.splitlines())
        return head + _CASE.format(
            base="IsolatedAsyncioTestCase" if row.asynchronous else "TestCase",
            prefix="async " if row.asynchronous else "", body=body, after=row.after,
        )

    def marked(self, name: str, marks: Iterable[str]) -> set[int]:
        """Return the numbers of the lines of a file that carry one of the marks."""
        ends = tuple(f"# {mark}" for mark in marks)
        lines = (self.directory / name).read_text().splitlines()
        return {number for number, text in enumerate(lines, 1) if text.endswith(ends)}

    def run(self, args: Iterable[str], directory: Path | None = None) -> Run:
        """Run the runner in the project (or `directory`); wait for its end and its clean-up."""
        command = [sys.executable, "-m", "runner", "--leak-json", str(self.top / "report.json")]
        with (self.top / "output").open("wb") as output:
            status = subprocess.run(
                [*command, *args], cwd=directory or self.directory, env=self._environment(),
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                timeout=_TIMEOUT, check=False,
            ).returncode
        text = (self.top / "output").read_bytes().decode("utf-8", "replace")
        try:
            report = json.loads((self.top / "report.json").read_text("utf-8"))
        except (OSError, ValueError):
            report = None
        return Run(status, text, report, self._left())

    def _environment(self) -> dict[str, str]:
        environment = {
            key: value for key, value in os.environ.items()
            if key not in ("TMPDIR", "TMP", "TEMP", "FORCE_COLOR", "PYTHONWARNINGS")
        }
        environment.update(
            PYTHONPATH=str(REPOSITORY), HOME=str(self.top / "home"), PYTHONHASHSEED="0",
        )
        if self.place not in (TMP, SLASH_TMP):  # there the run root lies in the real /tmp
            environment["TMPDIR"] = str(self.top / "base")
        return environment

    def _left(self) -> tuple[str, ...]:
        """What is still in the base of the temp directory; the process that guards the run root
        may need a moment after the run."""
        deadline = time.monotonic() + 3
        while (left := os.listdir(self.top / "base")) and time.monotonic() < deadline:
            time.sleep(0.02)
        return tuple(left)

    def remove(self) -> None:
        """Remove all that the project made, in the shared directories too."""
        shutil.rmtree(self.top, ignore_errors=True)
        for shared in map(Path, ("/dev/shm", "/tmp")):
            for path in shared.iterdir():
                if f"-{self.token[:5]}-" in path.name:
                    if path.is_dir() and not path.is_symlink():
                        shutil.rmtree(path, ignore_errors=True)
                    else:
                        path.unlink(missing_ok=True)
