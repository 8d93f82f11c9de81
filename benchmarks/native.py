"""Build the C loop that the clean-up is held against."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .pairs import FailedError, MissingError

SOURCE = Path(__file__).with_name("unlinkat.c")


def compiler() -> str | None:
    """Return the C compiler of this machine, None if there is none."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def build(directory: Path) -> Path:
    """Compile the loop into a directory, unless it is there, and return the program.

    Raises:
        MissingError: there is no C compiler, or it fails.
    """
    program = directory / "unlinkat"
    if program.exists():
        return program
    if (command := compiler()) is None:
        raise MissingError("no C compiler (cc, gcc, clang)")
    done = subprocess.run(
        [command, "-O2", "-o", str(program), str(SOURCE)], capture_output=True, text=True
    )
    if done.returncode:
        raise MissingError(f"{command}: {last_line(done.stderr)}")
    return program


def ask(*command: str | Path) -> str:
    """Run a command and return what it prints.

    Raises:
        MissingError: there is no such command.
        FailedError: it fails; the message has the last line of what it said.
    """
    if shutil.which(command[0]) is None:
        raise MissingError(f"no {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        message = last_line(done.stderr)
        raise FailedError(f"{Path(command[0]).name}: exit code {done.returncode}: {message}")
    return done.stdout


def last_line(text: str) -> str:
    """Return the last line of what a command said, or that it said nothing."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "no message"
