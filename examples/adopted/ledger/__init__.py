"""A ledger in a file: one line a booking, the amount and what it was for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class Ledger:
    """The bookings in a file, which is created with the first of them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def book(self, amount: int, purpose: str) -> None:
        """Add a booking; the amount is in cents."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{amount}\t{purpose}\n")

    def balance(self) -> int:
        """Return the sum of all bookings, in cents."""
        if not self.path.exists():
            return 0
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return sum(int(line.split("\t")[0]) for line in lines)

    def export(self) -> Path:
        """Write the bookings to a new CSV file in the temp directory and return its path."""
        fd, name = tempfile.mkstemp(prefix="ledger-", suffix=".csv")
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(self.path.read_text(encoding="utf-8").replace("\t", ","))
        return Path(name)
