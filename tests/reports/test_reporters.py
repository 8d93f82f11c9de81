"""The shared parts of reports: the table, optional libraries, destinations, and escaping."""

from __future__ import annotations

import io
import json
import os
import pickle
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from runner.output import escape
from runner.output.lines import context_lines, leak_line, leak_notes
from runner.output.tracebacks import failure_place, path_below
from runner.reporting import reporters, writer
from runner.reporting.writer import ReportError
from tempfiles.formatting import printable
from tempfiles.records import Leak, Origin
from tempfiles.reports import ContextReport
from tests.support.report_samples import HOSTILE, sample


class TableTests(unittest.TestCase):
    def test_every_reporter_can_be_loaded_and_has_both_functions(self) -> None:
        for name in reporters.REPORTERS:
            reporter = reporters.load(name)
            self.assertTrue(callable(reporter.check) and callable(reporter.write), name)

    def test_the_table_imports_no_reporter_and_no_extra(self) -> None:
        script = (
            "import sys, runner.reporting.reporters as r; r.missing(r.REPORTERS);"
            "print([m for m in sys.modules if m in ('jinja2', 'junitparser', 'lxml')"
            " or m in [f'runner.reporting.{entry.module}' for entry in r.REPORTERS.values()]])"
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


class DestinationTests(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.path = os.path.join(self.directory, "report.txt")

    def test_checking_leaves_no_trace(self) -> None:
        writer.check(self.path)
        self.assertEqual(os.listdir(self.directory), [])
        with open(self.path, "w") as file:
            file.write("before")
        writer.check(self.path)
        with open(self.path) as file:
            self.assertEqual(file.read(), "before")

    def test_unwritable_destination_is_refused_in_one_line(self) -> None:
        bad = (
            os.path.join(self.directory, "missing", "x.html"), self.directory,
            self.directory + os.sep, "", "nul\0byte", os.path.join(self.directory, "n" * 300),
            os.path.join(self.directory, "esc\x1b[31m\n", "x"),
        )
        for path in bad:
            for attempt in (writer.check, lambda p: writer.write_text("x", p)):
                with self.subTest(path=path), self.assertRaises(ReportError) as raised:
                    attempt(path)
                self.assertNotRegex(str(raised.exception), r"[\n\x1b\0]")
                self.assertTrue(str(raised.exception).startswith("cannot write "))
        self.assertEqual(os.listdir(self.directory), [])

    def test_a_report_has_the_permissions_of_any_new_file(self) -> None:
        writer.write_text("x", self.path)
        umask = os.umask(0)
        os.umask(umask)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o666 & ~umask)

    def test_a_replaced_report_keeps_its_permissions(self) -> None:
        writer.write_text("old", self.path)
        os.chmod(self.path, 0o640)
        writer.write_text("new", self.path)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)
        self.assertEqual(os.listdir(self.directory), ["report.txt"])

    @unittest.skipUnless(hasattr(os, "symlink"), "no symbolic links here")
    def test_a_symlink_stays_and_its_target_is_replaced(self) -> None:
        writer.write_text("old", self.path)
        link = os.path.join(self.directory, "link")
        os.symlink("report.txt", link)
        writer.write_text("new", link)
        self.assertTrue(os.path.islink(link))
        with open(self.path) as file:
            self.assertEqual(file.read(), "new")

    @unittest.skipUnless(os.path.exists("/dev/null"), "no devices here")
    def test_a_device_is_written_to_and_not_replaced(self) -> None:
        writer.check("/dev/null")
        writer.write_text("x", "/dev/null")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))

    def test_a_stream_gets_what_its_encoding_can_hold(self) -> None:
        stream = io.TextIOWrapper(io.BytesIO(), "ascii")
        writer.check(stream)
        writer.write_text("\u00fc\udcff", stream)
        self.assertEqual(stream.buffer.getvalue(), b"\\xfc\\udcff")
        plain = io.StringIO()
        writer.write_text("\udcff", plain)
        self.assertEqual(plain.getvalue(), "\\udcff")


class TextTests(unittest.TestCase):
    def test_every_invisible_character_is_escaped(self) -> None:
        everything = "".join(map(chr, range(0x11_0000)))
        self.assertTrue(printable(everything).isprintable())
        self.assertEqual(printable("a\x1b\x9b\udcff\u202e\r\n\t"),
                         "a\\x1b\\x9b\\udcff\\u202e\\r\\n\\t")

    def test_a_block_keeps_its_lines(self) -> None:
        self.assertEqual(escape.printable_block("a\r\n\tb\rc\x00"), "a\n\tb\\rc\\x00")

    def test_hostile_text_can_always_be_written(self) -> None:
        for escaped in (printable(HOSTILE), escape.printable_block(HOSTILE)):
            escaped.encode("utf-8")
            self.assertNotIn("\x1b", escaped)

    def test_long_text_is_shortened_in_the_middle(self) -> None:
        short = escape.shorten("a" * 600 + "b" * 600, 100)
        self.assertTrue(short.startswith("a" * 50 + "\n[... 1,100 characters left out"))
        self.assertTrue(short.endswith("b" * 50))
        self.assertEqual(escape.clip("x" * 500, 11), "xxxx...xxxx")


class LineTests(unittest.TestCase):
    def test_leak_is_one_line(self) -> None:
        leak = Leak("/tmp/x\n/d", "directory", 2048, 4, "c", "test",
                    Origin("t.py", 3, "f", "open"), never_closed=True, where="outside")
        self.assertEqual(
            leak_line(leak),
            "directory /tmp/x\\n/d 2.0 KiB, 3 entries, created at t.py:3 in f  open, "
            "outside the temp directory, never closed, left",
        )

    def test_contents_of_a_directory_are_as_on_the_terminal(self) -> None:
        for entries, files, told in ((1, 0, "empty"), (2, 1, "1 file"), (2, 0, "1 entry"),
                                     (5, 3, "4 entries"), (2_001, 2_000, "2,000 files")):
            leak = Leak("/tmp/d", "directory", 9, entries, "c", "test", outcome="removed",
                        files=files)
            self.assertEqual(leak_line(leak), f"directory /tmp/d 9 B, {told}")
            *_, row = context_lines(ContextReport("c", "test", leaks=(leak,)))
            self.assertIn(f"d/  {told}", row)

    def test_notes_name_the_reason_and_rescued_files(self) -> None:
        leak = Leak("/p/d", "directory", 0, 2, "c", "test", outcome="left", where="outside",
                    reason="it holds x", rescued=("/tmp/y\n",))
        self.assertEqual(leak_notes(leak), [
            "outside the temp directory", "left: it holds x",
            "held a preexisting file, now at /tmp/y\\n",
        ])  # fmt: skip


class PlaceTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(os.path.realpath(self.enterContext(tempfile.TemporaryDirectory())))
        for name in ("p/tests/test_a.py", "p/tests/liar.py", "p/b.py", "q/c.py"):
            (self.top / name).parent.mkdir(parents=True, exist_ok=True)
            (self.top / name).touch()
        self.project, self.other = str(self.top / "p"), str(self.top / "q")
        self.test = str(self.top / "p/tests/test_a.py"), 3

    def test_failure_is_at_the_innermost_line_of_the_project(self) -> None:
        traceback = (
            'Traceback (most recent call last):\n'
            f'  File "{self.test[0]}", line 3, in test_x\n    json.loads("")\n'
            f'  File "{json.__file__}", line 346, in loads\n    return x\n'
            f'ValueError: see\n  File "{self.project}/tests/liar.py", line 1\n'
        )
        top = str(self.top)
        self.assertEqual(failure_place(traceback, self.project, self.project), self.test)
        self.assertEqual(failure_place(traceback, self.other, top), self.test)
        self.assertIsNone(failure_place(traceback, self.project, self.other))
        self.assertIsNone(failure_place("no traceback", self.project, self.project))

    def test_directory_of_the_run_precedes_the_workspace(self) -> None:
        traceback = (
            'Traceback (most recent call last):\n'
            f'  File "{self.test[0]}", line 3, in test_x\n    c.f()\n'
            f'  File "{self.other}/c.py", line 1, in f\n    1 / 0\nZeroDivisionError: x\n'
        )
        self.assertEqual(failure_place(traceback, self.project, str(self.top)), self.test)

    def test_code_without_a_file_has_no_place(self) -> None:
        for name in ("<string>", "page.html", f"{self.project}/page.html", "nul\\x00"):
            traceback = (
                'Traceback (most recent call last):\n'
                f'  File "{self.test[0]}", line 3, in test_x\n    exec("1 / 0")\n'
                f'  File "{name}", line 1, in <module>\nZeroDivisionError: division by zero\n'
            )
            place = failure_place(traceback, self.project, self.project)
            self.assertEqual(place, self.test, name)

    @unittest.skipUnless(hasattr(os, "symlink"), "no symbolic links here")
    def test_a_path_below_a_directory_is_found_through_links(self) -> None:
        os.symlink("p", self.top / "link")
        for file in (f"{self.top}/link/b.py", f"{self.top}/p/b.py", "b.py"):
            self.assertEqual(path_below(file, self.project), "b.py")
        for file in ("../q/c.py", "missing.py", "tests"):
            self.assertIsNone(path_below(file, self.project), file)

    def test_the_last_of_chained_exceptions_counts(self) -> None:
        block = 'Traceback (most recent call last):\n  File "{}.py", line 3, in f\n    x\nE\n'
        chain = (block.format("tests/test_a") + "\nDuring handling of the above exception, another "
                 "exception occurred:\n\n" + block.format("b"))
        place = failure_place(chain, self.project, self.project)
        self.assertEqual(place, (f"{self.project}/b.py", 3))


if __name__ == "__main__":
    unittest.main()
