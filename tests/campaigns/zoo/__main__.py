"""The whole leak zoo, a process for each row: `python -m tests.campaigns.zoo`; 1 on a failure."""

from __future__ import annotations

import argparse
import sys

from tests.campaigns.zoo.campaign import campaign, cells, show
from tests.campaigns.zoo.rows import PLACES
from tests.campaigns.zoo.trials import trials
from tests.campaigns.zoo.ways import FAMILIES


def main() -> int:
    """Parse the arguments, run the campaign, print the sum."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.zoo", description=__doc__)
    parser.add_argument("select", nargs="*", help="only rows whose 'way @ place' holds this")
    parser.add_argument("--place", action="append", choices=PLACES, default=[])
    parser.add_argument("--family", action="append", choices=[*FAMILIES, "trials"], default=[])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default 2)")
    parser.add_argument("--list", action="store_true", help="print the rows and run none")
    args = parser.parse_args()
    rows = [row for name in args.family or FAMILIES for row in FAMILIES.get(name, ())]
    todo = cells(rows, args.select, args.place)
    suites = [] if args.place or (args.family and "trials" not in args.family) else [
        (name, trial) for name, trial in trials(full=True).items()
        if not args.select or any(part.lower() in name for part in args.select)
    ]
    if args.list:
        print("\n".join([f"{row.name} @ {place}" for row, place in todo] + [n for n, _ in suites]))
        return 0
    verdicts = campaign(todo, args.jobs)
    for _, trial in suites:
        verdicts.append(trial())
        show(verdicts[-1])
    failed = sum(bool(verdict.problems) for verdict in verdicts)
    skipped = sum(bool(verdict.skipped) for verdict in verdicts)
    limited = sum(bool(verdict.limit) for verdict in verdicts)
    print(f"{len(verdicts) - failed - skipped} passed, {failed} failed, {skipped} skipped"
          f"\n{limited} with a limit")
    return 1 if failed or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
