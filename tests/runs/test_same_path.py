"""A leak at the path of an earlier leak is reported as a new one if it is another file."""

from __future__ import annotations

import json
import re
import shutil
import unittest
from typing import Any

from tests.support.projects import ProjectTestCase

HEAD = """
import os, shutil, subprocess, tempfile, unittest
from pathlib import Path

class T(unittest.TestCase):
    def setUp(self):
        self.top = Path({where})
        self.path = self.top / "same"

    def test_1(self):
        {first}
"""
FILE = 'self.path.write_text("1" * 10)'
DIRECTORY = 'self.path.mkdir(); (self.path / "below").touch()'
PLACES = {"temp": "tempfile.gettempdir()", "outside": "os.getcwd()"}
ANEW = (
    "os.unlink(self.path); self.path.write_text('2' * 20)",
    "new = self.top / 'new'; new.write_text('2' * 20); os.replace(new, self.path)",
    "old = self.path.rename(self.top / 'old'); self.path.write_text('2' * 20); old.unlink()",
    "old = self.path; old.unlink(); old.mkdir(); (old / 'x').write_text('2' * 20)",
    "shutil.rmtree(self.path); self.path.write_text('2' * 20)",
)
AS_BEFORE = (
    "self.path.open('a').close()",
    "self.path.write_text('2' * 30)",
    "self.path.touch()",
    "self.path.chmod(0o600)",
    "subprocess.check_call(['touch', str(self.path)])",
)
DIRECTORY_AS_BEFORE = (
    "(self.path / 'below').unlink(); (self.path / 'below').touch()",
    "self.assertRaises(OSError, self.path.rmdir); self.path.mkdir(exist_ok=True)",
    "new = self.top / 'new'; new.mkdir(); (new / 'x').touch(); "
    "self.assertRaises(OSError, new.rename, self.path); shutil.rmtree(new)",
)
TAKEN_BACK = """
    import os, tempfile, unittest
    from pathlib import Path

    class Base(unittest.TestCase):
        @classmethod
        def tearDownClass(cls):
            if cls.tidies:
                Path(tempfile.gettempdir(), "same").unlink()

        def test_it(self):
            Path(tempfile.gettempdir(), "same").write_text(type(self).__name__)

    class A(Base):
        tidies = True

    class B(Base):
        tidies = False

    def load_tests(loader, tests, pattern):
        return unittest.TestSuite([A("test_it"), B("test_it")])
"""
FIXTURES = """
    import os, shutil, tempfile, unittest
    from pathlib import Path

    AT_IMPORT = Path(tempfile.mkdtemp(dir={where}))

    def setUpModule():
        global MODULE
        MODULE = Path(tempfile.mkdtemp(dir={where}))

    def tearDownModule():
        shutil.rmtree(AT_IMPORT)
        shutil.rmtree(MODULE)

    class T(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            fd, name = tempfile.mkstemp(dir={where})
            os.close(fd)
            cls.file = Path(name)
            cls.temp = tempfile.TemporaryDirectory(dir={where})
            cls.addClassCleanup(cls.temp.cleanup)
            cls.ours = Path({where}, "ours")
            cls.ours.mkdir()

        @classmethod
        def tearDownClass(cls):
            cls.file.unlink()
            {last}

        def anew(self):
            for directory in (AT_IMPORT, MODULE, Path(self.temp.name), self.ours):
                shutil.rmtree(directory)
                directory.mkdir()
            self.file.unlink()
            self.file.touch()

        test_1 = test_2 = anew

        def test_3(self):
            self.anew()
            pid = os.fork()
            if not pid:
                self.anew()
                os._exit(0)
            os.waitpid(pid, 0)
"""


def suite(where: str, first: str, *bodies: str) -> str:
    source = HEAD.format(where=PLACES[where], first=first)
    for number, body in enumerate(bodies, 2):
        source += f"\n    def test_{number}(self):\n        {body}\n"
    return source


class SamePathTests(ProjectTestCase):
    def leaks(self, source: str, *words: str, set_aside: int = 0) -> list[dict[str, Any]]:
        """Run a suite in an empty project; check that output, report and summary agree."""
        shutil.rmtree(self.project)
        self.write("test_it.py", source)
        outcome = self.tidytest("--leak-json", "leaks.json", "--leaks", "fail", *words)
        document = json.loads((self.project / "leaks.json").read_text())
        summary, found = document["summary"], document["leaks"]
        self.assertNotIn("ERROR", outcome.err)
        failures = sum(map(int, re.findall(r"leaks=(\d+)", outcome.err)))
        self.assertEqual(failures, len(found) + set_aside, outcome.err)
        self.assertEqual(summary["leaked"], len(found))
        self.assertGreaterEqual(summary["removed_by_tests"], 0)
        return [{**leak, "test": leak["context"].rpartition(".")[2]} for leak in found]

    def test_a_file_created_again_is_reported_for_its_test(self) -> None:
        for where in PLACES:
            with self.subTest(where):
                found = self.leaks(suite(where, FILE, *ANEW))
                reported = [(leak["test"], leak["bytes"], leak["type"]) for leak in found]
                self.assertEqual(reported, [
                    ("test_1", 10, "file"), ("test_2", 20, "file"), ("test_3", 20, "file"),
                    ("test_4", 20, "file"), ("test_5", 20, "directory"), ("test_6", 20, "file"),
                ])  # fmt: skip
                outcomes = [leak["outcome"] for leak in found]
                last = "removed" if where == "temp" else "left"
                self.assertEqual(outcomes, ["removed"] * 5 + [last])

    def test_a_file_only_written_to_stays_the_first_tests(self) -> None:
        for where in PLACES:
            for first, bodies in ((FILE, AS_BEFORE), (DIRECTORY, DIRECTORY_AS_BEFORE)):
                with self.subTest(where, first=first):
                    found = self.leaks(suite(where, first, *bodies))
                    self.assertEqual([leak["test"] for leak in found], ["test_1"])

    def test_failing_calls_create_and_remove_nothing(self) -> None:
        """What is there is no other thing afterwards; a new target of a link was not made."""
        link = "self.path.symlink_to('missing')"
        for where in PLACES:
            for first, *calls in (
                (link, "os.symlink, 'missing'", "os.mkfifo", "os.mkdir"),
                ("self.path.mkdir()", "os.rename, __file__"),
                ("self.path.touch()", "os.rename, os.getcwd()"),
            ):
                with self.subTest(where, first=first):
                    bodies = [f"self.assertRaises(OSError, {call}, self.path)" for call in calls]
                    found = self.leaks(suite(where, first, *bodies))
                    self.assertEqual([leak["test"] for leak in found], ["test_1"])
                    document = json.loads((self.project / "leaks.json").read_text())
                    self.assertEqual(document["summary"]["made"], 1)

    def test_a_file_removed_at_the_end_is_no_leak(self) -> None:
        for where in PLACES:
            with self.subTest(where):
                body = "self.path.unlink(); self.path.touch(); self.path.unlink()"
                found = self.leaks(suite(where, FILE, body, FILE))
                self.assertEqual([leak["test"] for leak in found], ["test_1", "test_3"])

    def test_a_leak_removed_by_a_fixture_is_set_aside(self) -> None:
        (leak,) = self.leaks(TAKEN_BACK, set_aside=1)
        self.assertEqual(leak["context"], "test_it.B.test_it")

    def test_a_fixtures_path_created_again_stays_the_fixtures(self) -> None:
        for where, place in PLACES.items():
            with self.subTest(where):
                tidied = FIXTURES.format(where=place, last="cls.ours.rmdir()")
                self.assertEqual(self.leaks(tidied), [])
                self.write("test_it.py", FIXTURES.format(where=place, last=""))
                reported = self.tidytest().err
                self.assertRegex(reported, r"  (\./)?ours/ .*\n? .* in setUpClass  pathlib")
                self.assertIn(" 1 leaked by 1 class", reported)

    def test_a_path_removed_by_its_fixture_belongs_to_the_next(self) -> None:
        for where, place in PLACES.items():
            with self.subTest(where):
                (leak,) = self.leaks(f"""
                    import os, tempfile, unittest
                    class T(unittest.TestCase):
                        @classmethod
                        def setUpClass(cls):
                            cls.path = os.path.join({place}, "cache")
                            os.mkdir(cls.path)
                            os.rmdir(cls.path)
                        def test_1(self): pass
                        def test_2(self): os.mkdir(self.path)
                """)
                self.assertEqual((leak["test"], leak["origin"]["function"]), ("test_2", "test_2"))

    def test_only_the_last_is_cleaned_outside(self) -> None:
        found = self.leaks(suite("outside", FILE, *ANEW), "--clean-outside")
        self.assertEqual([leak["outcome"] for leak in found], ["removed"] * 6)
        self.assertFalse((self.project / "same").exists())

    def test_a_baseline_of_the_first_does_not_match_the_second(self) -> None:
        self.leaks(suite("temp", FILE, ANEW[0]))
        self.tidytest("-q", "--update-baseline", "test_it.T.test_1")
        outcome = self.tidytest("--leaks", "fail", "--github", "--junit-xml", "junit.xml")
        self.assertIn("FAILED (leaks=1)", outcome.err)
        self.assertEqual(re.findall("::error .*(test_.)", outcome.out), ["test_2"])
        report = (self.project / "junit.xml").read_text()
        self.assertEqual(report.count('name="known-leak:'), 1)

    def test_each_copy_is_kept(self) -> None:
        self.leaks(suite("temp", FILE, ANEW[0]), "--keep", "always", "--keep-dir", "kept")
        kept = sorted(path.read_text() for path in self.project.glob("kept/**/same"))
        self.assertEqual(kept, ["1" * 10, "2" * 20])


if __name__ == "__main__":
    unittest.main()
