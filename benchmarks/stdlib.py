"""The file-heavy test modules of the standard library, module by module, in turns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from .pairs import Contestant, interleave, sums
from .rows import Row, Scale
from .suites import OURS, REPOSITORY, STOCK, command, project

NAME = "The standard library's own tests"
MODULES = (
    "test_tempfile", "test_shutil", "test_zipfile", "test_tarfile", "test_pathlib",
    "test_mailbox", "test_os",
)
QUICK = ("test_tempfile", "test_mailbox")
RAM = (*OURS, "--temp-root", "ram")


def rows(scale: Scale) -> Iterator[Row]:
    """Measure each module, then give the sums."""
    parts = []
    has_ram = "--temp-root" in _help()
    for name in QUICK if scale.quick else MODULES:
        with project({}) as base:
            contestants: dict[str, Contestant] = {
                "ours": partial(command, base, OURS, [f"test.{name}"]),
                "stock": partial(command, base, STOCK, [f"test.{name}"]),
            }
            if has_ram:
                contestants["ram"] = partial(command, base, RAM, [f"test.{name}"])
            # Seconds each: a quick look does without the round that does not count.
            done = interleave(contestants, scale.rounds, warm_up=not scale.quick)
        parts.append(done)
        yield Row(name, "unittest", done.ratio("ours", "stock", "command"))
        if has_ram:
            yield Row(f"{name}, --temp-root ram", "unittest",
                      done.ratio("ram", "stock", "command"))
    total = sums(parts, "command")
    yield Row(f"all {len(parts)}", "unittest", total.ratio("ours", "stock", "command"), 1.02)
    if has_ram:
        yield Row(f"all {len(parts)}, --temp-root ram", "unittest",
                  total.ratio("ram", "stock", "command"), 0.8)
    else:
        yield Row(f"all {len(parts)}, --temp-root ram", "unittest",
                  skipped="the runner has no --temp-root")


def _help() -> str:
    done = subprocess.run(
        [sys.executable, *OURS, "--help"], cwd=REPOSITORY, capture_output=True, text=True
    )
    return done.stdout
