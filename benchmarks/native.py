"""Build the C loop that the clean-up is held against."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("unlinkat.c")


class MissingError(Exception):
    """What a row needs is not on this machine; the message says what."""


def build(directory: Path) -> Path:
    """Compile the loop into a directory and return the program.

    Raises:
        MissingError: there is no C compiler, or it fails.
    """
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise MissingError("no C compiler (cc, gcc, clang)")
    program = directory / "unlinkat"
    done = subprocess.run(
        [compiler, "-O2", "-o", str(program), str(SOURCE)], capture_output=True, text=True
    )
    if done.returncode:
        raise MissingError(f"{compiler} failed: {done.stderr.strip().splitlines()[-1]}")
    return program
