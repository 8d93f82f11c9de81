"""The core under threads: another one runs between any two lines of it.

A trace function gives way to the other threads before each line, so that a state which is checked
in one line and changed in another is found to be unguarded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.support.programs import REPOSITORY

TRACED = f"""
import os, sys, tempfile, threading, time, traceback
sys.path.insert(0, {REPOSITORY!r})
OWN = tuple(os.path.join({REPOSITORY!r}, name, "") for name in ("tempfiles", "runner"))

def trace(frame, event, arg):
    if frame.f_code.co_filename.startswith(OWN):
        time.sleep(0)
        return trace

def in_threads(work, number=8):
    barrier, errors = threading.Barrier(number), []
    def run(n):
        sys.settrace(trace)
        barrier.wait()
        try:
            work(n)
        except BaseException:
            errors.append(traceback.format_exc())
        finally:
            sys.settrace(None)
    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(*errors[:1], file=sys.stderr)
"""

CONTEXTS = """
import tempfiles
from concurrent.futures import ThreadPoolExecutor
from tempfiles import TempDirectory, context, create_with_content, on_context_close

closed = []
def work(n):
    on_context_close(lambda report: closed.append((n, report.id)))
    for _ in range(3):
        with context(f"c{n}"):
            seen = []
            thread = threading.Thread(target=lambda: seen.append(tempfiles.current_context()))
            thread.start()
            thread.join()
            with ThreadPoolExecutor(1) as pool:
                seen.append(pool.submit(tempfiles.current_context).result())
            assert seen == [f"c{n}"] * 2, seen
            path = create_with_content("text")
            with TempDirectory() as directory:
                directory.create_file("file")
            tempfiles.contexts()
            tempfiles.stats()
        assert not path.exists()

in_threads(work)
print(len({n for n, _ in closed}), tempfiles.contexts(), len(tempfiles.get_registered_files()))
"""

SUITE = """
import unittest

class T(unittest.TestCase):
    pass

def new_test(n):
    def test(self):
        for _ in range(3):
            fd, path = tempfile.mkstemp()
            os.close(fd)
            with open(os.path.join(tempfile.mkdtemp(), "x"), "w"):
                pass
            if n % 3:
                os.rename(path, path + ".new")
                os.unlink(path + ".new")
            thread = threading.Thread(target=tempfile.mkdtemp)
            thread.start()
            thread.join()
    return test

for n in range(24):
    setattr(T, f"test_{n:02}", new_test(n))

class Threaded(unittest.TestSuite):
    def run(self, result, debug=False):
        tests = list(self)
        in_threads(lambda n: [test(result) for test in tests[n::8]])
        return result

def load_tests(loader, tests, pattern):
    return Threaded(loader.loadTestsFromTestCase(T))
"""

TRACKED = """
import runner, unittest

class T(runner.TrackedTestCase):
    def test_tidy(self):
        fd, path = tempfile.mkstemp()
        os.close(fd)
        os.unlink(path)
        self.assertNoLeaks()
    def test_leak(self):
        fd, path = tempfile.mkstemp()
        self.addCleanup(os.unlink, path)
        os.close(fd)
        self.assertNoLeaks()

results = []
def work(n):
    for _ in range(3):
        for name in ("test_tidy", "test_leak"):
            result = unittest.TestResult()
            T(name).run(result)
            results.append((name, len(result.failures), len(result.errors)))

in_threads(work)
print(sorted({(each, results.count(each)) for each in results}))
"""

FORKS = """
import signal, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads
from tempfiles import Run, RunSettings
from tempfiles.run import lifecycle
from tempfiles.system import audit

holds, goes_on = threading.Event(), threading.Event()
def hold():
    with lifecycle.lock, audit._lock:
        holds.set()
        goes_on.wait()

run = Run(RunSettings())
run.open()
context = run.enter("test", "test")
thread = threading.Thread(target=hold)
thread.start()
holds.wait()
pid = os.fork()
if pid == 0:
    signal.alarm(20)
    child = run.reopen_in_child()
    inner = child.enter("in child", "test")
    tempfile.mkdtemp()
    os._exit(len(child.close(inner).leaks))
goes_on.set()
thread.join()
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
run.close(context)
run.finish()
print(code)
"""


@unittest.skipIf("coverage" in sys.modules, "the programs set a trace function of their own")
class ThreadTests(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = self.enterContext(tempfile.TemporaryDirectory())

    def run_program(self, text: str, *options: str) -> tuple[str, str]:
        path = Path(self.temp, "test_threaded.py")
        path.write_text(TRACED + text)
        done = subprocess.run(
            [sys.executable, "-W", "error", *(options or (str(path),))], cwd=self.temp,
            env={**os.environ, "PYTHONPATH": REPOSITORY}, capture_output=True, text=True,
            timeout=120, check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stdout, done.stderr

    def test_first_contexts_of_eight_threads_open_and_close(self) -> None:
        for _ in range(2):
            out, err = self.run_program(CONTEXTS)
            self.assertEqual((out, err.strip()), ("8 ('run',) 0\n", ""))

    def test_suite_in_threads_reports_each_leak_under_its_test(self) -> None:
        _, err = self.run_program(SUITE, "-m", "runner", "--leaks-shown=0", "test_threaded")
        self.assertIn("Ran 24 tests", err)
        total = err.rstrip().splitlines()[-1]
        self.assertIn(" 264 created, 96 removed by their tests, 168 leaked", total)
        found = re.findall(r"T.test_([0-9]+)  ([0-9]+) left, ", err)
        # Six directories each; every third test leaves its three files, too.
        self.assertEqual(sorted(found), [(f"{n:02}", "69"[n % 3 == 0]) for n in range(24)])

    def test_tracked_test_cases_in_threads_share_an_observer(self) -> None:
        out, _ = self.run_program(TRACKED)
        self.assertEqual(out, "[(('test_leak', 1, 0), 24), (('test_tidy', 0, 0), 24)]\n")

    @unittest.skipUnless(hasattr(os, "fork"), "no processes are forked here")
    def test_fork_while_another_thread_holds_the_locks(self) -> None:
        out, _ = self.run_program(FORKS)
        self.assertEqual(out, "1\n")


if __name__ == "__main__":
    unittest.main()
