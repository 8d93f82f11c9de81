"""Baselines of leaks that tests share, and of names with random parts."""

from __future__ import annotations

import shutil
import unittest

from tests.runs.test_baseline_completeness import STRICT, BaselineCase

MAKERS = """
    import datetime, hashlib, os, secrets, subprocess, tempfile

    def touch(name):
        open(os.path.join(tempfile.gettempdir(), name), "a").close()

    def digit(): touch("cache2.db")
    def user(): touch(f"app-{os.getuid()}.lock")
    def date(): touch(f"log-{datetime.date.today()}.txt")
    def hash(): touch(hashlib.md5(b"constant").hexdigest())
    def shell(): os.system("touch $TMPDIR/out.txt")
    def child(): subprocess.run(["touch", os.path.join(tempfile.gettempdir(), "run1.log")])
    def project(): open("run1.log", "a").close()
    def nothing(): pass
    def many():
        for _ in range(260): tempfile.mkdtemp()
    def random(): touch(f"session-{secrets.token_hex(8)}")
    def odd(): os.mkdir(os.path.join(tempfile.gettempdir(), "sess_" + secrets.token_urlsafe(9)))
"""
SHARED = ("digit", "user", "date", "hash", "shell", "child", "project")


class SharedLeakCase(BaselineCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("makers.py", MAKERS)

    def write_tests(self, *makers: str) -> None:
        """Write the tests, each of which calls one of the makers, or several."""
        calls = ("; ".join(f"makers.{name}()" for name in names.split()) for names in makers)
        self.suite("test_a", *calls, more="import makers")

    def text(self) -> str:
        return (self.project / ".tidytest-leaks.json").read_text("utf-8")

    def fresh(self) -> None:
        (self.project / "run1.log").unlink(missing_ok=True)
        shutil.rmtree(self.project / ".tidytest_cache", ignore_errors=True)
        shutil.rmtree(self.project / "work", ignore_errors=True)

    def tidytest_anew(self, *words: str) -> str:
        """Run without what an earlier run has left outside; return what is reported."""
        (self.project / "run1.log").unlink(missing_ok=True)
        return self.tidytest("-q", *words).err


class SharedLeakTests(SharedLeakCase):
    def setUp(self) -> None:
        super().setUp()
        self.write_tests(" ".join(SHARED), " ".join(SHARED))
        self.tidytest_anew("--update-baseline")

    def test_known_whichever_test_comes_first(self) -> None:
        self.assertEqual(self.entries(), ["test_a.A.test_1"] * len(SHARED))
        for words in ((), ("--reverse",), ("test_a.A.test_2",)):
            with self.subTest(words):
                reported = self.tidytest_anew("--leaks", "fail", "--strict-baseline", *words)
                self.assertIn("\nOK\nKnown leaks: 7 of 7 are in the baseline\n", reported)
                self.assertNotIn("fixed", reported)

    def test_written_once_whichever_test_comes_first(self) -> None:
        before = self.text()
        for words in (("--reverse",), ("test_a.A.test_2",), ()):
            self.tidytest_anew("--update-baseline", *words)
            self.assertEqual(self.text(), before, words)

    def test_move_to_the_other_test_when_the_first_is_gone(self) -> None:
        self.suite("test_a", more="import makers\n")
        source = (self.project / "test_a.py").read_text("utf-8")
        calls = "; ".join(f"makers.{name}()" for name in SHARED)
        self.write("test_a.py", f"{source}    def test_2(self): {calls}\n")
        self.tidytest_anew("--update-baseline")
        self.assertEqual(self.entries(), ["test_a.A.test_2"] * len(SHARED))


class SharedPlaceTests(SharedLeakCase):
    def test_shared_leak_is_one_in_a_new_temp_directory_too(self) -> None:
        """A slot of the run root is replaced after 256 leftovers."""
        self.write_tests("many shell digit", "shell digit", "shell digit")
        self.tidytest_anew("--update-baseline")
        self.assertEqual(set(self.entries()), {"test_a.A.test_1"})
        self.assertHolds("--reverse")
        self.write_tests("shell digit many", "shell digit", "shell digit")
        for words in ((), ("--reverse",)):
            self.assertHolds("--repeat", "2", *words)

    def test_leaks_of_a_class_stay_its_own(self) -> None:
        self.write("test_a.py", """
            import makers, unittest
            class A(unittest.TestCase):
                @classmethod
                def tearDownClass(cls): makers.digit()
                def test_1(self): pass
            class B(unittest.TestCase):
                def test_1(self): makers.digit()
        """)
        self.adopt()
        self.assertEqual(self.entries(), ["test_a.A"])
        self.adopt("--reverse")
        self.assertEqual(self.entries(), ["test_a.A"])


class UnsharedLeakTests(SharedLeakCase):
    def test_one_more_leak_with_a_random_name_is_found(self) -> None:
        self.write_tests("shell", "random", "random")
        self.adopt()
        self.write_tests("random", "random", "random")
        outcome = self.tidytest("-q", "--leaks", "fail", "--leak-json", "out.json")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("FAILED: 1 leak was found after the tests (--leaks fail)\n", outcome.err)
        self.assertIn(", 0 B (2 known): test_a.A.test_1; see out.json\n", outcome.err)
        self.adopt()
        self.assertEqual(self.entries(), [f"test_a.A.test_{number}" for number in (1, 2, 3)])
        self.assertHolds()
        self.assertHolds("--reverse")

    def test_leak_after_the_known_one_fails_its_test(self) -> None:
        self.write_tests("random", "random", "nothing")
        self.adopt()
        self.write_tests("random", "random", "random")
        outcome = self.tidytest(*STRICT)
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertRegex(outcome.err, r"LEAKS: 1 left .*: test_a.A.test_3; ")


    def test_leak_that_takes_a_random_entry_is_named(self) -> None:
        self.suite("test_a", "pass", "makers.touch('db-a1b2c3d4')", more="import makers")
        self.adopt()
        self.suite("test_a", "makers.touch('db-e5f6a7b8')", "makers.touch('db-qwertyui')",
                   more="import makers")
        outcome = self.tidytest("--leaks", "fail")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("Found after the tests:\ntest_a.A.test_1\n    file ", outcome.err)
        self.assertNotIn("LEAK: test_a.A.test_2", outcome.err)


class ManyLeakTests(SharedLeakCase):
    def test_leaks_of_an_open_fixture_stay_its_own(self) -> None:
        self.write("test_a.py", """
            import makers, tempfile, unittest
            def setUpModule(): tempfile.mkdtemp(prefix="module-")
            class A(unittest.TestCase):
                @classmethod
                def setUpClass(cls): tempfile.mkdtemp(prefix="class-")
                def test_1(self): makers.many()
                def test_2(self): makers.many()
        """)
        self.adopt()
        self.assertEqual({*self.entries()}, {"test_a", "test_a.A", "test_a.A.test_1",
                                             "test_a.A.test_2"})
        self.assertHolds()
        self.assertHolds("--reverse")


class UpdateTests(SharedLeakCase):
    def test_do_not_change_a_name_that_is_random_in_a_way_of_its_own(self) -> None:
        self.write_tests("odd odd", "odd")
        self.adopt()
        before = self.text()
        for words in ((), ("--reverse",), ("--repeat", "3")):
            self.adopt(*words)
            self.assertEqual(self.text(), before, words)

    def test_of_tests_that_are_repeated_write_the_most_of_one_time(self) -> None:
        self.write_tests("odd odd", "odd")
        self.adopt("--repeat", "3")
        self.assertEqual(len(self.entries()), 3, self.text())
        self.assertHolds()
        self.write_tests("odd odd odd", "odd")
        outcome = self.tidytest(*STRICT, "--repeat", "2")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("FAILED (leaks=2)", outcome.err)


class SharedNameTests(SharedLeakCase):
    """Tests that create one name in different ways leave one known leak."""

    def test_two_calls_are_one_known_leak_in_every_order(self) -> None:
        calls = (
            "open({0}, 'w').close()", "__import__('pathlib').Path({0}).write_text('x')",
            "os.close(os.open({0}, os.O_CREAT))", "os.system('echo > ' + {0})",
        )
        for path in ("tempfile.gettempdir() + '/shared.txt'", "'run1.log'"):
            self.suite("test_a", *(call.format(path) for call in calls))
            self.fresh()
            (self.project / ".tidytest-leaks.json").unlink(missing_ok=True)
            self.tidytest("--update-baseline")
            self.assertEqual(len(self.entries()), 1, self.text())
            orders = [(), ("--reverse",), *(("--shuffle", str(seed)) for seed in range(3))]
            for words in (*orders, *((f"test_a.A.test_{n}",) for n in range(1, 5))):
                with self.subTest(path, words=words):
                    self.fresh()
                    self.assertHolds(*words)

    def test_another_name_of_another_call_is_new(self) -> None:
        self.suite("test_a", "open('run1.log', 'w').close()")
        self.tidytest("--update-baseline")
        self.suite("test_a", "os.mkdir('other')")
        self.assertEqual(self.tidytest(*STRICT).code, 1)


class KnownDirectoryTests(SharedLeakCase):
    """What lies in a known leaked directory is known with it."""

    BODIES = (
        "os.makedirs('work', exist_ok=True); open('work/a', 'w').close()",
        "os.makedirs('work/b', exist_ok=True); open('work/b/c', 'w').close()",
        "os.makedirs('work', exist_ok=True); os.system('echo > work/d')",
        "os.makedirs('work', exist_ok=True); tempfile.mkdtemp(dir='work')",
    )

    def setUp(self) -> None:
        super().setUp()
        self.suite("test_a", *self.BODIES)
        self.tidytest("--update-baseline")

    def test_the_baseline_holds_in_the_same_tree(self) -> None:
        self.assertEqual(len(self.entries()), 1, self.text())
        for words in ((), ("--reverse",), ("test_a.A.test_3",), ("--repeat", "2")):
            with self.subTest(words):
                self.assertHolds(*words)
                shutil.rmtree(self.project / ".tidytest_cache")
                self.assertHolds(*words)

    def test_the_baseline_holds_in_a_fresh_copy(self) -> None:
        for words in ((), ("--reverse",), ("test_a.A.test_3",), ("--repeat", "2")):
            with self.subTest(words):
                self.fresh()
                self.assertHolds(*words)

    def test_an_update_in_the_same_tree_changes_nothing(self) -> None:
        before = self.text()
        self.tidytest("--update-baseline")
        self.assertEqual(self.text(), before)
        shutil.rmtree(self.project / ".tidytest_cache")
        self.tidytest("--update-baseline")
        self.assertEqual(self.text(), before)

    def test_entries_inside_of_an_older_baseline_are_not_fixed(self) -> None:
        name = self.project / ".tidytest-leaks.json"
        line = '  {"context": "test_a.A.test_1", "name": "./work/a", "call": "open", "count": 1},'
        name.write_text(self.text().replace("\n", f"\n{line}\n", 1))
        self.assertHolds()
        self.fresh()
        self.assertHolds()

    def test_a_directory_with_a_name_that_begins_alike_is_new(self) -> None:
        self.suite("test_a", *self.BODIES, "os.mkdir('workshop')")
        self.assertEqual(self.tidytest(*STRICT).code, 1)


if __name__ == "__main__":
    unittest.main()
