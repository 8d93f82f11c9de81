"""A suite with every kind of event, to record in parts and to merge."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

SUITE = {
    "test_a.py": """
        import os, sys, tempfile, unittest, warnings

        class Outcomes(unittest.TestCase):
            def test_1(self): os.write(1, b"caf\\xc3\\xa9 \\xff\\n")
            def test_2(self):
                "Has a short description."
                self.fail("\\u00e9")
            @unittest.skip("not today")
            def test_3(self): pass
            def test_4(self):
                for number in range(3):
                    with self.subTest(number=number): self.assertNotEqual(number, 1)
            @unittest.expectedFailure
            def test_5(self): self.fail()
            @unittest.expectedFailure
            def test_6(self): pass
            def test_7(self): warnings.warn("old")

        class Leaks(unittest.TestCase):
            @classmethod
            def setUpClass(cls): tempfile.mkdtemp(prefix="class-")
            def test_1(self): open(os.path.join(tempfile.gettempdir(), "left"), "w").close()
            def test_2(self):
                with tempfile.TemporaryDirectory(): pass
    """,
    "test_b.py": """
        import unittest

        def setUpModule(): print("module", flush=True)

        class First(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise OSError("no database")
            def test_1(self): pass
        class Second(unittest.TestCase):
            def test_1(self): pass
    """,
    "test_c.py": """
        import unittest

        class Own(unittest.TestSuite):
            def run(self, result, debug=False):
                return super().run(result, debug)

        class Inner(unittest.TestCase):
            "Only its suite knows it."
            def test_1(self): self.fail("inner")

        def load_tests(loader, tests, pattern):
            return Own([Inner("test_1")])
    """,
    "test_d.py": "import no_such_module\n",
}
"""The files of the suite; their texts are indented."""


def lines_of(record: Path) -> list[Any]:
    """Return the documents of a record, one for each line."""
    return [json.loads(line) for line in record.read_text("utf-8").splitlines()]


def normal(text: str) -> str:
    """Return the output or a report of a run without what differs from run to run."""
    text = re.sub(r"(/tidy-\w{8})+", "/tidy-*", text)
    text = re.sub(r"(?<=[-/ \"])\w{8}(?=[\"/ '])|tmp\w{8}|0x\w+", "*", text)
    return re.sub(r"in \d+\.\d+s|(time|timestamp|value)=\"[^\"]*\"|command=.*", "", text)
