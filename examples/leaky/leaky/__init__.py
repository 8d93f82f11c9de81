"""A small program that writes reports, for showing how its tests leak."""

from __future__ import annotations

import csv
import sqlite3
import tempfile
from pathlib import Path


def export(rows: list[tuple[str, int]]) -> Path:
    """Write rows to a CSV file in the temp directory and return its path."""
    path = Path(tempfile.gettempdir()) / "report.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def archive(rows: list[tuple[str, int]]) -> Path:
    """Put rows into a database in a directory of its own and return the directory."""
    directory = Path(tempfile.mkdtemp())
    connection = sqlite3.connect(directory / "rows.db")
    with connection:
        connection.execute("create table rows (name text, amount integer)")
        connection.executemany("insert into rows values (?, ?)", rows)
    connection.close()
    return directory
