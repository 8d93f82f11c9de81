"""`python -m tests.zoo`: the whole leak zoo, each row in a process of its own; exit 1 on a failure."""

from __future__ import annotations

import argparse
import sys

from .campaign import campaign, cells
from .rows import PLACES
from .ways import FAMILIES


def main() -> int:
    """Parse the arguments, run the campaign, print the sum."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("select", nargs="*", help="only rows whose 'way @ place' holds this")
    parser.add_argument("--place", action="append", choices=PLACES, default=[])
    parser.add_argument("--family", action="append", choices=[*FAMILIES], default=[])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default 2)")
    parser.add_argument("--list", action="store_true", help="print the rows and run none")
    args = parser.parse_args()
    rows = [row for name in args.family or FAMILIES for row in FAMILIES[name]]
    todo = cells(rows, args.select, args.place)
    if args.list:
        print("\n".join(f"{row.name} @ {place}" for row, place in todo))
        return 0
    verdicts = campaign(todo, args.jobs)
    failed = sum(bool(verdict.problems) for verdict in verdicts)
    skipped = sum(bool(verdict.skipped) for verdict in verdicts)
    limited = sum(bool(verdict.limit) for verdict in verdicts)
    print(f"{len(verdicts) - failed - skipped} passed, {failed} failed, {skipped} skipped"
          f"\n{limited} with a limit")
    return 1 if failed or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
