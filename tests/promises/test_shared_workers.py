"""Work that a test hands to a worker of another test, and what such a worker does on its own."""

from __future__ import annotations

import json
import os
import unittest
from typing import Any

from tests.support.projects import ProjectTestCase

HEAD = """
import os, queue, tempfile, threading, time, unittest

class T(unittest.TestCase):
"""


class WorkerCase(ProjectTestCase):
    def run_tests(self, body: str, head: str = HEAD) -> tuple[dict[str, str], list[str]]:
        """Run a suite; return the contexts of its leaks by name, and the names set apart."""
        (self.project / "test_it.py").write_text(head + body)
        self.outcome = self.run_python("-m", "runner", "--leak-json", "../leaks.json")
        self.assertEqual(self.outcome.code, 0, self.outcome.err)
        document: dict[str, Any] = json.loads((self.project.parent / "leaks.json").read_text())
        leaks = {os.path.basename(leak["path"]): leak["context"] for leak in document["leaks"]}
        apart = [
            os.path.basename(each["path"]) for each in document.get("unattributed", ())
            if each["path"].startswith(str(self.project.parent))  # not of other programs
        ]
        return leaks, sorted(apart)


class QueueThreadTests(WorkerCase):
    def run_worker(
        self, head: str, worker: str, hand_over: str
    ) -> tuple[dict[str, str], list[str]]:
        return self.run_tests(f"""
    def test_1(self):
        T.worker = threading.Thread(target={worker}, daemon=True)
        T.worker.start()
    def test_2(self):
        {hand_over}
    def test_3(self): pass
""", head + HEAD)

    def test_file_of_a_queue_is_apart(self) -> None:
        found = self.run_worker("""
import queue
jobs = queue.Queue()
def work():
    while True:
        open(jobs.get(), "w").close()
        jobs.task_done()
""", "work", 'jobs.put("a"); jobs.put(tempfile.gettempdir() + "/b"); jobs.join()')
        self.assertEqual(found, ({}, ["a", "b"]))
        title = "New in the temp directory, not attributed to any test (1):"
        self.assertIn(title, self.outcome.err)

    def test_file_of_a_callable_from_a_queue_is_apart(self) -> None:
        found = self.run_worker("""
import queue
class Worker:
    def __init__(self): self.jobs = queue.SimpleQueue()
    def run(self):
        for job in iter(self.jobs.get, None): job()
worker = Worker()
def write(): open("a", "w").close()
""", "worker.run", "worker.jobs.put(write); worker.jobs.put(None); T.worker.join()")
        self.assertEqual(found, ({}, ["a"]))

    def test_file_after_an_event_is_apart(self) -> None:
        found = self.run_worker("""
import threading
go = threading.Event()
def work():
    go.wait()
    open("a", "w").close()
""", "work", "go.set(); T.worker.join()")
        self.assertEqual(found, ({}, ["a"]))

    def test_file_of_a_polled_list_is_apart(self) -> None:
        found = self.run_worker("""
import time
jobs = []
def work():
    while not jobs: time.sleep(0.01)
    open(jobs.pop(), "w").close()
""", "work", 'jobs.append("a"); T.worker.join()')
        self.assertEqual(found, ({}, ["a"]))

    def test_file_of_a_server_is_apart(self) -> None:
        found = self.run_worker("""
import socketserver, socket
class Handler(socketserver.BaseRequestHandler):
    def handle(self): open("a", "w").close()
server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
def ask():
    with socket.create_connection(server.server_address) as s: s.recv(1)
    server.shutdown(); server.server_close()
""", "server.serve_forever", "import test_it; test_it.ask(); T.worker.join()")
        self.assertEqual(found, ({}, ["a"]))

    def test_file_of_a_server_that_forks_is_apart(self) -> None:
        found = self.run_worker("""
import socketserver, socket
class Handler(socketserver.BaseRequestHandler):
    def handle(self): open(tempfile.gettempdir() + "/a", "w").close()
server = socketserver.ForkingTCPServer(("127.0.0.1", 0), Handler)
def ask():
    with socket.create_connection(server.server_address) as s: s.recv(1)
    server.shutdown(); server.server_close()
""", "server.serve_forever", "import test_it; test_it.ask(); T.worker.join()")
        self.assertEqual(found, ({}, ["a"]))

    def test_file_after_a_read_from_a_pipe_is_apart(self) -> None:
        found = self.run_worker("""
import os
reader, writer = os.pipe()
def work():
    open(os.read(reader, 9), "w").close()
""", "work", 'os.write(writer, b"a"); T.worker.join()')
        self.assertEqual(found, ({}, ["a"]))

    def test_file_of_a_polled_variable_is_apart(self) -> None:
        found = self.run_worker("""
import time
job = None
def work():
    global job
    while not job: time.sleep(0.01)
    name, job = job, None
    open(name, "w").close()
""", "work", 'globals().update(job="a"); T.worker.join()')
        self.assertEqual(found, ({}, ["a"]))

    def test_file_after_an_event_of_the_class_is_apart(self) -> None:
        found = self.run_worker("""
import threading
class Shared: go = threading.Event()
def work():
    Shared.go.wait()
    open("a", "w").close()
""", "work", "Shared.go.set(); T.worker.join()")
        self.assertEqual(found, ({}, ["a"]))

    def test_file_of_a_scheduler_is_apart(self) -> None:
        found = self.run_worker("""
import sched, time
jobs = sched.scheduler()
def work():
    while not jobs.queue: time.sleep(0.01)
    run()
def run(): jobs.run()
def write(): open("a", "w").close()
""", "lambda: work()", 'jobs.enter(0, 1, write); T.worker.join()')
        self.assertEqual(found, ({}, ["a"]))

    def test_file_of_a_queue_of_a_process_is_apart(self) -> None:
        found = self.run_tests("""
    def test_1(self):
        T.worker = FORK.Process(target=work)
        T.worker.start()
    def test_2(self):
        jobs.put("a"); jobs.put(tempfile.gettempdir() + "/b"); jobs.put(None)
        T.worker.join()
""", "import multiprocessing\nFORK = multiprocessing.get_context('fork')\njobs = FORK.Queue()\n"
            "def work():\n    for name in iter(jobs.get, None): open(name, 'w').close()\n" + HEAD)
        self.assertEqual(found, ({}, ["a", "b"]))

    def test_file_of_a_child_that_is_asked_later_is_apart(self) -> None:
        """A child of a fork server with a queue, and an interpreter at the end of a pipe."""
        self.write("worker.py", "def work(jobs):\n    for name in iter(jobs.get, None):\n"
                                "        open(name, 'w').close()\n")
        found = self.run_tests("""
    def test_1(self):
        T.jobs = SERVER.Queue()
        T.worker = SERVER.Process(target=worker.work, args=(T.jobs,))
        T.worker.start()
        T.shell = subprocess.Popen([sys.executable, "-iq"], stdin=-1, stderr=-3, text=True)
    def test_2(self):
        T.jobs.put("a"); T.jobs.put(tempfile.gettempdir() + "/b"); T.jobs.put(None)
        T.worker.join()
        T.shell.communicate("open('c', 'w').close()")
""", "import multiprocessing, subprocess, sys, worker\n"
            "SERVER = multiprocessing.get_context('forkserver')\n" + HEAD)
        self.assertEqual(found, ({}, ["a", "b", "c"]))

    def test_file_of_a_queue_of_a_task_is_apart(self) -> None:
        found = self.run_tests("""
    def test_1(self):
        async def start():
            T.jobs = asyncio.Queue()
            T.task = asyncio.create_task(work(T.jobs))
        loop.run_until_complete(start())
    def test_2(self):
        async def put():
            T.jobs.put_nowait("a")
            await T.task
        loop.run_until_complete(put())
    def test_3(self): loop.close()
""", "import asyncio\nloop = asyncio.new_event_loop()\n"
            "async def work(jobs):\n    open(await jobs.get(), 'w').close()\n" + HEAD)
        self.assertEqual(found, ({}, ["a"]))

    def test_file_of_a_late_task_is_its_tests(self) -> None:
        found = self.run_tests("""
    def test_1(self): loop.call_later(0.01, write)
    def test_2(self): loop.run_until_complete(asyncio.sleep(0.1))
    def test_3(self): loop.close()
""", "import asyncio\nloop = asyncio.new_event_loop()\n"
            "def write(): open('a', 'w').close()\n" + HEAD)
        self.assertEqual(found, ({"a": "test_it.T.test_1"}, []))

    def test_file_of_a_thread_without_queue_is_its_tests(self) -> None:
        found = self.run_worker("""
import time
def work():
    time.sleep(0.3)
    open("a", "w").close()
""", "work", "T.worker.join()")
        self.assertEqual(found, ({"a": "test_it.T.test_1"}, []))


class PoolTests(WorkerCase):
    BODY = """
    def test_1(self):
        T.threads = multiprocessing.pool.ThreadPool(1)
        T.processes = FORK.Pool(1)
        T.executor = concurrent.futures.ProcessPoolExecutor(1, FORK)
        T.threads.apply(int); T.processes.apply(int); T.executor.submit(int).result()
    def test_2(self):
        T.threads.apply_async(int, callback=lambda _: write("a")).wait()
        T.processes.map_async(int, [1], callback=lambda _: write("b")).wait()
    def test_3(self):
        T.processes.apply(write, ["c"])
        T.executor.submit(write, "d").result()
        self.helper()
    def helper(self):
        T.executor.submit(shutil.copy, __file__, "e").result()
    def test_4(self):
        T.threads.terminate(); T.processes.terminate(); T.processes.join(); T.executor.shutdown()
"""

    def test_callbacks_and_lines_are_those_of_the_test(self) -> None:
        head = "import concurrent.futures, multiprocessing, multiprocessing.pool, shutil\n" \
            "def write(name): open(name, 'w').close()\n" \
            "FORK = multiprocessing.get_context('fork')\n" + HEAD
        tests = {name: f"test_it.T.test_{2 if name in 'ab' else 3}" for name in "abcde"}
        self.assertEqual(self.run_tests(self.BODY, head), (tests, []))
        lines = (head + self.BODY).splitlines()
        leaks = json.loads((self.project.parent / "leaks.json").read_text())["leaks"]
        origins = {os.path.basename(leak["path"]): leak["origin"] for leak in leaks}
        for name in "cd":
            caller = next(n for n, line in enumerate(lines, 1) if f'write, ["{name}' in line
                          or f'write, "{name}' in line)
            self.assertEqual(origins[name]["line"], 2)
            self.assertEqual(origins[name]["called_from"], f"test_it.py:{caller}")
        caller = lines.index("        self.helper()") + 1
        self.assertEqual(origins["e"]["called_from"], f"test_it.py:{caller}")


@unittest.skipUnless(os.path.isdir("/proc/self"), "needs /proc")
class ProcessesBesideTests(WorkerCase):
    """A process that runs beside a test, which another context has started."""

    def test_files_of_a_process_of_the_class_are_never_a_tests(self) -> None:
        command = '"sleep .3; mktemp -p $TMPDIR; mktemp ./x.XXXXXX; sleep .6; mktemp -p $TMPDIR"'
        leaks, apart = self.run_tests(f"""
    @classmethod
    def setUpClass(cls):
        cls.p = subprocess.Popen(["sh", "-c", {command}], stdout=subprocess.DEVNULL)
    @classmethod
    def tearDownClass(cls): cls.p.wait()
    def test_1(self):
        subprocess.run(["true"]); time.sleep(0.5)
    def test_2(self): subprocess.run(["true"])
    def test_3(self): time.sleep(0.6)
""", "import subprocess\n" + HEAD)
        self.assertLessEqual(set(leaks.values()), {"test_it.T"}, (leaks, apart))
        self.assertEqual(len(leaks) + len(apart), 3)

    def test_file_of_a_child_of_a_late_thread_is_its_tests(self) -> None:
        found = self.run_tests("""
    def test_1(self):
        T.worker = threading.Thread(target=work)
        T.worker.start()
    def test_2(self):
        subprocess.run(["true"]); T.worker.join()
""", "import subprocess, tempfile, time\ndef work():\n    time.sleep(0.3)\n"
            "    subprocess.run(['touch', 'a', tempfile.gettempdir() + '/b'])\n" + HEAD)
        self.assertEqual(found, ({"a": "test_it.T.test_1", "b": "test_it.T.test_1"}, []))

    def test_file_of_a_child_after_a_survivor_has_ended(self) -> None:
        found = self.run_tests("""
    def test_1(self):
        T.worker = SPAWN.Process(target=time.sleep, args=(0.2,))
        T.worker.start()
    def test_2(self): T.worker.join()
    def test_3(self): subprocess.run(["true"])
    def test_4(self):
        p = SPAWN.Process(target=write, args=(["a", tempfile.gettempdir() + "/b"],))
        p.start(); p.join()
""", "import multiprocessing, subprocess\nSPAWN = multiprocessing.get_context('spawn')\n"
            "def write(names):\n    for name in names: open(name, 'w').close()\n" + HEAD)
        self.assertEqual(found, ({"a": "test_it.T.test_4", "b": "test_it.T.test_4"}, []))


if __name__ == "__main__":
    unittest.main()
