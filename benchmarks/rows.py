"""The rows of the table, and how they are shown."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from .pairs import Ratio


@dataclass(frozen=True)
class Row:
    """One line: a work, its rival, and what came of it.

    `aim` is the greatest ratio wished for; `figure` is what is told instead of, or besides, a
    ratio; `skipped` says why there is nothing to tell.
    """

    work: str
    rival: str
    ratio: Ratio | None = None
    aim: float | None = None
    figure: str = ""
    skipped: str = ""

    @property
    def verdict(self) -> str:
        """Whether the aim is met; empty where there is none."""
        if self.ratio is None or self.aim is None:
            return ""
        return "met" if self.ratio.value <= self.aim else "MISSED"


@dataclass(frozen=True)
class Scale:
    """How much is measured: `rounds` counted rounds, and `share` of each amount of work."""

    rounds: int
    share: float = 1.0

    def amount(self, full: int) -> int:
        """Return the part of a full amount that is to be done, at least one."""
        return max(1, int(full * self.share))

    @property
    def quick(self) -> bool:
        """Whether it is a fraction of the work only."""
        return self.share < 1


_HEADS = ("work", "rival", "ours / rival", "aim", "", "ours", "rival")


def cells(row: Row) -> tuple[str, ...]:
    """Return the seven cells of a row."""
    if row.skipped:
        return (row.work, row.rival, f"skipped: {row.skipped}", "", "", "", "")
    ratio = row.ratio
    if ratio is None:
        return (row.work, row.rival, row.figure, "", "", "", "")
    value = f"{ratio}; {row.figure}" if row.figure else str(ratio)
    aim = f"{row.aim:g}" if row.aim is not None else ""
    return (row.work, row.rival, value, aim, row.verdict, seconds(ratio.ours), seconds(ratio.rival))


def seconds(value: float) -> str:
    """Return a time in the unit that suits it."""
    if value < 1e-3:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def line(row: Row) -> str:
    """Return a row as a line for the terminal."""
    work, rival, value, aim, verdict, ours, theirs = cells(row)
    wish = f"aim {aim} {verdict}" if aim else ""
    times = f"{ours} / {theirs}" if ours else ""
    return f"{work:<52} {rival:<22} {value:<24} {wish:<16} {times}".rstrip()


def markdown(families: Iterable[tuple[str, list[Row]]], scale: Scale) -> str:
    """Return the whole of `results.md`."""
    parts = ["# Results", "", *(f"- {text}" for text in machine()),
             f"- {scale.rounds} rounds, in turns; each ratio is the median of the rounds' ratios, "
             "with its quartiles", ""]
    for name, rows in families:
        parts += [f"## {name}", "", _table_line(_HEADS), _table_line(("---",) * len(_HEADS))]
        parts += [_table_line(cells(row)) for row in rows]
        parts.append("")
    return "\n".join(parts)


def machine() -> list[str]:
    """Return lines that say what was measured on, and when."""
    uname = platform.uname()
    return [
        f"{date.today().isoformat()}, {platform.python_implementation()} "
        f"{platform.python_version()} ({Path(sys.executable).name})",
        f"{uname.system} {uname.release} {uname.machine}, {os.cpu_count()} x {_processor()}",
        f"default temp directory: {_file_system(_default_temp())}; "
        f"/dev/shm: {_file_system('/dev/shm')}",
    ]


def _default_temp() -> str:
    import tempfile

    return tempfile.gettempdir()


def _processor() -> str:
    try:
        for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def _file_system(path: str) -> str:
    try:
        done = subprocess.run(
            ["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _table_line(values: Iterable[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
