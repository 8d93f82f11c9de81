"""A run ends in order whatever its tests have done to their process: imports, limits, ids, root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unittest

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SUITE = """
import builtins, os, resource, sys, tempfile, unittest

class T(unittest.TestCase):
    def test_1_leaves(self):
        open(os.path.join(tempfile.gettempdir(), "left"), "w").close()
    def test_2_breaks(self):
        {}
    def test_3_goes_on(self):
        pass
"""
TAKE_DESCRIPTORS = """try:
            while True:
                builtins.__dict__.setdefault("taken", []).append(os.open(os.devnull, 0))
        except OSError: pass"""
LOWER_LIMIT = """limit = {}
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        """
BREAK_IMPORT = """def broken(*args, **kwargs):
            raise ImportError("broken")
        builtins.__import__ = broken"""
CHECK_DESCRIPTORS = """held = []
        def number(file): return os.fstat(file.fileno()).st_ino
        def check():
            for at, (file, inode, inheritable) in enumerate(held):
                assert number(file) == inode, file
                assert os.get_inheritable(file.fileno()) == inheritable, file
                if at: assert file.read() == str(at), file
        try:
            while True:
                with open(f"f{len(held)}", "w") as file: file.write(str(len(held)))
                file = open(file.name)
                os.set_inheritable(file.fileno(), len(held) % 2 == 0)
                held.append((file, number(file), len(held) % 2 == 0))
        except OSError: pass
        for n in range(99):
            if os.path.exists(f"f{n}"): os.unlink(f"f{n}")
        assert len(held) > 5
        class AtEnd:
            def __del__(self, check=check, write=os.write):
                try: check()
                except BaseException as error: write(2, repr(error).encode() + b" Traceback")
        builtins.at_end = AtEnd()"""
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@unittest.skipUnless(sys.platform == "linux", "limits, ids and root directories of Linux")
class BrokenProcessTests(ProjectTestCase):
    new_processes = True
    prefix: tuple[str, ...] = ()

    def run_python(self, *words: str, stdin: str = "", **environment: str) -> Outcome:
        done = subprocess.run(
            [*self.prefix, sys.executable, *words], cwd=self.project, input=stdin, text=True,
            env=self.environment(**environment), capture_output=True, check=False, timeout=60,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def assertEndsAsUsual(self, statement: str) -> None:
        """Fail unless the run succeeds, reports the leak and the totals, and removes its root."""
        self.write("test_broken.py", SUITE.format(statement))
        stock = self.run_python("-m", "unittest", "test_broken", TMPDIR=str(self.project))
        self.assertEqual(stock.code, 0, stock.err)
        (self.project / "left").unlink(missing_ok=True)
        for words in (("test_broken",), ("-v", "test_broken")):
            with self.subTest(words=words):
                outcome = self.tidytest(*words)
                self.assertEqual(outcome.code, stock.code, outcome.err)
                self.assertIn("0 B  left  test_broken.py:6 in test_1_leaves", outcome.err)
                self.assertIn("1 leaked by 1 test (removed)", outcome.err)
                self.assertNotIn("Traceback", outcome.err)
                self.assertNotIn("defect", outcome.err)

    def test_finders_of_modules_are_gone(self) -> None:
        self.assertEndsAsUsual("sys.meta_path.clear()")

    def test_import_function_is_broken(self) -> None:
        self.assertEndsAsUsual(BREAK_IMPORT)

    def test_functions_that_the_end_needs_are_replaced(self) -> None:
        for statement in (
            "os.getpid = lambda: 1",
            "import json; json.dumps = json.loads = None",
            "os.path.join = os.path.dirname = os.path.basename = None",
            "builtins.sorted = builtins.divmod = None",
            "os.fsencode = os.fspath = os.lstat = os.rename = None",
        ):
            with self.subTest(statement):
                self.assertEndsAsUsual(statement)

    def test_functions_are_replaced_while_a_class_runs(self) -> None:
        self.assertEndsAsUsual(
            "mock = __import__('unittest.mock').mock\n        for name in ('os.path.join', "
            "'json.dumps', 'os.listdir', 'builtins.sorted'):\n            patch = mock.patch(name, "
            "side_effect=ValueError)\n            patch.start()\n"
            "            self.addClassCleanup(patch.stop)\n"
            "        open(os.fspath(tempfile.tempdir) + '/also', 'w').close()\n"
            "        os.unlink(os.fspath(tempfile.tempdir) + '/also')")

    def test_little_recursion_is_allowed(self) -> None:
        self.assertEndsAsUsual("sys.setrecursionlimit(70)")

    def test_import_of_a_module_is_forbidden(self) -> None:
        self.assertEndsAsUsual("sys.modules['tempfile'] = sys.modules['shutil'] = None")

    def test_path_of_modules_is_gone(self) -> None:
        self.assertEndsAsUsual(
            "sys.path.clear(); sys.path_hooks.clear(); sys.path_importer_cache.clear()")

    def test_modules_are_gone(self) -> None:
        self.assertEndsAsUsual("sys.modules.clear()")

    def test_table_of_modules_is_replaced(self) -> None:
        self.assertEndsAsUsual("sys.modules = {}; sys.meta_path = None; sys.path = ()")

    def test_descriptors_are_used_up(self) -> None:
        self.assertEndsAsUsual(TAKE_DESCRIPTORS)

    def test_descriptors_are_used_up_below_a_low_limit(self) -> None:
        hard = "resource.getrlimit(resource.RLIMIT_NOFILE)[1]"
        self.assertEndsAsUsual(
            f"resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))\n        {TAKE_DESCRIPTORS}")

    def test_descriptors_are_used_up_to_a_hard_limit_for_good(self) -> None:
        self.prefix = without_capability(self, "-sys_resource")
        for limit in ("16", "len(os.listdir('/proc/self/fd'))",
                      "max(n for n in map(int, os.listdir('/proc/self/fd')) if n < 99) + 8"):
            with self.subTest(limit=limit):
                self.assertEndsAsUsual(LOWER_LIMIT.format(limit) + TAKE_DESCRIPTORS)

    def test_files_stay_open_that_are_set_aside_meanwhile(self) -> None:
        self.prefix = without_capability(self, "-sys_resource")
        self.assertEndsAsUsual(LOWER_LIMIT.format(16) + CHECK_DESCRIPTORS)

    def test_lock_is_closed_and_descriptors_are_used_up(self) -> None:
        self.assertEndsAsUsual(f"""for number in map(int, os.listdir('/proc/self/fd')):
            if 'tidy-' in os.path.realpath(f'/proc/self/fd/{{number}}'):
                os.close(number)
                break
        {TAKE_DESCRIPTORS}""")

    def test_files_may_not_grow(self) -> None:
        self.assertEndsAsUsual(
            "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))")

    @unittest.skipUnless(IS_ROOT, "only root may change the root directory")
    def test_root_directory_is_changed(self) -> None:
        jail = self.base.parent / "jail"
        jail.mkdir()
        self.assertEndsAsUsual(f"os.chroot({str(jail)!r}); os.chdir('/')")

    @unittest.skipUnless(IS_ROOT, "only root may become another user")
    def test_effective_user_is_changed(self) -> None:
        self.assertEndsAsUsual("os.seteuid(65534)")



def without_capability(case: unittest.TestCase, names: str) -> tuple[str, ...]:
    """Return the command that takes capabilities of root away; nothing where the user has none."""
    if IS_ROOT and shutil.which("setpriv") is None:
        case.skipTest("needs setpriv, to run without what root may do")
    return ("setpriv", f"--bounding-set={names}") if IS_ROOT else ()


class PatchedClassTests(ProjectTestCase):
    def test_functions_patched_for_a_whole_class_hide_no_leak(self) -> None:
        """The first leak is found, and what that needs is imported, while they are replaced."""
        names = ("importlib.import_module", "os.path.join", "os.sep", "re.compile", "sys._getframe")
        self.write("test_patched.py", f"""
            import os, tempfile, unittest
            from unittest import mock
            inside = os.path.join(tempfile.gettempdir(), "inside")
            class T(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    for name in {names}: cls.enterClassContext(mock.patch(name))
                def test(self):
                    open(inside, "w").close()
                    os.mkdir("outside"); open("outside/x", "w").close()
        """)
        outcome = self.tidytest()
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("test_patched.T.test  2 left", outcome.err)
        self.assertIn("inside  test_patched.py:10 in test  open", outcome.err)
        self.assertIn("outside/  1 file", outcome.err)
        self.assertNotIn("Traceback", outcome.err)
        self.assertIn("still there since", self.tidytest().err)


MANY = """
import os, tempfile, unittest
class T(unittest.TestCase):
    def test_1_umask(self):
        os.umask(0o777)
        open("out.txt", "w").close()
    def test_2_many(self):
        for number in range(300):
            os.mkdir(os.path.join(tempfile.gettempdir(), f"d{number}"))
    def test_3_one(self):
        os.mkdir(os.path.join(tempfile.gettempdir(), "one"))
"""


@unittest.skipUnless(sys.platform == "linux", "capabilities of Linux")
class UmaskTests(ProjectTestCase):
    def run_without_privileges(self) -> subprocess.CompletedProcess[str]:
        """Run as a user whom permissions bind: root without the capability to ignore them."""
        prefix = without_capability(self, "-dac_override,-dac_read_search")
        return subprocess.run(
            [*prefix, sys.executable, "-m", "runner", "test_umask"], cwd=self.project,
            env=self.environment(), capture_output=True, text=True, check=False, timeout=60,
        )

    def test_umask_that_takes_all_permissions(self) -> None:
        self.write("test_umask.py", MANY)
        for expected in ("302 leaked by 3 tests", "301 removed"):
            (self.project / "out.txt").unlink(missing_ok=True)
            done = self.run_without_privileges()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(expected, done.stderr)
            self.assertNotIn("Permission denied", done.stderr)
            self.assertEqual(os.listdir(self.base), [])
