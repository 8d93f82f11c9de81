"""The table of reporters, optional libraries, and the records that reporters get."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from runner.reporting import reporters
from tests.support.report_samples import sample


class TableTests(unittest.TestCase):
    def test_every_reporter_can_be_loaded_and_has_both_functions(self) -> None:
        for name in reporters.REPORTERS:
            reporter = reporters.load(name)
            self.assertTrue(callable(reporter.check) and callable(reporter.write), name)

    def test_the_table_imports_no_reporter_and_no_extra(self) -> None:
        script = (
            "import sys, runner.reporting.reporters as r; r.missing(r.REPORTERS);"
            "print([m for m in sys.modules if m in ('jinja2', 'junitparser', 'lxml')"
            " or m in [f'runner.formats.{entry.module}' for entry in r.REPORTERS.values()]])"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        self.assertEqual((done.stdout.strip(), done.stderr), ("[]", ""))

    def test_all_missing_libraries_are_named_at_once(self) -> None:
        script = (
            "import sys; sys.modules.update(dict.fromkeys(('junitparser', 'jinja2', 'tqdm')))\n"
            "from runner.cli.main import main\nmain(sys.argv[1:])"
        )
        words = ["--junit-xml", "a", "--html", "b", "--progress"]
        for asked, extras in ((words, "junit,html,progress"), (words[-1:], "progress")):
            done = subprocess.run(
                [sys.executable, "-c", script, *asked], capture_output=True, text=True
            )
            self.assertEqual(done.returncode, 2)
            self.assertTrue(
                done.stderr.endswith(f'pip install "tidytest[{extras}]"\n'), done.stderr
            )
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_missing_libraries_are_named_in_one_line(self) -> None:
        lacking = {"junit-xml": ("no_such_a", "junit"), "html": ("no_such.b", "html")}
        with mock.patch.object(reporters, "EXTRAS", lacking):
            self.assertEqual(
                reporters.missing(["leak-json", "junit-xml"]),
                "--junit-xml needs no_such_a, which is not installed: "
                'pip install "tidytest[junit]"',
            )
            self.assertEqual(
                reporters.missing(["html", "leak-json", "junit-xml"]),
                "--html needs no_such.b and --junit-xml needs no_such_a, which are not installed: "
                'pip install "tidytest[html,junit]"',
            )

    def test_a_directory_of_the_project_is_not_the_library(self) -> None:
        with tempfile.TemporaryDirectory() as project:
            os.mkdir(os.path.join(project, "no_such_library"))
            lacking = {"html": ("no_such_library", "html")}
            with (mock.patch.object(sys, "path", [project]),
                  mock.patch.object(reporters, "EXTRAS", lacking)):  # fmt: skip
                self.assertIsNotNone(reporters.missing(["html"]))

    def test_an_installed_library_is_not_missing(self) -> None:
        with mock.patch.object(reporters, "EXTRAS", {"html": ("json", "html")}):
            self.assertIsNone(reporters.missing(["html"]))
        self.assertIsNone(reporters.missing(["leak-json", "github"]))


class RecordTests(unittest.TestCase):
    def test_a_report_can_be_sent_to_another_process(self) -> None:
        report = sample(30, 10)
        self.assertEqual(pickle.loads(pickle.dumps(report)), report)

    def test_records_are_frozen_and_slotted(self) -> None:
        for record in (sample(1, 1), *sample(1, 1).records, sample(1, 1).usage[0]):
            self.assertFalse(hasattr(record, "__dict__"))
            with self.assertRaises((AttributeError, TypeError)):
                record.started = 1.0  # type: ignore[union-attr, misc]


if __name__ == "__main__":
    unittest.main()
