"""How rows are shown: as lines on a terminal, and as a page of tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .pairs import Ratio
from .rows import Row, Scale

_HEADS = ("work", "rival", "ours / rival", "aim", "", "ours", "rival")


def cells(row: Row) -> tuple[str, ...]:
    """Return the seven cells of a row."""
    value, ours, rivals = str(row.value or ""), "", ""
    aim = f"{row.aim:g}" if row.aim is not None else ""
    if row.value is not None and row.value.unit and aim:
        aim = f"{aim} {row.value.unit}"
    if isinstance(row.value, Ratio):
        ours, rivals = (amount(each, row.value.of) for each in (row.value.ours, row.value.rival))
    if reason := row.skipped or row.failed:
        value = f"{row.verdict.lower()}: {' '.join(reason.split())}"
    return (row.work, row.rival, value, aim, row.verdict, ours, rivals)


def amount(value: float, unit: str) -> str:
    """Return an amount in the size of its unit that suits it."""
    if unit == "s":
        return seconds(value)
    return f"{value / 1e6:.1f} M" if value >= 1e6 else f"{value:.0f} {unit}"


def seconds(value: float) -> str:
    """Return a time in the unit that suits it."""
    if value < 1e-3:
        return f"{value * 1e6:.1f} us"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def line(row: Row) -> str:
    """Return a row as a line for the terminal."""
    work, rival, value, aim, verdict, ours, theirs = cells(row)
    wish = f"aim {aim} {verdict}" if aim else ""
    times = f"{ours} / {theirs}" if ours else ""
    return f"{work:<54} {rival:<22} {value:<24} {wish:<16} {times}".rstrip()


def summary(rows: Iterable[Row]) -> str:
    """Return how many aims are missed, and how many rows could not be measured."""
    verdicts = [row.verdict for row in rows]
    met, missed, skipped, failed = map(verdicts.count, ("met", "MISSED", "skipped", "FAILED"))
    return f"{met} aims met, {missed} missed; {skipped} rows skipped, {failed} failed"


def page(
    families: Sequence[tuple[str, list[Row]]], machine: Sequence[str], scale: Scale, *, whole: bool
) -> str:
    """Return the whole of `results.md`; `whole` tells whether the run has come to its end."""
    parts = ["# Results", "", *(f"- {text}" for text in machine),
             f"- {scale.rounds} rounds at the least, in turns; each value is the median of the "
             "rounds' values, with their quartiles"]
    if scale.quick:
        parts.append("- A quick look: a part of the work, and what is counted is counted once; "
                     "the aims are meant for all of it.")
    if not whole:
        parts.append("- **Not all of it**: the run was broken off, or was asked for a part only.")
    parts.append(f"- {summary(row for _, rows in families for row in rows)}")
    parts.append("")
    for name, rows in families:
        parts += [f"## {name}", "", _table_line(_HEADS), _table_line(("---",) * len(_HEADS))]
        parts += [_table_line(cells(row)) for row in rows]
        parts.append("")
    return "\n".join(parts)


def _table_line(values: Iterable[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
