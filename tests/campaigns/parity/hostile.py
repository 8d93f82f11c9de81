"""Suites that pull the rug from under a runner: what they replace, close, delete or kill is the
runner's too."""

from __future__ import annotations

SOURCES = {
    "test_patches.py": """
        import builtins, io, os, shutil, sys, tempfile, time, unittest
        from pathlib import Path
        from unittest import mock
        def broken(*arguments, **keywords):
            raise AssertionError("called while patched")
        class Patches(unittest.TestCase):
            def patch(self, *targets):
                for target in targets:
                    self.enterContext(mock.patch(target, broken))
            def test_open(self):
                self.patch("builtins.open", "io.open", "os.open")
            def test_stat(self):
                self.patch("os.stat", "os.lstat", "os.path.exists", "os.path.lexists")
            def test_listing(self):
                self.patch("os.listdir", "os.scandir", "os.walk")
            def test_making(self):
                self.patch("os.mkdir", "os.makedirs", "os.rename", "os.unlink", "os.rmdir")
            def test_tempfile(self):
                self.patch("tempfile.gettempdir", "tempfile.mkdtemp", "tempfile.mkstemp")
            def test_shutil(self):
                self.patch("shutil.rmtree")
            def test_time(self):
                self.patch("time.time", "time.monotonic", "time.sleep")
            def test_getcwd(self):
                self.patch("os.getcwd")
            def test_process(self):
                self.patch("subprocess.Popen", "os.getpid")
            def test_streams(self):
                self.enterContext(mock.patch("sys.stderr", io.StringIO()))
                self.enterContext(mock.patch("sys.stdout", io.StringIO()))
                print("unseen")
            def test_environment(self):
                with mock.patch.dict(os.environ, clear=True):
                    pass
            def test_print(self):
                self.patch("builtins.print", "json.dumps")
        class NeverPutBack(unittest.TestCase):
            def test_1(self):
                os.environ.clear()
                tempfile.tempdir = None
            def test_2(self):
                sys.stderr = io.StringIO()
            def test_3(self):
                time.time = lambda: 0.0
            def test_4(self):
                sys.setrecursionlimit(200)
            def test_5(self):
                os.lstat = os.listdir = broken
            def test_6(self):
                pass
    """,
    "test_places.py": """
        import os, shutil, tempfile, unittest
        class Places(unittest.TestCase):
            def test_1_changes_directory(self):
                os.chdir("/")
            def test_2_stays_there(self):
                self.assertEqual(os.getcwd(), "/")
            def test_3_deletes_the_directory_it_is_in(self):
                place = tempfile.mkdtemp()
                os.chdir(place)
                os.rmdir(place)
            def test_4_is_nowhere(self):
                with self.assertRaises(FileNotFoundError):
                    os.getcwd()
            def test_5_empties_the_temp_directory(self):
                os.chdir("/")
                place = tempfile.gettempdir()
                for name in os.listdir(place):
                    shutil.rmtree(os.path.join(place, name))
            def test_6_makes_a_file_after_that(self):
                with tempfile.NamedTemporaryFile():
                    pass
        class SharedName(unittest.TestCase):
            def test_1(self):
                open(os.path.join(tempfile.gettempdir(), "shared"), "w").close()
            def test_2_finds_what_1_left(self):
                self.assertTrue(os.path.exists(os.path.join(tempfile.gettempdir(), "shared")))
            def test_3_same_directory(self):
                type(self).place = tempfile.gettempdir()
            def test_4_same_directory(self):
                self.assertEqual(tempfile.gettempdir(), self.place)
                self.assertEqual(os.environ["TMPDIR"], self.place)
    """,
    "test_deaths.py": """
        import atexit, multiprocessing, os, signal, subprocess, sys, threading, time, unittest
        class Deaths(unittest.TestCase):
            def test_exit_at_once(self):
                os._exit(7)
            def test_killed(self):
                os.kill(os.getpid(), signal.SIGKILL)
            def test_terminated(self):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            def test_hung_up(self):
                os.kill(os.getpid(), signal.SIGHUP)
                time.sleep(5)
            def test_aborts(self):
                os.abort()
            def test_interrupted(self):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
            def test_child_exits(self):
                if os.fork() == 0:
                    os._exit(0)
                os.wait()
            def test_child_leaves_by_exception(self):
                sys.stdout.flush()
                sys.stderr.flush()
                child = os.fork()
                if child == 0:
                    raise SystemExit(4)
                os.waitpid(child, 0)
            def test_thread_goes_on(self):
                threading.Thread(target=time.sleep, args=(0.3,)).start()
            def test_thread_fails(self):
                thread = threading.Thread(target=lambda: 1 / 0)
                thread.start()
                thread.join()
            def test_exit_handler_fails(self):
                atexit.register(lambda: 1 / 0)
            def test_exit_handler_exits(self):
                atexit.register(os._exit, 9)
            def test_recursion(self):
                def deeper():
                    deeper()
                deeper()
            def test_own_handler(self):
                before = signal.signal(signal.SIGTERM, lambda *_: print("handled"))
                os.kill(os.getpid(), signal.SIGTERM)
                signal.signal(signal.SIGTERM, before)
                self.assertEqual(before, signal.SIG_DFL)
            def test_forked_child_is_terminated(self):
                process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(9,))
                process.start()
                process.terminate()
                process.join()
                self.assertEqual(process.exitcode, -signal.SIGTERM)
            def test_spawned_child_is_terminated(self):
                code = "import time; print(flush=True); time.sleep(9)"
                child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
                child.stdout.read(1)
                child.terminate()
                child.communicate()
                self.assertEqual(child.returncode, -signal.SIGTERM)
        class Base(BaseException):
            pass
        class Raises(unittest.TestCase):
            def test_base_exception(self):
                raise Base("not an Exception")
            def test_generator_exit(self):
                raise GeneratorExit
        class InFixture(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise KeyboardInterrupt
            def test_never(self):
                pass
    """,
    "test_closes.py": """
        import os, sys, unittest
        class Closes(unittest.TestCase):
            def test_descriptors(self):
                os.closerange(3, 256)
            def test_after(self):
                pass
    """,
    "test_inspects.py": """
        import gc, inspect, sys, threading, traceback, unittest
        class Inspects(unittest.TestCase):
            def test_threads(self):
                print(threading.active_count())
            def test_depth_of_the_users_frames(self):
                names = [f.name for f in traceback.extract_stack() if f.filename == __file__]
                print(names)
            def test_tracing(self):
                sys.settrace(lambda *_: None)
                sys.settrace(None)
            def test_audit_hook(self):
                seen = []
                sys.addaudithook(lambda event, args: seen.append(event))
                open(__file__).close()
                self.assertIn("open", seen)
            def test_run_is_a_method(self):
                print(inspect.signature(unittest.TestCase.run), unittest.TestCase.run.__name__)
            def test_debug(self):
                class Inner(unittest.TestCase):
                    def test(self):
                        print("debugged")
                Inner("test").debug()
            def test_call(self):
                class Inner(unittest.TestCase):
                    def test(self):
                        self.fail()
                result = unittest.TestResult()
                Inner("test")(result)
                print(result)
            def test_arguments(self):
                print(sys.argv[1:], sys.flags.dev_mode)
            def test_main(self):
                print(__name__, sys.modules["__main__"].__name__)
            def test_result(self):
                result = self._outcome.result
                self.assertIsInstance(result, unittest.TextTestResult)
                print(result.testsRun, result.shouldStop)
    """,
    "test_shapes.py": """
        import unittest
        class Plain:
            def test_mixed_in(self):
                pass
        class Mixed(Plain, unittest.TestCase):
            pass
        class Slots(unittest.TestCase):
            __slots__ = ()
            def test_pass(self):
                pass
        class NoId(unittest.TestCase):
            def id(self):
                return "an id with spaces / and a slash"
            def __str__(self):
                return "a name of its own"
            def shortDescription(self):
                return "a description of its own"
            def test_pass(self):
                pass
            def test_fail(self):
                self.fail()
        class Equal(unittest.TestCase):
            def __eq__(self, other):
                raise TypeError("not comparable")
            __hash__ = unittest.TestCase.__hash__
            def test_pass(self):
                pass
        class Property(unittest.TestCase):
            @property
            def failureException(self):
                return AssertionError
            def __getattr__(self, name):
                raise AttributeError(name)
            def test_pass(self):
                pass
        class Stops(unittest.TestCase):
            def run(self, result=None):
                super().run(result)
                result.stop()
            def test_1(self):
                pass
            def test_2(self):
                pass
        class Calls(unittest.TestCase):
            def __call__(self, *arguments, **keywords):
                print("called")
                return super().__call__(*arguments, **keywords)
            def test_pass(self):
                pass
        class Warned(unittest.TestCase):
            def test_generator(self):
                yield
            async def test_coroutine(self):
                pass
    """,
}

COMMANDS = """
    -v test_patches.Patches
    -v test_patches.NeverPutBack
    -v test_places.Places
    -v test_places.SharedName
    -v test_deaths.Deaths.test_exit_at_once
    -v test_deaths.Deaths.test_killed
    -v test_deaths.Deaths.test_terminated
    -v test_deaths.Deaths.test_hung_up
    -v test_deaths.Deaths.test_aborts
    -v test_deaths.Deaths.test_interrupted
    -v -c test_deaths.Deaths.test_interrupted
    -v test_deaths.Deaths.test_child_exits
    -v test_deaths.Deaths.test_child_leaves_by_exception
    -v test_deaths.Deaths.test_thread_goes_on
    -v test_deaths.Deaths.test_thread_fails
    -v test_deaths.Deaths.test_exit_handler_fails
    -v test_deaths.Deaths.test_exit_handler_exits
    -v test_deaths.Deaths.test_recursion
    -v test_deaths.Deaths.test_own_handler
    -v test_deaths.Deaths.test_forked_child_is_terminated
    -v test_deaths.Deaths.test_spawned_child_is_terminated
    -v test_deaths.Raises
    -v test_deaths.InFixture
    -v test_closes
    -v test_inspects
    -v -b test_inspects
    -v test_shapes.Mixed test_shapes.Slots test_shapes.NoId
    -v test_shapes.Equal test_shapes.Property test_shapes.Calls
    -v test_shapes.Stops
    -v test_shapes.Warned
    test_shapes
"""
