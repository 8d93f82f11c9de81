"""An old suite: it passes, and leaves files in the temp directory."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ledger import Ledger


class LedgerTests(unittest.TestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp())
        self.ledger = Ledger(self.directory / "bookings")

    def test_empty(self):
        self.assertEqual(self.ledger.balance(), 0)

    def test_balance(self):
        self.ledger.book(500, "lemons")
        self.ledger.book(-200, "sugar")
        self.assertEqual(self.ledger.balance(), 300)

    def test_is_read_back(self):
        self.ledger.book(500, "lemons")
        self.assertEqual(Ledger(self.ledger.path).balance(), 500)


class ExportTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".ledger", delete=False) as file:
            file.write("500\tlemons\n")
        cls.ledger = Ledger(Path(file.name))

    def test_csv(self):
        self.assertEqual(self.ledger.export().read_text(), "500,lemons\n")

    def test_another_process_can_read_it(self):
        path = self.ledger.export()
        code = "import sys; print(open(sys.argv[1]).read(), end='')"
        shown = subprocess.run(
            [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
        )
        self.assertEqual(shown.stdout, "500,lemons\n")
