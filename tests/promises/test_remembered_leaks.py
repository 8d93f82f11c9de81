"""A leak outside the temp directory is remembered between runs until the file is gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest

from tests.runs.test_full_disk import may_mount
from tests.support.projects import ProjectTestCase

SUITE = """
    import os, unittest
    class T(unittest.TestCase):
        def test_writes(self):
            {}
        def test_other(self): pass
"""
WAYS = {
    "open": "open('result.txt', 'w').close()",
    "only where it is missing": "os.path.exists('result.txt') or open('result.txt', 'w').close()",
    "by another file": "open('.new', 'w').close(); os.replace('.new', 'result.txt')",
    "removed first": "os.path.exists('result.txt') and os.remove('result.txt')\n"
                     "            open('result.txt', 'w').close()",
    "a directory": "os.makedirs('result.txt', exist_ok=True)\n"
                   "            open('result.txt/a', 'w').close()",
    "a link": "os.path.lexists('result.txt') or os.symlink('nowhere', 'result.txt')",
    "by a child": "os.system('echo > result.txt')",
    "by a child that replaces it": "os.system('echo > x; mv x result.txt')",
}
FIXED = "pass"


class RememberedTestCase(ProjectTestCase):
    def suite(self, body: str) -> None:
        self.write("test_a.py", SUITE.format(body))

    def remove_leak(self) -> None:
        path = self.project / "result.txt"
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def fails(self, *words: str) -> str:
        outcome = self.tidytest("--leaks", "fail", *words)
        self.assertEqual(outcome.code, 1, outcome.err)
        return outcome.err

    def succeeds(self, *words: str) -> str:
        outcome = self.tidytest("--leaks", "fail", *words)
        self.assertEqual(outcome.code, 0, outcome.err)
        return outcome.err


class FailsAgainTests(RememberedTestCase):
    def test_every_run_fails_until_the_file_is_gone(self) -> None:
        for way, body in WAYS.items():
            with self.subTest(way):
                self.suite(body)
                for number in range(3):
                    err = self.fails()
                    self.assertRegex(err, r"LEAK: \S*test_writes")
                    self.assertEqual(err.count("result.txt"), err.count("result.txt") or 1, err)
                    self.assertIn("1 leaked by 1 test (left)", err, number)
                self.remove_leak()
                self.suite(FIXED)
                err = self.succeeds()
                self.assertIn("Fixed: test_a.T.test_writes no longer leaves result.txt\n", err)
                self.assertNotIn("Fixed", self.succeeds())

    def test_what_no_test_left_fails_again(self) -> None:
        for body in ("import atexit; atexit.register(print, os.path.abspath('result.txt'))\n"
                     "            open('result.txt', 'w').close()", FIXED):
            with self.subTest(body):
                self.suite(body)
                if body == FIXED:
                    self.write("test_b.py", "open('result.txt', 'w').close()")
                self.fails()
                self.assertIn("still there since", self.fails())
                self.remove_leak()

    def test_it_says_since_when_and_reports_say_so_too(self) -> None:
        self.suite(WAYS["only where it is missing"])
        self.assertNotIn("still there", self.fails())
        day = time.strftime("%Y-%m-%d")
        err = self.fails("--leak-json", "out.json", "--leak-ignore", "out.json")
        self.assertIn(f"still there since {day}", err)
        leak = json.loads((self.project / "out.json").read_text())["leaks"][0]
        self.assertEqual(leak["path"], str(self.project / "result.txt"))
        self.assertAlmostEqual(leak["since"], time.time(), delta=100)
        self.assertIn("open", leak["origin"]["call"])

    def test_the_fixed_test_fails_while_its_file_is_there(self) -> None:
        self.suite(WAYS["open"])
        self.fails()
        self.suite(FIXED)
        self.assertIn("still there since", self.fails())
        self.remove_leak()
        self.assertIn("Fixed: ", self.succeeds())

    def test_a_test_that_removes_it_now_is_fixed(self) -> None:
        self.suite(WAYS["open"])
        self.fails()
        self.suite("open('result.txt', 'w').close(); os.remove('result.txt')")
        self.assertIn("Fixed: ", self.succeeds())

    def test_it_fails_where_its_test_is_skipped_or_gone(self) -> None:
        self.suite(WAYS["open"])
        self.fails()
        self.suite("self.skipTest('later')")
        self.assertIn("still there since", self.fails())
        self.suite(FIXED)
        self.write("test_a.py", SUITE.format(FIXED).replace("test_writes", "test_renamed"))
        self.assertIn("still there since", self.fails())
        self.remove_leak()
        self.assertNotIn("result.txt", self.succeeds())

    def test_it_fails_where_a_decorator_skips_its_test(self) -> None:
        self.suite(WAYS["open"])
        self.fails()
        skip = "@unittest.skip('')\n        def test_writes"
        self.write("test_a.py", SUITE.format(FIXED).replace("def test_writes", skip))
        err = self.fails()
        self.assertRegex(err, r"LEAK: \S*test_writes")
        self.assertIn("still there since", err)

    def test_a_run_of_other_tests_does_not_fail_for_it(self) -> None:
        self.suite(WAYS["open"])
        self.fails()
        self.assertNotIn("result.txt", self.succeeds("test_a.T.test_other"))
        self.remove_leak()
        self.assertNotIn("Fixed", self.succeeds("test_a.T.test_other"))
        self.suite(FIXED)
        self.assertIn("Fixed: ", self.succeeds())

    def test_leaks_of_classes_modules_and_imports_are_remembered(self) -> None:
        line = "open('result.txt', 'w').close()"
        for source in (
            f"class T(unittest.TestCase):\n @classmethod\n def setUpClass(cls): {line}\n"
            " def test(self): pass\n",
            f"def setUpModule(): {line}\nclass T(unittest.TestCase):\n def test(self): pass\n",
            f"{line}\nclass T(unittest.TestCase):\n def test(self): pass\n",
        ):
            with self.subTest(source):
                self.write("test_a.py", f"import unittest\n{source}")
                self.fails()
                self.assertIn("still there since", self.fails())
                self.remove_leak()
                self.fails()
                self.remove_leak()

    def test_a_directory_is_measured_again_with_what_came_into_it(self) -> None:
        self.suite("os.makedirs('result.txt', exist_ok=True)\n            "
                   "n = len(os.listdir('result.txt')); open(f'result.txt/{n}', 'w').write('x')")
        self.fails()
        err = self.fails()
        self.assertIn("1 leaked by 1 test", err)
        self.assertIn("2 files", err)

    def test_a_file_in_the_home_directory(self) -> None:
        home = self.project.parent / "home"
        home.mkdir()
        self.suite("p = os.path.expanduser('~/.result'); os.path.exists(p) or open(p, 'w').close()")
        for _ in range(2):
            outcome = self.tidytest("--leaks", "fail", HOME=str(home))
            self.assertEqual(outcome.code, 1, outcome.err)
        (home / ".result").unlink()
        self.suite(FIXED)
        self.assertIn("Fixed: ", self.tidytest(HOME=str(home)).err)

    def test_the_project_may_be_moved(self) -> None:
        self.suite(WAYS["only where it is missing"])
        self.fails()
        self.project = self.project.rename(self.project.parent / "moved")
        self.assertIn("still there since", self.fails())

    def test_it_is_no_leak_for_until_leak(self) -> None:
        self.suite(WAYS["only where it is missing"])
        self.fails()
        self.assertIn("Ran 6 tests", self.tidytest("--until-leak", "--repeat", "3").err)


@unittest.skipUnless(may_mount(), "no file systems can be mounted here")
class NoTimesOfBirthTests(RememberedTestCase):
    """On a file system that records no times of birth (ramfs, NFS, FAT)."""

    STEPS = """
mount -t ramfs none "$0"; cd "$0"; tar xf -; set +e
again() { echo "$1" >&2; shift; "$PYTHON" -m runner --leaks fail "$@"; echo "code $?" >&2; }
again first; again second; again other -k test_other; again third
rm result.txt; echo mine > result.txt
again replaced
"""

    def test_writing_to_it_makes_no_other_file_of_it(self) -> None:
        self.suite(WAYS["open"])
        done = subprocess.run(
            ["unshare", "-m", "sh", "-ec", self.STEPS, str(self.project)], timeout=120,
            input=subprocess.check_output(["tar", "cf", "-", "test_a.py"], cwd=self.project),
            env=self.environment(PYTHON=sys.executable), capture_output=True, check=True,
        )
        err = done.stderr.decode()
        self.assertEqual([line for line in err.splitlines() if line.startswith("code")], [
            "code 1", "code 1", "code 0", "code 1", "code 0"], err)
        self.assertEqual(err.count("still there since"), 2, err)


class NeverAccusedTests(RememberedTestCase):
    def test_a_file_from_before_the_first_run(self) -> None:
        self.suite(WAYS["open"])
        self.write("result.txt", "mine")
        for _ in range(3):
            self.succeeds()

    def test_a_file_that_the_user_put_in_its_place(self) -> None:
        self.suite(WAYS["only where it is missing"])
        self.fails()
        inode = (self.project / "result.txt").stat().st_ino
        self.remove_leak()
        self.write("result.txt", "mine")
        again = (self.project / "result.txt").stat().st_ino
        self.assertNotIn("still there", self.succeeds(), (inode, again))
        self.succeeds()

    def test_a_file_that_the_user_replaced_atomically(self) -> None:
        self.suite(WAYS["only where it is missing"])
        self.fails()
        os.replace(self.write("new", "mine"), self.project / "result.txt")
        self.succeeds()

    def test_leaks_that_clean_outside_removed(self) -> None:
        self.suite(WAYS["open"])
        for _ in range(2):
            outcome = self.tidytest("--clean-outside", "--leaks", "fail")
            self.assertEqual(outcome.code, 1)
            self.assertNotIn("still there", outcome.err)
        self.suite(FIXED)
        self.succeeds()

    def test_leaks_that_a_fixture_of_the_class_removed(self) -> None:
        self.write("test_a.py", """
            import os, unittest
            class T(unittest.TestCase):
                @classmethod
                def tearDownClass(cls): os.remove("result.txt")
                def test(self): open("result.txt", "w").close()
        """)
        for _ in range(2):
            self.assertNotIn("still there", self.tidytest().err)

    def test_ignored_and_off(self) -> None:
        self.suite(WAYS["open"])
        self.fails()
        self.succeeds("--leak-ignore", "result.txt")
        self.assertEqual(self.tidytest("--leaks", "off").code, 0)
        self.assertIn("still there since", self.fails())

    def test_a_damaged_memory_is_forgotten_with_one_line(self) -> None:
        self.suite(WAYS["only where it is missing"])
        self.fails()
        path = self.project / ".tidytest_cache" / "leaks.jsonl"
        good = path.read_text()
        for text in ("{", "[" * 9999, '{"leak": {"path": 3}}', "\0", '{"version": 9}\n',
                     '{"leak": null, "identity": ""}', "[]", "null"):
            with self.subTest(text[:20]):
                path.write_text(f"{text}\n{good}")
                self.assertIn("still there since", self.fails())
                path.write_text(text)
                self.succeeds()
                path.write_text(good)


class ConcurrentRunTests(RememberedTestCase):
    def test_two_runs_at_once_agree(self) -> None:
        self.suite("os.path.exists('result.txt') or open('result.txt', 'w').close()\n"
                   "            import time; time.sleep(1)")
        outcomes = []

        def run() -> None:
            outcomes.append(self.run_python("-m", "runner", "--leaks", "fail"))

        threads = [threading.Thread(target=run) for _ in range(2)]
        threads[0].start()
        deadline = time.monotonic() + 30
        while not (self.project / "result.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        threads[1].start()  # it ends after the first one's test
        for thread in threads:
            thread.join()
        self.assertEqual([outcome.code for outcome in outcomes], [1, 1], outcomes)
        self.assertIn("still there since", self.fails())
        self.remove_leak()


class BaselineTests(RememberedTestCase):
    def test_an_update_in_a_dirty_tree_knows_it_also_in_a_fresh_copy(self) -> None:
        for way, body in WAYS.items():
            with self.subTest(way):
                self.suite(body)
                self.fails()
                self.tidytest("--update-baseline")
                self.succeeds()
                self.succeeds("--strict-baseline")
                self.remove_leak()
                shutil.rmtree(self.project / ".tidytest_cache")
                self.succeeds("--strict-baseline")
                self.remove_leak()
                shutil.rmtree(self.project / ".tidytest_cache")
                (self.project / ".tidytest-leaks.json").unlink()

    def test_names_of_tempfile_add_up_and_stay_known(self) -> None:
        self.suite("import tempfile; tempfile.mkstemp(dir='.'); tempfile.mkdtemp(dir='.')")
        self.tidytest("--update-baseline")
        for _ in range(2):
            self.succeeds("--strict-baseline")
        self.suite("import tempfile; tempfile.mkstemp(dir='.'); tempfile.mkstemp(dir='.')")
        self.fails()

    def test_names_of_each_run_add_up_and_stay_one_known_leak(self) -> None:
        self.suite("open(f'log-{os.getpid()}.txt', 'w').close()")
        self.fails()
        for _ in range(2):
            self.tidytest("--update-baseline")
            self.assertIn('"count": 1}', (self.project / ".tidytest-leaks.json").read_text())
            self.succeeds("--strict-baseline")
        self.assertEqual(len(list(self.project.glob("log-*.txt"))), 5)
        self.suite("for n in 'ab': open(f'log-{os.getpid()}{n}.txt'.replace('log-', 'log-1'), 'w')")
        self.fails()

    def test_a_directory_stays_known_whichever_test_left_it(self) -> None:
        line = "os.makedirs('work', exist_ok=True)"
        self.write("test_a.py", SUITE.format(line).replace("(self): pass", f"(self): {line}"))
        self.tidytest("--update-baseline")  # under test_other, which comes first
        shutil.rmtree(self.project / "work")
        self.succeeds("test_a.T.test_writes")
        self.succeeds("--strict-baseline")
        self.assertNotIn("fixed", self.succeeds("--reverse"))

    def test_a_known_leak_is_fixed_once_its_file_is_gone(self) -> None:
        self.suite(WAYS["open"])
        self.tidytest("--update-baseline")
        self.suite(FIXED)
        err = self.succeeds()
        self.assertNotIn("fixed", err)
        self.remove_leak()
        self.assertIn("1 fixed", self.succeeds())


if __name__ == "__main__":
    unittest.main()
