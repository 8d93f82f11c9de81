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
        apart = [os.path.basename(each["path"]) for each in document.get("unattributed", ())]
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

    def test_file_of_a_thread_without_queue_is_its_tests(self) -> None:
        found = self.run_worker("""
import time
def work():
    time.sleep(0.3)
    open("a", "w").close()
""", "work", "T.worker.join()")
        self.assertEqual(found, ({"a": "test_it.T.test_1"}, []))


if __name__ == "__main__":
    unittest.main()
