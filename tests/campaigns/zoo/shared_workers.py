"""Ways of workers that several tests share: pools, executors, event loops, queues."""

from __future__ import annotations

from tests.campaigns.zoo.rows import EITHER, PROJECT, TEMP, Limit, Way, way

_WORK = "import asyncio, concurrent.futures, contextvars, multiprocessing, multiprocessing.pool\n" \
        "import queue, subprocess, threading, time\n" \
        "def work(path):\n    open(path, 'w').close()  # LEAK\n" \
        "FORK = multiprocessing.get_context('fork')\n"
_APART = Limit("the thread takes work from anyone: nothing says whose this is", apart=True)
_EITHER_PLACE = {TEMP: _APART, PROJECT: _APART}


def _shared(name: str, new: str, use: str, /, end: str = "pass", **more: object) -> tuple[Way, ...]:
    """The rows of a worker that a class creates, or that the first test does, which uses it too."""
    settings: dict[str, object] = {
        "imports": _WORK, "whole": True, "function": ("work",), "evidence": EITHER, **more}
    rest = (
        "    @classmethod\n    def tearDownClass(cls):\n        cls = Row\n"
        f"        {end}\n    def test_leak(self):\n        cls = Row\n        {use}\n"
        "    def test_z(self): pass\n"
    )
    warm = use.replace("leaf()", "leaf('-warm')") + "; os.unlink(leaf('-warm'))"
    return (
        way(f"{name} of a class",
            "class Row(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n"
            f"        {new}\n    def test_a(self):\n        cls = Row\n        {warm}\n{rest}",
            **settings),
        way(f"{name} of the first test",
            f"class Row(unittest.TestCase):\n    def test_a(self):\n        cls = Row\n"
            f"        {new}\n        {warm}\n{rest}", **settings),
    )


_RUN = "async def job(path): open(path, 'w').close()  # LEAK\n"
_QUEUE = "def loop(jobs):\n    while job := jobs.get():\n        {}\n        jobs.task_done()\n" \
         "class Row(unittest.TestCase):\n" \
         "    def test_a(self):\n        Row.jobs = queue.Queue()\n" \
         "        threading.Thread(target=loop, args=(Row.jobs,), daemon=True).start()\n" \
         "    def test_leak(self): Row.jobs.put(leaf()); Row.jobs.join()\n" \
         "    def test_z(self): Row.jobs.put(None)\n"

SHARED: tuple[Way, ...] = (
    *_shared("ProcessPoolExecutor fork",
             "cls.p = concurrent.futures.ProcessPoolExecutor(1, FORK)",
             "cls.p.submit(work, leaf()).result()", "cls.p.shutdown()"),
    *_shared("ProcessPoolExecutor map", "cls.p = concurrent.futures.ProcessPoolExecutor(1, FORK)",
             "list(cls.p.map(work, [leaf()]))", "cls.p.shutdown()"),
    *_shared("process Pool fork", "cls.p = FORK.Pool(1)", "cls.p.apply(work, [leaf()])",
             "cls.p.terminate(); cls.p.join()"),
    *_shared("process Pool imap", "cls.p = FORK.Pool(1)", "list(cls.p.imap(work, [leaf()]))",
             "cls.p.terminate(); cls.p.join()"),
    *_shared("process Pool thread in a worker", "cls.p = FORK.Pool(1)",
             "cls.p.apply(in_thread, [leaf()])", "cls.p.terminate(); cls.p.join()",
             imports=_WORK + "def in_thread(path):\n"
             "    t = threading.Thread(target=work, args=(path,)); t.start(); t.join()\n"),
    *_shared("ThreadPool", "cls.p = multiprocessing.pool.ThreadPool(1)",
             "cls.p.map(work, [leaf()])", "cls.p.terminate()"),
    *_shared("ThreadPool imap", "cls.p = multiprocessing.pool.ThreadPool(1)",
             "list(cls.p.imap_unordered(work, [leaf()]))", "cls.p.terminate()"),
    *_shared("thread executor", "cls.p = concurrent.futures.ThreadPoolExecutor(1)",
             "cls.p.submit(work, leaf()).result()", "cls.p.shutdown()"),
    *_shared("asyncio Runner", "cls.p = asyncio.Runner(); cls.p.get_loop()",
             "cls.p.run(job(leaf()))", "cls.p.close()", imports=_WORK + _RUN, function=("job",)),
    *_shared("asyncio loop", "cls.p = asyncio.new_event_loop()",
             "cls.p.run_until_complete(job(leaf()))", "cls.p.close()", imports=_WORK + _RUN,
             function=("job",)),
    *_shared("asyncio loop in a thread",
             "cls.p = asyncio.new_event_loop(); "
             "threading.Thread(target=cls.p.run_forever, daemon=True).start()",
             "asyncio.run_coroutine_threadsafe(job(leaf()), cls.p).result()",
             "cls.p.call_soon_threadsafe(cls.p.stop)", imports=_WORK + _RUN, function=("job",)),
    *_shared("copied context", "cls.p = contextvars.copy_context()", "cls.p.run(work, leaf())"),
    way("queue thread of the user", _QUEUE.format("open(job, 'w').close()  # LEAK"), imports=_WORK,
        whole=True, function=("loop",), limits=_EITHER_PLACE),
    way("queue thread of the user calls work", _QUEUE.format("work(job)"), imports=_WORK,
        whole=True, function=("work",), limits=_EITHER_PLACE),
)

WAYS = SHARED
