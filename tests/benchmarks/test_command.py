"""The benchmarks refuse, judge, skip and report as they should. No clock is asked here."""

from __future__ import annotations

import contextlib
import errno
import io
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import benchmarks.__main__ as program
import tempfiles
from benchmarks import (
    files,
    leftovers,
    machine,
    one_count,
    pinned,
    places,
    scaling,
    starts,
    stdlib,
    suites,
    trees,
    works,
)
from benchmarks.pairs import (
    FailedError,
    MissingError,
    Ratio,
    Rounds,
    Sample,
    Spread,
    interleave,
    sums,
)
from benchmarks.rows import Row, Scale, Wanted, filled, ratio, refusal
from benchmarks.table import cells, line, page, summary
from tests.support.programs import REPOSITORY

QUICK = Scale(3, 0.1)


def rounds(**seconds: list[float]) -> Rounds:
    return Rounds({name: [{"clean": each} for each in found] for name, found in seconds.items()})


class RefusalTests(unittest.TestCase):
    def test_fewer_than_seven_rounds_are_a_quick_look_only(self) -> None:
        self.assertIn("7 rounds at the least", refusal(6, quick=False))
        self.assertIn("--rounds -1", refusal(-1, quick=False))
        self.assertIn("one round at the least", refusal(0, quick=True))
        for number, quick in ((None, False), (7, False), (1, True), (None, True)):
            self.assertEqual("", refusal(number, quick=quick))

    def check_refused(self, *words: str) -> None:
        done = subprocess.run([sys.executable, "-m", "benchmarks", *words], cwd=REPOSITORY,
                              capture_output=True, text=True)
        self.assertEqual((2, "", 1), (done.returncode, done.stdout, done.stderr.count("\n")), done)
        self.assertTrue(done.stderr.startswith("benchmarks: "), done.stderr)

    def test_the_program_refuses_in_one_line_before_it_measures(self) -> None:
        self.check_refused("--rounds", "3")
        self.check_refused("--rounds", "-1")
        self.check_refused("--quick", "--output", "/no/such/directory/results.md")


class PairTests(unittest.TestCase):
    def test_a_ratio_is_the_median_of_rounds_with_quartiles(self) -> None:
        done = rounds(ours=[1, 2, 3, 4, 5, 6, 70], rival=[1] * 7)
        self.assertEqual(Ratio(4, 2, 6, "", 4, 1, "s"), done.ratio("ours", "rival", "clean"))

    def test_a_difference_is_taken_round_by_round(self) -> None:
        done = rounds(leaking=[11, 23, 35, 47, 59, 61, 73], tidy=[10, 20, 30, 40, 50, 50, 60])
        self.assertEqual(Spread(7, 3, 11, "us"),
                         done.difference("leaking", "tidy", "clean", (1.0, "us")))

    def test_the_turns_change_and_the_first_round_is_not_counted(self) -> None:
        turns: list[str] = []

        def turn(name: str) -> Sample:
            turns.append(name)
            return {"clean": float(len(turns))}

        done = interleave({"a": lambda: turn("a"), "b": lambda: turn("b")}, 2)
        self.assertEqual("abbaab", "".join(turns))
        self.assertEqual([4.0, 5.0], done.values("a", "clean"))

    def test_a_rival_that_took_nothing_is_no_division_by_zero(self) -> None:
        with self.assertRaisesRegex(FailedError, "nothing that could be measured"):
            rounds(ours=[1.0], rival=[0.0]).ratio("ours", "rival", "clean")

    def test_one_that_cannot_go_is_left_out_and_breaks_the_sums(self) -> None:
        goes = mock.Mock(side_effect=MissingError("no such thing"))
        part = interleave({"ours": lambda: {"clean": 1.0}, "ram": goes}, 7)
        self.assertEqual(1, goes.call_count)
        whole = sums([part, rounds(ours=[2.0] * 7, ram=[1.0] * 7)], "clean")
        self.assertEqual([3.0] * 7, whole.values("ours", "clean"))
        with self.assertRaisesRegex(MissingError, "no such thing"):
            whole.values("ram", "clean")


class RowTests(unittest.TestCase):
    def filled(self) -> list[Row]:
        wanted = [Wanted("clean up", rival, ratio("ours", rival, "clean"), 1.0)
                  for rival in ("same", "worse", "absent", "wrong", "full")]
        sides = {name: mock.Mock(return_value={"clean": 1.0}) for name in ("ours", "same")}
        sides["worse"] = mock.Mock(return_value={"clean": 0.5})
        sides["absent"] = mock.Mock(side_effect=MissingError("it is not here"))
        sides["wrong"] = mock.Mock(side_effect=FailedError("it did nothing"))
        sides["full"] = mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
        return list(filled(wanted, lambda: interleave(sides, 7)))

    def test_each_row_has_its_verdict_whatever_becomes_of_the_others(self) -> None:
        found = self.filled()
        self.assertEqual(["met", "MISSED", "skipped", "FAILED", "skipped"],
                         [row.verdict for row in found])
        self.assertIn("skipped: it is not here", line(found[2]))
        self.assertIn("failed: it did nothing", line(found[3]))
        self.assertIn("No space left", found[4].skipped)
        self.assertEqual("1 aims met, 1 missed; 2 rows skipped, 1 failed", summary(found))

    def test_what_hinders_all_rows_is_told_in_each(self) -> None:
        wanted = [Wanted("a", "b", ratio("ours", "rival", "clean"), 1.0)] * 2
        found = list(filled(wanted, mock.Mock(side_effect=MissingError("no tmpfs"))))
        self.assertEqual([Row("a", "b", aim=1.0, skipped="no tmpfs")] * 2, found)
        full = mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
        self.assertEqual("skipped", next(filled(wanted, full)).verdict)

    def test_a_quantity_is_judged_and_shown_in_its_unit(self) -> None:
        for held, verdict in ((0.75, "met"), (1.0, "met"), (8.1, "MISSED")):
            row = Row("memory", "", Spread(held, held, held, "MB"), 1.0)
            self.assertEqual(verdict, row.verdict)
        self.assertEqual("8.100 (8.100 to 8.100) MB", cells(row)[2])
        self.assertEqual("1 MB", cells(row)[3])

    def test_a_value_without_an_aim_has_no_verdict(self) -> None:
        self.assertEqual("", Row("memory", "", Spread(1, 1, 1, "MB")).verdict)

    def test_the_page_tells_the_machine_and_whether_it_is_whole(self) -> None:
        row = Row("a|b", "c", Ratio(0.5, 0.4, 0.6, "", 2e8, 4e8, "instructions"), 1.25)
        whole = page([("Suites", [row])], ["CPython"], Scale(7), whole=True)
        self.assertIn("- CPython", whole)
        self.assertIn("| a\\|b | c | 0.500 (0.400 to 0.600) | 1.25 | met | 200.0 M | 400.0 M |",
                      whole)
        self.assertNotIn("Not all of it", whole)
        self.assertIn("Not all of it", page([], [], QUICK, whole=False))


class ReportTests(unittest.TestCase):
    def setUp(self) -> None:
        self.output = Path(self.enterContext(tempfile.TemporaryDirectory()), "results.md")
        self.printed = self.enterContext(contextlib.redirect_stdout(io.StringIO()))
        self.errors = self.enterContext(contextlib.redirect_stderr(io.StringIO()))

    def measure(self, *families: object) -> tuple[int, str]:
        named = {str(number): (f"Family {number}", rows) for number, rows in enumerate(families)}
        with (mock.patch.object(program, "FAMILIES", named),
              mock.patch.object(program, "compiled"),
              mock.patch.object(program, "machine", return_value=["a machine"])):
            code = program.main(["--quick", "--output", str(self.output)])
        return code, self.output.read_text(encoding="utf-8")

    def test_each_row_is_written_as_it_comes(self) -> None:
        def rows(scale: Scale) -> Iterator[Row]:
            yield Row("first", "")
            self.assertIn("| first |", self.output.read_text(encoding="utf-8"))
            raise KeyboardInterrupt

        code, text = self.measure(rows)
        self.assertEqual(130, code)
        self.assertIn("| first |", text)
        self.assertIn("Not all of it", text)

    def test_a_broken_family_fails_the_run_and_leaves_the_others(self) -> None:
        def broken(scale: Scale) -> Iterator[Row]:
            yield Row("first", "")
            raise ZeroDivisionError("of the benchmark")

        code, text = self.measure(broken, lambda scale: iter([Row("second", "")]))
        self.assertEqual(1, code)
        self.assertIn("failed: ZeroDivisionError: of the benchmark", text)
        self.assertIn("| second |", text)
        self.assertNotIn("Not all of it", text)

    def test_a_missed_aim_and_a_skipped_row_fail_nothing(self) -> None:
        code, text = self.measure(lambda scale: iter([
            Row("missed", "", Spread(2, 2, 2), 1.0), Row("skipped", "", skipped="no tmpfs"),
        ]))
        self.assertEqual(0, code)
        self.assertIn("0 aims met, 1 missed; 1 rows skipped, 0 failed", text)


class HeadTests(unittest.TestCase):
    def test_the_head_names_versions_machine_and_file_systems(self) -> None:
        head = "\n".join(machine.machine())
        for part in (f"tidytest {tempfiles.__version__}", "commit", "rivals: ", "GB memory",
                     "default temp directory, ", "/dev/shm: "):
            self.assertIn(part, head)

    def test_what_is_not_there_is_told(self) -> None:
        with mock.patch("shutil.which", return_value=None):
            head = "\n".join(machine.machine())
        self.assertIn("commit unknown", head)
        self.assertIn("rivals: no pytest; no rm; no C compiler; no valgrind", head)


class TableTests(unittest.TestCase):
    """Every row that was asked for is there, with its aim."""

    def setUp(self) -> None:
        for module in (files, starts, suites, stdlib, scaling, leftovers, trees):
            self.enterContext(mock.patch.object(
                module, "interleave", side_effect=MissingError("not now")))
        # Neither entries by the thousand nor places that this machine may not have.
        self.enterContext(mock.patch.object(suites, "CROWD", 10))
        self.enterContext(mock.patch.object(trees, "FILES", 10))
        self.enterContext(mock.patch.object(trees, "DIRECTORIES", 2))
        self.enterContext(mock.patch.object(places.Place, "check"))

    def aims(self, family: str) -> dict[tuple[str, str], float | None]:
        _, rows = program.FAMILIES[family]
        found = list(rows(Scale(7)))
        self.assertEqual({"skipped"}, {row.verdict for row in found})
        self.assertEqual(len(found), len({(row.work, row.rival) for row in found}))
        return {(row.work, row.rival): row.aim for row in found}

    def test_files(self) -> None:
        aims = self.aims("files")
        for place in ("tmpfs", "default temp"):
            for work in works.works(Scale(7)):
                name = f"{work.name}, {place}"
                self.assertEqual(1.3, aims[f"create {name}", "open, write, close"])
                for rival, aim in (("shutil.rmtree", 1.0), ("rm -rf", 0.9),
                                   ("unlinkat in C", 1.15)):
                    self.assertEqual(aim, aims[f"clean up {name}", rival])

    def test_suites(self) -> None:
        aims = self.aims("suites")
        for work, rival, aim in (
            ("10000 empty tests", "unittest", 1.25),
            ("10000 empty tests", "pytest", 0.05),
            ("5000 tests that create and remove a file", "unittest", 1.35),
            ("5000 tests that create and remove a file", "pytest", 0.1),
            ("start of an empty suite, one empty module", "unittest", 1.5),
            ("start of an empty suite, no module", "unittest", 1.5),
            ("start of an empty suite, no module, instructions", "unittest", 1.5),
            ("500 tests that leak 10 files each, more for each leak", "the same, removing them",
             None),
            ("500 tests that leak 10 files each, tmpfs, more for each leak",
             "the same, removing them", 40.0),
            ("1000 tests among 10 entries in project and temp", "the same in empty ones", 1.05),
        ):
            self.assertEqual(aim, aims[work, rival])

    def test_the_standard_library(self) -> None:
        aims = self.aims("stdlib")
        self.assertEqual(1.02, aims["all 7, tmpfs", "unittest"])
        self.assertEqual(1.2, aims["test_shutil, tmpfs", "unittest"])
        self.assertEqual(8, len(aims))

    def test_large_projects(self) -> None:
        self.assertEqual([1.05, 1.3], [*self.aims("trees").values()])

    def test_suites_of_other_projects(self) -> None:
        failed = subprocess.CalledProcessError(
            1, ["python", "-m", "pip", "-q", "download"], stderr="no network"
        )
        with mock.patch.object(pinned, "pip", side_effect=failed):
            aims = self.aims("real")
        self.assertEqual(7, len(aims))
        self.assertEqual(1.08, aims["all 6", "unittest"])

    def test_scaling(self) -> None:
        aims = self.aims("scaling")
        for count in (10_000, 100_000, 1_000_000):
            words = "default temp" if places.in_memory().unfit else "tmpfs"
            for what in ("create", "clean up"):
                self.assertEqual(1.25, aims[f"{what} {count} files, {words}, each", "each of 1000"])
            self.assertEqual(1.25, aims[f"memory of each of {count} tracked files", "each of 5000"])
            self.assertEqual(1.0, aims[f"what the clean-up of {count} tracked files adds", ""])
        self.assertEqual(
            1.0, aims["memory of 5000 tracked files, without what pathlib interns", ""])

    def test_a_million_files_need_a_tmpfs(self) -> None:
        disk = places.Place("/tmp", "default temp")
        with self.assertRaisesRegex(MissingError, "1,000,000 files take minutes"):
            scaling._pairs(one_count.timed, disk, (1_000_000, 1_000), 7)


if __name__ == "__main__":
    unittest.main()
