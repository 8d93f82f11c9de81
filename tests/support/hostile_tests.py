"""Bodies of tests that are hard on the process that runs them, and suites made of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from textwrap import dedent, indent

MODULE = "test_suite"
HEAD = '''
import ctypes, io, os, signal, subprocess, sys, tempfile, threading, time, unittest, unittest.mock

def log(id):
    """Append a line to the campaign's own file, which has been there before the run."""
    descriptor = os.open(os.environ["LOG"], os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, f"{id}\\n".encode())
    os.close(descriptor)

class Unpicklable(Exception):
    def __init__(self):
        super().__init__("cannot be pickled")
        self.lock = threading.Lock()
    def __reduce__(self):
        raise TypeError("not to be pickled")

class Unprintable(Exception):
    def __str__(self):
        raise ValueError("not to be printed")

def in_child(function):
    child = os.fork()
    if child == 0:
        try:
            function()
        finally:
            os._exit(0)
    return child

class Base(unittest.TestCase):
    def setUp(self):
        log(self.id())
'''

SURVIVED = {
    "passes": "pass",
    "sleeps": "time.sleep(0.02)",
    "leaks": "tempfile.mkstemp(); tempfile.mkdtemp()",
    "cleans_up": "tempfile.TemporaryDirectory().cleanup()",
    "forks": "os.waitpid(in_child(tempfile.mkdtemp), 0)",
    "forks_and_leaves": "in_child(lambda: time.sleep(0.2))",
    "child_goes_on": "in_child(lambda: (time.sleep(0.1), tempfile.mkstemp(), time.sleep(0.1)))",
    "daemonises": "in_child(lambda: (os.setsid(), in_child(lambda: time.sleep(0.5))))",
    "daemon_closes_all": "in_child(lambda: (os.setsid(), os.closerange(0, 4096), time.sleep(0.3)))",
    "child_holds_output": "subprocess.Popen(['sleep', '0.3'])",
    "thread_goes_on": "threading.Thread(target=time.sleep, args=(0.2,)).start()",
    "daemon_thread": "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "thread_fails": "threading.Thread(target=lambda: 1 / 0).start()",
    "closes_all_above_2": "os.closerange(3, 4096)",
    "takes_all_above_2": """
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3, 300):
            os.dup2(null, number)
        """,
    "takes_and_writes": """
        path = tempfile.mkstemp()[1]
        os.closerange(3, 300)
        for _ in range(40):
            os.open(path, os.O_WRONLY)
        """,
    "replaces_stderr": "sys.stderr = io.StringIO()",
    "replaces_both": "sys.stdout = sys.stderr = None",
    "closes_stdout": "sys.__stdout__.close() if sys.__stdout__ else None; sys.__stdout__ = None",
    "reads_stdin": "self.assertEqual(os.read(0, 9), b'')",
    "prints_much": "os.write(1, b'x' * 300_000); os.write(2, b'y' * 300_000 + b'\\n')",
    "prints_bytes": "os.write(2, b'\\xff\\x00\\x1b[2J half a line')",
    "ignores_end_of_children": """
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGCHLD, before)
        """,
    "ignores_termination": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "own_group": "os.setpgid(0, 0) if os.getpgrp() != os.getpid() else None",
    "changes_directory": "os.chdir('/')",
    "clears_environment": "log = os.environ['LOG']; os.environ.clear(); os.environ['LOG'] = log",
    "umask": "os.umask(0o777)",
    "many_descriptors": "type(self).kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(200)]",
    "holds_lock_at_fork": """
        lock = threading.Lock()
        lock.acquire()
        os.waitpid(in_child(lambda: lock.acquire(timeout=0.1)), 0)
        """,
    "thread_holds_lock_at_fork": """
        held, done = threading.Event(), threading.Event()
        lock = sys.__stderr__.buffer if sys.__stderr__ else io.BytesIO()
        def hold():
            held.set()
            done.wait(1)
        threading.Thread(target=hold).start()
        held.wait()
        os.waitpid(in_child(lambda: None), 0)
        done.set()
        """,
    "stops_for_a_while": """
        me = os.getpid()
        in_child(lambda: (time.sleep(0.2), os.kill(me, signal.SIGCONT)))
        os.kill(me, signal.SIGSTOP)
        """,
    "patches_os": "self.enterContext(unittest.mock.patch('os.write', None))",
    "patches_imports":
        "self.enterContext(unittest.mock.patch.dict(sys.modules, json=None, pickle=None))",
}
"""Bodies of tests that pass, by name."""

FAILED = {
    "fails": ("self.fail('as it should')", "failure"),
    "raises_unpicklable": ("raise Unpicklable", "error"),
    "raises_unprintable": ("raise Unprintable", "error"),
    "raises_surrogates": ("raise ValueError('\\udcff\\x00\\x1b]0;')", "error"),
    "raises_much": ("raise ValueError('x' * 200_000)", "error"),
    "exits": ("sys.exit(3)", "error"),
    "recursion": ("self.test_recursion()", "error"),
    "fails_and_forks": ("in_child(lambda: time.sleep(0.1)); self.fail('child lives')", "failure"),
}
"""Bodies of tests that fail, and how they end."""

DEADLY = {
    "os_exit": "os._exit(3)",
    "os_exit_0": "os._exit(0)",
    "segfault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "kill_group": "os.killpg(os.getpgrp(), signal.SIGKILL) if os.getpgrp() == os.getpid()"
                  " else os._exit(9)",
    "exec": "os.execv('/bin/true', ['true'])",
    "close_and_exit": "os.closerange(0, 4096); os._exit(4)",
    "exit_in_thread": "threading.Thread(target=os._exit, args=(5,)).start(); time.sleep(60)",
    "terminated": "signal.signal(signal.SIGTERM, signal.SIG_DFL);"
                  " os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
    "leaks_and_dies": "tempfile.mkdtemp(); os._exit(6)",
    "forks_and_dies": "in_child(lambda: time.sleep(0.3)); os.kill(os.getpid(), signal.SIGKILL)",
}
"""Bodies of tests that end the process that runs them."""

HANGING = {
    "sleeps_long": "time.sleep(600)",
    "waits_for_lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "waits_for_child": "os.waitpid(in_child(lambda: time.sleep(600)), 0)",
    "spins": "while True: pass",
    "blocks_signals": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); time.sleep(600)",
    "ignores_termination": "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    "swallows_all": """
        while True:
            try:
                time.sleep(600)
            except BaseException:
                pass
        """,
    "children_hang_too": "subprocess.Popen(['sleep', '600']); time.sleep(600)",
}
"""Bodies of tests that do not end."""


@dataclass(frozen=True)
class Suite:
    """The text of a module, and how each test of it ends: its id, and `success` or the like."""

    text: str
    ends: dict[str, str]


@dataclass(frozen=True)
class Deeds:
    """Which kinds of bodies a suite has; the plain ones that pass are always there."""

    hostile: bool = True
    deadly: bool = True
    hanging: bool = False


def make_suite(dice: random.Random, deeds: Deeds) -> Suite:
    """Return a suite of a few classes with and without fixtures, chosen at random."""
    parts, ends = [HEAD], {}
    if dice.random() < 0.2:
        parts.append("def setUpModule():\n    tempfile.mkdtemp()\n")
    for number in range(dice.randrange(2, 6)):
        name = f"Suite{number}"
        parts.append(f"class {name}(Base):")
        if dice.random() < 0.4:
            parts.append("    @classmethod\n    def setUpClass(cls): tempfile.mkdtemp()")
            parts.append("    @classmethod\n    def tearDownClass(cls): tempfile.mkdtemp()")
        for test, body, end in _chosen(dice, deeds):
            ends[f"{MODULE}.{name}.test_{test}"] = end
            lines = body if "\n" in body else f"        {body}"
            parts.append(f"    def test_{test}(self):\n{indent(_dedented(lines), ' ' * 8)}")
    return Suite("\n".join(parts) + "\n", ends)


def _chosen(dice: random.Random, deeds: Deeds) -> list[tuple[str, str, str]]:
    plain = [(f"{number}_{name}", SURVIVED[name], "success")
             for number, name in enumerate(("passes", "sleeps", "leaks", "cleans_up"))]
    found = plain[: dice.randrange(1, 5)]
    if deeds.hostile:
        found += [(name, SURVIVED[name], "success") for name in dice.sample(list(SURVIVED), 4)]
        found += [(name, *FAILED[name]) for name in dice.sample(list(FAILED), 1)]
    if deeds.deadly:
        number = dice.choice([0, 0, 1, 2])
        found += [(name, DEADLY[name], "error") for name in dice.sample(list(DEADLY), number)]
    if deeds.hanging and dice.random() < 0.4:
        name = dice.choice(list(HANGING))
        found.append((name, HANGING[name], "error"))
    return found


def _dedented(text: str) -> str:
    return dedent(text).strip("\n").rstrip()
