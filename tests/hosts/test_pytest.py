"""The pytest plugin: what is reported, where, and what `--leaks fail` does."""

from __future__ import annotations

import json
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.hosts.sessions import PytestTestCase, section

SUITE = '''\
import os, tempfile, unittest
import pytest

def leave(name):
    return tempfile.mkdtemp(prefix=name + "-")

@pytest.fixture(scope="module")
def mod():
    yield leave("module")

@pytest.fixture(scope="class")
def cls():
    return leave("class")

@pytest.fixture(params=["a.b", "c"])
def function(request):
    leave("function" + request.param[0])

@pytest.fixture
def clean():
    directory = leave("cleaned")
    yield directory
    os.rmdir(directory)

@pytest.fixture
def finalizer(request):
    directory = leave("finalized")
    request.addfinalizer(lambda: os.rmdir(directory))

def test_clean(clean, finalizer, tmp_path, tmp_path_factory):
    (tmp_path / "x").write_text("x")
    tmp_path_factory.mktemp("y")

def test_fixtures(session, mod, package):
    leave("test")

def test_parameter(function):
    pass

class TestClass:
    def test_one(self, cls):
        leave("method")

class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        leave("setUpClass")

    def test_case(self):
        self.addCleanup(os.rmdir, leave("cleaned"))
        leave("case")

def test_doctest_is_collected():
    """
    >>> 1
    1
    """
'''
CONFTEST = '''\
import tempfile
import pytest

open("imported.txt", "w").close()

@pytest.fixture(scope="session")
def session():
    return tempfile.mkdtemp(prefix="session-")

@pytest.fixture(scope="package")
def package():
    return tempfile.mkdtemp(prefix="package-")

@pytest.fixture(scope="session", autouse=True)
def auto():
    yield
    tempfile.mkdtemp(prefix="teardown-")
'''
FILE = "tests/test_a.py"


class ReportTests(PytestTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("tests/__init__.py", "")
        self.write("tests/conftest.py", CONFTEST)
        self.write(FILE, SUITE)

    def test_each_scope_owns_what_its_fixtures_create(self) -> None:
        outcome = self.pytest("-v", code=0)
        lines = {
            name: SUITE[: SUITE.index(f'leave("{name}')].count("\n") + 1
            for name in ("module", "class", "function", "test", "method", "setUpClass", "case")
        }
        expected = {
            "module": ("module", FILE, "module"),
            "class": ("class", f"{FILE}::TestClass", "class"),
            "functiona": ("test", f"{FILE}::test_parameter[a.b]", "function"),
            "functionc": ("test", f"{FILE}::test_parameter[c]", "function"),
            "test": ("test", f"{FILE}::test_fixtures", "test"),
            "method": ("test", f"{FILE}::TestClass::test_one", "method"),
            "setUpClass": ("class", f"{FILE}::Case", "setUpClass"),
            "case": ("test", f"{FILE}::Case::test_case", "case"),
        }
        found = self.leaks
        for name, (scope, context, _) in expected.items():
            with self.subTest(name):
                self.assertEqual(found[name][:2], (scope, context))
        self.assertEqual(found["session"], ("session", "session", "tests/conftest.py:8"))
        self.assertEqual(found["package"], ("package", "tests", "tests/conftest.py:12"))
        self.assertEqual(found["teardown"], ("session", "session", "tests/conftest.py:17"))
        self.assertEqual(found["imported"], ("run", "run", "tests/conftest.py:4"))
        self.assertEqual(len(found), len(expected) + 4)
        self.assertIn(f"{FILE}:{lines['test']}", section(outcome).replace("called from ", ""))
        self.assertIn("Where to begin:", section(outcome))
        self.assertNotIn("self.", section(outcome))  # remedies are fixtures here

    def test_leaks_of_fixtures_fail_the_session_only(self) -> None:
        outcome = self.pytest("--leaks", "fail", "-k", "test_clean or test_one", code=1)
        self.assertIn("LEAK: tests/test_a.py::TestClass::test_one\n", outcome.out)
        self.assertNotIn("tests/test_a.py::test_clean", section(outcome))
        outcome = self.pytest("--leaks", "fail", "-k", "test_clean", code=1)
        self.assertIn("1 passed", outcome.out)
        self.assertIn("the session, in its fixtures", section(outcome))

    def test_options_that_change_how_tests_are_run(self) -> None:
        everything = self.pytest(code=0) and self.leaks
        for words in (
            ["-s", "--import-mode=importlib", "-p", "no:terminal"],
            ["--capture=sys", "--assert=plain", "--tb=no", "-n0"],
        ):  # fmt: skip
            with self.subTest(words):
                (self.project / "imported.txt").unlink()
                self.pytest(*words, code=0)
                self.assertEqual(self.leaks, everything)

    def test_nothing_is_done_without_the_plugin_or_tests(self) -> None:
        outcome = self.run_python("-m", "pytest", "-p", "no:tidytest", "-p", "no:cacheprovider")
        self.assertNotIn("leaked files", outcome.out)
        outcome = self.run_python("-m", "pytest", "--collect-only", "-q", "-pno:cacheprovider")
        self.assertNotIn("leaked", outcome.out)
        self.assertFalse((self.project / "leaks.json").exists())


class QuietTests(PytestTestCase):
    def test_a_clean_suite_prints_what_it_printed_before(self) -> None:
        self.write("test_a.py", """\
            import os, tempfile
            def test_a(tmp_path):
                (tmp_path / "a").write_text("a")
            def test_b():
                os.rmdir(tempfile.mkdtemp())
            """)
        (self.project / "link").symlink_to(self.base)  # pytest resolves what `tmp_path` gives
        with_plugin = self.pytest("-q", code=0, TMPDIR=str(self.project / "link"))
        without = self.run_python("-m", "pytest", "-q", "-pno:tidytest", "-pno:cacheprovider")
        self.assertEqual(with_plugin.out.partition(" in ")[0], without.out.partition(" in ")[0])
        self.assertEqual(with_plugin.err, "")

    def test_tidy_gives_what_tracked_test_case_gives(self) -> None:
        self.write("test_a.py", """\
            import tempfile, pytest
            def test_c(tidy):
                path = tidy.create_file("text", "txt")
                tree = tidy.create_tree({"a": "b"})
                tidy.assert_tree(tree, {"a": "b"})
                tidy.register(tempfile.mkdtemp())
                tidy.assert_no_leaks()
                assert path.read_text() == "text" and tidy.create_directory().is_dir()
                tempfile.mkdtemp()
                with pytest.raises(AssertionError, match="1 left and not registered"):
                    tidy.assert_no_leaks()
            """)
        self.pytest("-q", code=0)
        self.assertEqual(len(self.document["leaks"]), 1)

    def test_sessions_within_tests_are_left_alone(self) -> None:
        self.write("test_a.py", """\
            import tempfile
            pytest_plugins = ["pytester"]
            def test_inner(pytester):
                pytester.makepyfile("import tempfile\\ndef test_x(): tempfile.mkdtemp()")
                result = pytester.runpytest_inprocess("-pno:cacheprovider")
                result.assert_outcomes(passed=1)
                assert "leaked files" not in result.stdout.str()
            """)
        outcome = self.pytest(code=0)
        self.assertEqual([leak["context"] for leak in self.document["leaks"]],
                         ["test_a.py::test_inner"], outcome.out)


class ExitTests(PytestTestCase):
    def test_what_is_removed_at_exit_is_no_leak(self) -> None:
        self.write("test_a.py", """\
            import atexit, os, pathlib, shutil, tempfile
            def test_a():
                directory = tempfile.mkdtemp(prefix="exit-")
                def remove():
                    assert os.path.isdir(directory)
                    shutil.rmtree(directory)
                    pathlib.Path("removed").touch()
                atexit.register(remove)
                tempfile.mkdtemp(prefix="left-")
            """)
        outcome = self.pytest("--leaks", "fail", code=1)
        self.assertEqual(set(self.leaks), {"left"})
        self.assertEqual(outcome.err, "")
        self.assertTrue((self.project / "removed").exists())


class OriginTests(PytestTestCase):
    def test_subtests_and_doctests_are_named(self) -> None:
        self.write("test_a.py", """\
            import tempfile, unittest
            def double(x):
                '''
                >>> import tempfile
                >>> _ = tempfile.mkdtemp(prefix="doctest-")
                '''
            class Case(unittest.TestCase):
                def test_parts(self):
                    with self.subTest("first", n=1):
                        tempfile.mkdtemp(prefix="part-")
                    tempfile.mkdtemp(prefix="whole-")
            """)
        self.pytest("--doctest-modules", code=0)
        self.assertEqual(self.leaks, {
            "doctest": ("test", "test_a.py::test_a.double", "test_a.py:5"),
            "part": ("test", "test_a.py::Case::test_parts", "test_a.py:10"),
            "whole": ("test", "test_a.py::Case::test_parts", "test_a.py:11"),
        })
        subtests = [leak.get("subtest") for leak in self.document["leaks"]]
        self.assertEqual(sorted(map(str, subtests)), ["None", "None", "[first] (n=1)"])


class FailTests(PytestTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", """\
            import tempfile, pytest
            def leave():
                tempfile.mkdtemp()
            def test_leaks():
                leave()
            def test_fails():
                leave()
                assert 0
            def test_skipped():
                leave()
                pytest.skip("later")
            @pytest.mark.xfail
            def test_expected():
                leave()
                assert 0
            @pytest.mark.leaks("off")
            def test_off():
                leave()
            @pytest.mark.leaks("report")
            def test_report():
                leave()
            def test_clean(): pass
            """)

    def test_the_call_fails_and_own_failures_stay(self) -> None:
        outcome = self.pytest("--leaks", "fail", "--junitxml", "junit.xml", "-rA", code=1)
        failed = {
            f"{case.get('name')}": failure.get("message")
            for case in ET.parse(self.project / "junit.xml").iter("testcase")
            for failure in case if failure.tag in ("failure", "error")
        }
        leak = "left 1 in the temp directory (0 B)"
        self.assertEqual(failed, {
            "test_leaks": leak, "test_fails": "assert 0", "test_skipped": leak,
        })
        self.assertIn("1 xfailed", outcome.out)
        self.assertIn("ERROR" not in outcome.out and "1 failed", outcome.out)
        self.assertIn("2 leaked", outcome.out)
        self.assertNotIn("test_off", section(outcome))
        self.assertIn("test_report", section(outcome))
        self.assertIn("leaked files (found after teardown)", outcome.out)
        self.assertIn("test_a.py:3 in leave", section(outcome))

    def test_a_mark_fails_a_test_of_a_session_that_reports(self) -> None:
        self.write("test_a.py", """\
            import tempfile, pytest
            pytestmark = pytest.mark.leaks("fail")
            def test_leaks(): tempfile.mkdtemp()
            """)
        self.assertIn("1 failed", self.pytest(code=1).out)
        self.write("test_a.py", """\
            import pytest
            @pytest.mark.leaks("never")
            def test_leaks(): pass
            """)
        refused = self.run_python("-m", "pytest", "-pno:cacheprovider")
        self.assertEqual(refused.code, 4)
        self.assertIn('test_a.py::test_leaks: the marker is leaks("off"), leaks("report") or',
                      refused.err)

    def test_failures_for_leaks_are_failures_to_pytest(self) -> None:
        self.plugins = ("cacheprovider",)
        stopped = self.pytest("--leaks", "fail", "-x", code=1)
        self.assertIn("stopping after 1 failures", stopped.out)
        self.pytest("--leaks", "fail", code=1)
        again = self.pytest("--leaks", "fail", "--lf", "-v", code=1)
        self.assertIn("test_a.py::test_leaks LEAK", again.out)
        self.assertNotIn("test_a.py::test_clean", again.out)


class SettingsTests(PytestTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", "import tempfile\ndef test_a(): tempfile.mkdtemp()\n")

    def test_ini_beats_project_and_command_line_beats_ini(self) -> None:
        self.write("pyproject.toml", '[tool.tidytest]\nleaks = "fail"\n')
        self.pytest(code=1)
        self.write("pytest.ini", "[pytest]\ntidytest_leaks = report\n")
        self.pytest(code=0)
        self.pytest("--leaks", "fail", code=1)

    def test_wrong_values_are_refused_with_one_line(self) -> None:
        refused = self.pytest("--leaks", "sometimes", code=4)
        self.assertEqual(len(refused.err.strip().splitlines()), 1, refused.err)
        self.assertIn("--leaks", refused.err)
        self.write("pytest.ini", "[pytest]\ntidytest_leaks = sometimes\n")
        self.assertIn("tidytest_leaks", self.pytest(code=4).err)

    def test_formats_for_code_quality_are_written(self) -> None:
        outcome = self.pytest("--leak-lines", "--gitlab-quality", "q.json", "--sarif", "s.json")
        self.assertRegex(outcome.out, r"(?m)^test_a\.py:2: 1 temporary file left by test_a\.py::")
        (entry,) = json.loads((self.project / "q.json").read_text("utf-8"))
        self.assertEqual(entry["location"], {"path": "test_a.py", "lines": {"begin": 2}})
        self.assertIn(entry["fingerprint"], (self.project / "s.json").read_text("utf-8"))

    def test_a_baseline_holds_under_pytest_and_under_the_runner(self) -> None:
        self.write("test_b.py", """\
            import tempfile, unittest
            class Case(unittest.TestCase):
                def test_b(self): tempfile.mkdtemp()
            """)
        self.pytest("--update-baseline", code=0)
        known = self.pytest("--leaks", "fail", code=0)
        self.assertIn("Known leaks: 2 of 2", known.out)
        other = self.tidytest("test_b", "--leaks", "fail")
        self.assertEqual(other.code, 0, other.err)
        Path(self.project / ".tidytest-leaks.json").unlink()
        self.tidytest("test_b", "--update-baseline")
        self.pytest("--leaks", "fail", "test_b.py", code=0)
        self.write("test_b.py", "import unittest\nclass Case(unittest.TestCase):\n"
                                "    def test_b(self): pass\n")
        fixed = self.pytest("--leaks", "fail", "test_b.py", code=0)
        self.assertIn("1 fixed: run with --update-baseline", fixed.out)


if __name__ == "__main__":
    unittest.main()
