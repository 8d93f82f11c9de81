"""Suites of other projects: their pinned source distributions, downloaded and unpacked."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple


class Suite(NamedTuple):
    """A suite: its source distribution, the words for the test tool, and what it needs."""

    name: str
    version: str
    words: tuple[str, ...]
    requires: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def unpack(self, place: Path) -> Path:
        """Download and unpack the sources into a directory; return the directory of the project.

        Raises:
            subprocess.CalledProcessError: the download failed.
        """
        pinned = f"{self.name}=={self.version}"
        pip("download", "--no-deps", "--no-binary", self.name, "-d", str(place), pinned)
        (archive,) = place.glob("*.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(place / "unpacked", filter="data")
        (project,) = (place / "unpacked").iterdir()
        return project


def pip(*words: str, python: str | Path = sys.executable) -> None:
    """Run pip.

    Args:
        words: the command and its arguments.
        python: the interpreter whose environment it is for.

    Raises:
        subprocess.CalledProcessError: it failed; its standard error says why.
    """
    command = [str(python), "-m", "pip", "-q", *words]
    subprocess.run(command, check=True, capture_output=True, text=True)
