"""`TrackedTestCase` and `TrackedAsyncTestCase` under our runner, stock unittest and pytest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SUITE = """
    import os, sys, tempfile, unittest
    from pathlib import Path
    import tempfiles
    from runner import TrackedAsyncTestCase, TrackedTestCase

    seen = []

    class Made(TrackedTestCase):
        @classmethod
        def setUpClass(cls):
            cls.shared = cls.createClassTempDirectory()
            cls.file = cls.createClassTempFile("of the class", "cfg")
            cls.tree = cls.createClassTempTree({"a": "b"})
            by_hand = tempfile.mkstemp()[1]
            cls.by_hand = cls.registerClassTempFile(by_hand)
            cls.directory_by_hand = cls.registerClassTempDirectory(tempfile.mkdtemp())

        def test_1_makes(self):
            file = self.createTempFile("content", "txt")
            self.assertEqual((file.read_text(), file.suffix), ("content", ".txt"))
            directory = self.createTempDirectory()
            tree = self.createTempTree({"a": {"b.txt": "c"}, "empty/": None})
            self.assertTreeEqual(tree, {"a": {"b.txt": "c"}, "empty/": None})
            with self.assertRaises(AssertionError):
                self.assertTreeEqual(tree, {})
            by_hand = Path(tempfile.mkdtemp())
            self.assertEqual(self.registerTempDirectory(by_hand), by_hand)
            single = Path(tempfile.mkstemp()[1])
            self.registerTempFile(single)
            self.assertEqual(self.tempContext, self.id())
            self.assertNoLeaks()
            seen.extend([file, directory, tree, by_hand, single])

        def test_2_finds_them_removed_and_the_class_as_it_was(self):
            self.assertEqual([path for path in seen if path.exists()], [])
            self.assertGreaterEqual(len(seen), 5)
            self.assertEqual(self.file.read_text(), "of the class")
            self.assertTrue(self.shared.is_dir() and self.by_hand.exists())

        def test_3_no_leaks_fails_for_a_leak(self):
            path = tempfile.mkdtemp()
            with self.assertRaisesRegex(AssertionError, "1 left and not registered"):
                self.assertNoLeaks()
            os.rmdir(path)
            self.assertNoLeaks()

        def test_4_subtests_share_the_context(self):
            with self.subTest(1):
                inner = self.createTempFile()
            self.assertTrue(inner.exists())

        def test_5_cleanups_still_see_the_files(self):
            file = self.createTempFile("still here")
            self.addCleanup(lambda: self.assertEqual(file.read_text(), "still here"))

    class Async(TrackedAsyncTestCase):
        async def asyncSetUp(self):
            self.file = self.createTempFile("before")
        async def test_async(self):
            self.assertEqual(tempfiles.current_context(), self.id())
            other = self.createTempFile()
            self.assertEqual(self.tempContext, self.id())
            self.assertNoLeaks()
            seen.extend([self.file, other])
        async def asyncTearDown(self):
            self.assertEqual(self.file.read_text(), "before")

    def tearDownModule():
        left = [path for path in (*seen, Made.shared, Made.file, Made.tree, Made.by_hand,
                                  Made.directory_by_hand) if path.exists()]
        print("left:", left, file=sys.stderr)
"""


class EachRunnerTests(ProjectTestCase):
    def runs(self, *words: str) -> Iterator[tuple[str, Outcome]]:
        yield "ours", self.run_python("-m", "runner", *words)
        yield "stock", self.run_python("-m", "unittest", *words)
        if find_spec("pytest") is not None:
            files = [f"{word}.py" for word in words]
            yield "pytest", self.run_python(
                "-m", "pytest", "-p", "no:cacheprovider", "-q", "-s", *files
            )

    def test_all_that_was_made_is_removed(self) -> None:
        self.write("test_a.py", SUITE)
        for name, outcome in self.runs("test_a"):
            with self.subTest(name):
                self.assertEqual(outcome.code, 0, outcome)
                self.assertIn("left: []\n", outcome.err)
                left = [n for n in os.listdir(self.base) if not n.startswith("pytest-of-")]
                self.assertEqual(left, [])

    def test_it_is_removed_too_where_the_test_fails_or_is_skipped(self) -> None:
        self.write("test_b.py", """
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def setUp(self): self.createTempFile("x")
                def test_fail(self): self.fail()
                def test_error(self): raise KeyError
                def test_skip(self): self.skipTest("why")
            class InSetUp(TrackedTestCase):
                def setUp(self):
                    self.createTempDirectory()
                    raise OSError
                def test(self): pass
            class InSetUpClass(TrackedTestCase):
                @classmethod
                def setUpClass(cls):
                    cls.createClassTempFile()
                    raise OSError
                def test(self): pass
        """)
        for name, outcome in self.runs("test_b"):
            with self.subTest(name):
                self.assertEqual(outcome.code, 1, outcome)
                left = [n for n in os.listdir(self.base) if not n.startswith("pytest-of-")]
                self.assertEqual(left, [])

    def test_what_is_not_registered_is_a_leak_under_ours(self) -> None:
        self.write("test_c.py", """
            import tempfile
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def test(self):
                    tempfile.mkdtemp()
                    self.createTempFile()
        """)
        outcome = self.tidytest("test_c")
        self.assertIn("1 registered and removed, 1 leaked by 1 test", outcome.err)


