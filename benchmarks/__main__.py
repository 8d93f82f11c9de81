"""python -m benchmarks: measure us and our rivals in turns, and print a table."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from . import files, parallel, real, scaling, stdlib, suites, trees
from .machine import machine
from .rows import LEAST_ROUNDS, QUICK_ROUNDS, Row, Scale, refusal
from .runs import compiled
from .table import line, page, summary

Family = Callable[[Scale], Iterator[Row]]
# Rows with few files come before those that remove ten thousands: this slows a disk down, as
# docs/contributing/measurements.md describes.
FAMILIES: Mapping[str, tuple[str, Family]] = {
    "suites": (suites.NAME, suites.rows),
    "trees": (trees.NAME, trees.rows),
    "stdlib": (stdlib.NAME, stdlib.rows),
    "real": (real.NAME, real.rows),
    "parallel": (parallel.NAME, parallel.rows),
    "files": (files.NAME, files.rows),
    "scaling": (scaling.NAME, scaling.rows),
}
RESULTS = Path(__file__).with_name("results.md")


@dataclass
class Report:
    """What has been measured so far; it is written after each row, so that a run that is broken
    off keeps what it had. `output` is None for what is printed only."""

    output: Path | None
    scale: Scale
    machine: Sequence[str]
    families: list[tuple[str, list[Row]]] = field(default_factory=list)

    def begin(self, family: str) -> None:
        """Print the name of a family, into which the next rows go."""
        print(f"\n{family}", flush=True)
        self.families.append((family, []))

    def add(self, row: Row) -> None:
        """Print a row, and write all of the page."""
        print(line(row), flush=True)
        self.families[-1][1].append(row)
        self.write(whole=False)

    def write(self, *, whole: bool) -> None:
        """Write the page; `whole` tells whether all is measured."""
        if self.output is not None:
            text = page(self.families, self.machine, self.scale, whole=whole)
            self.output.write_text(text, encoding="utf-8")

    @property
    def rows(self) -> list[Row]:
        """All rows of all families."""
        return [row for _, rows in self.families for row in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for. A missed aim is shown and is no failure; a row whose contestants
    did other work than they should have is one."""
    options = _parser().parse_args(arguments)
    output = options.output or (None if options.quick or options.only else RESULTS)
    if problem := refusal(options.rounds, quick=options.quick) or _unwritable(output):
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 2
    scale = Scale(options.rounds or (QUICK_ROUNDS if options.quick else LEAST_ROUNDS),
                  0.1 if options.quick else 1.0)
    started = monotonic()
    compiled()
    report = Report(output, scale, machine())
    print("\n".join(report.machine), flush=True)
    names = list(dict.fromkeys(options.only or FAMILIES))
    try:
        for name in names:
            measure(*FAMILIES[name], report)
    except KeyboardInterrupt:
        print("\nbroken off", file=sys.stderr)
        return 130
    report.write(whole=len(names) == len(FAMILIES))
    print(f"\n{summary(report.rows)}; {monotonic() - started:.0f} s")
    return 1 if any(row.failed for row in report.rows) else 0


def measure(name: str, family: Family, report: Report) -> None:
    """Measure a family; a mistake of the benchmark's own ends it, and not the others."""
    report.begin(name)
    started = monotonic()
    try:
        for row in family(report.scale):
            report.add(row)
    except Exception as error:
        traceback.print_exc()
        report.add(Row("the rest of these", "", failed=f"{type(error).__name__}: {error}"))
    print(f"({monotonic() - started:.0f} s)", flush=True)


def _unwritable(output: Path | None) -> str:
    if output is None or os.access(output if output.exists() else output.parent, os.W_OK):
        return ""
    return f"cannot write to {output}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help=f"a tenth of the work, {QUICK_ROUNDS} rounds")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help=f"counted rounds, {LEAST_ROUNDS} at the least (quick: any)")
    parser.add_argument(
        "--only", action="append", choices=list(FAMILIES), help="one family of rows (repeatable)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help="where the table goes (default: results.md here, if all of it is measured)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
