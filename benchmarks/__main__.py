"""python -m benchmarks: measure us and our rivals in turns, and print a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic

from . import files, scaling, stdlib, suites
from .rows import Row, Scale, line, machine, markdown

FAMILIES = {"files": files, "suites": suites, "stdlib": stdlib, "scaling": scaling}
RESULTS = Path(__file__).with_name("results.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; a missed aim is shown and is no failure."""
    options = _parser().parse_args(arguments)
    scale = Scale(options.rounds or 3, 0.1) if options.quick else Scale(options.rounds or 7)
    started = monotonic()
    print("\n".join(machine()), flush=True)
    measured = []
    for name in options.only or FAMILIES:
        family = FAMILIES[name]
        print(f"\n{family.NAME}", flush=True)
        measured.append((family.NAME, _printed(family.rows(scale))))
    output = options.output or (None if options.quick or options.only else RESULTS)
    if output is not None:
        output.write_text(markdown(measured, scale), encoding="utf-8")
    missed = sum(row.verdict == "MISSED" for _, rows in measured for row in rows)
    print(f"\n{missed} aims missed; {monotonic() - started:.0f} s")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, 3 rounds")
    parser.add_argument("--rounds", type=int, metavar="N", help="counted rounds (7, quick: 3)")
    parser.add_argument(
        "--only", action="append", choices=list(FAMILIES), help="one family of rows (repeatable)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help="where the table goes (default: results.md here, if all of it is measured)",
    )
    return parser


def _printed(rows: Iterable[Row]) -> list[Row]:
    kept = []
    for row in rows:
        print(line(row), flush=True)
        kept.append(row)
    return kept


if __name__ == "__main__":
    sys.exit(main())
