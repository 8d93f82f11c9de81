"""Ways of workers that tests share, and of work that goes on when its test has ended."""

from __future__ import annotations

from tests.campaigns.zoo.rows import (
    EITHER,
    PROJECT,
    SCANNED,
    TEMP,
    TRACED,
    USUAL,
    Limit,
    Way,
    way,
)

_WORK = "import asyncio, concurrent.futures, contextvars, multiprocessing, multiprocessing.pool\n" \
        "import queue, subprocess, threading, time\n" \
        "def work(path):\n    open(path, 'w').close()  # LEAK\n" \
        "FORK, SPAWN, SERVER = map(multiprocessing.get_context, ('fork', 'spawn', 'forkserver'))\n"
_IN_THREAD = "def in_thread(path):\n" \
             "    t = threading.Thread(target=work, args=(path,)); t.start(); t.join()\n"
_APART = Limit("the thread takes work from anyone: nothing says whose this is", apart=True)
_ANY = Limit("nothing tells whose job the worker does", apart=True)
_SPAWNED = {TEMP: _ANY, PROJECT: _ANY}
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
    *_shared("ProcessPoolExecutor spawn",
             "cls.p = concurrent.futures.ProcessPoolExecutor(1, SPAWN)",
             "cls.p.submit(work, leaf()).result()", "cls.p.shutdown()"),
    *_shared("ProcessPoolExecutor forkserver",
             "cls.p = concurrent.futures.ProcessPoolExecutor(1, SERVER)",
             "cls.p.submit(work, leaf()).result()", "cls.p.shutdown()"),
    *_shared("process Pool spawn", "cls.p = SPAWN.Pool(1)", "cls.p.apply(work, [leaf()])",
             "cls.p.terminate(); cls.p.join()"),
    *_shared("process Pool forkserver", "cls.p = SERVER.Pool(1)", "cls.p.map(work, [leaf()])",
             "cls.p.terminate(); cls.p.join()"),
    *_shared("process Pool thread in a spawned worker", "cls.p = SPAWN.Pool(1)",
             "cls.p.apply(in_thread, [leaf()])", "cls.p.terminate(); cls.p.join()",
             imports=_WORK + _IN_THREAD, limits=_SPAWNED),
    *_shared("loky reusable executor", "import loky; cls.p = loky.get_reusable_executor(1)",
             "cls.p.submit(work, leaf()).result()", "cls.p.shutdown()", needs=("loky",),
             limits=_SPAWNED),
    *_shared("process Pool fork", "cls.p = FORK.Pool(1)", "cls.p.apply(work, [leaf()])",
             "cls.p.terminate(); cls.p.join()"),
    *_shared("process Pool imap", "cls.p = FORK.Pool(1)", "list(cls.p.imap(work, [leaf()]))",
             "cls.p.terminate(); cls.p.join()"),
    *_shared("process Pool thread in a worker", "cls.p = FORK.Pool(1)",
             "cls.p.apply(in_thread, [leaf()])", "cls.p.terminate(); cls.p.join()",
             imports=_WORK + _IN_THREAD),
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

_WAIT = "\n        ".join((
    "deadline = time.time() + 5",
    "while not os.path.lexists(NAME) and time.time() < deadline: time.sleep(0.01)",
))
_CASE = "class Row(unittest.TestCase):\n    def test_leak(self):\n"
_GO = "    def test_z(self):\n        "
_OVERLAP = (
    "def load_tests(loader, tests, pattern):\n"
    "    class Both(unittest.TestSuite):\n        def run(self, result, debug=False):\n"
    "            ts = [threading.Thread(target=t, args=(result,)) for t in self]\n"
    "            for t in ts: t.start()\n            ts[1].join(); over.set(); ts[0].join()\n"
    "            return result\n"
    "    return Both([Row('test_leak'), Row('test_z')])\n"
)
_INTERPRETER = (
    "def run(code):\n    try: import _interpreters as i\n"
    "    except ImportError: import _xxsubinterpreters as i\n"
    "    n = i.create()\n"
    "    i.run_string(n, code)\n    i.destroy(n)\n"
)
_UNSEEN = Limit("nothing is known of the process that outlived its test", apart=True)


def _grandchild(name: str, command: str) -> Way:
    return way(
        name, f"NAME = leaf()\n{_CASE}        subprocess.check_call({command}, shell=True)"
        "  # LEAK\n"
        f"{_GO}{_WAIT}\n    def test_zz(self): subprocess.check_call(['true'])\n",
        imports=_WORK, whole=True, call=("subprocess *",), evidence=SCANNED, places=(TEMP,),
        origin=False, limits={TEMP: _UNSEEN}, alone=True)


def _late_job(method: str) -> Way:
    return way(
        f"late job of a pool by {method}",
        f"def late(path):\n    time.sleep(0.5)\n    work(path)\n{_CASE[:-1]}"
        f"\n        Row.p = concurrent.futures.ProcessPoolExecutor(1, {method})"
        "\n        Row.p.submit(len, ()).result(); Row.f = Row.p.submit(late, leaf())\n"
        f"{_GO}Row.f.result(); time.sleep(0.1)\n"
        "    def test_zz(self): Row.p.submit(len, ()).result(); Row.p.shutdown()\n",
        imports=_WORK, whole=True, function=("work",), evidence=EITHER, alone=True)


LATE: tuple[Way, ...] = (
    *map(_late_job, ("FORK", "SPAWN", "SERVER")),
    # The event is raised, the context closes, and only then the call creates the file.
    way("event before the end, file after it",
        "import sys\nSTATE = threading.local()\nheld, go = threading.Event(), threading.Event()\n"
        "def hook(event, args):\n"
        "    if event == 'open' and getattr(STATE, 'slow', 0) and str(args[0]) == STATE.slow:\n"
        "        held.set(); go.wait()\n"
        "def slow(path):\n    STATE.slow = path\n    open(path, 'w').close()  # LEAK\n"
        f"{_CASE}        global t\n        sys.addaudithook(hook)\n"
        "        t = threading.Thread(target=slow, args=(leaf(),)); t.start(); held.wait()\n"
        f"{_GO}go.set(); t.join()\n    def test_zz(self): pass\n",
        imports=_WORK, whole=True, function=("slow",), alone=True),
    _grandchild("late grandchild without environment",
                "f'(env -i sh -c \"sleep .4; : > {leaf()}\" &)'"),
    _grandchild("late grandchild in a session of its own",
                "f'(setsid env -i sh -c \"sleep .4; : > {leaf()}\" >/dev/null 2>&1 &)'"),
    way("forkserver child that outlives its test",
        "def late(path):\n    time.sleep(0.5)\n    open(path, 'w').close()  # LEAK\n"
        f"NAME = leaf()\n{_CASE}        c = multiprocessing.get_context('forkserver')\n"
        "        Row.p = c.Process(target=late, args=(leaf(),)); Row.p.start()\n"
        f"{_GO}{_WAIT}\n        Row.p.join()\n    def test_zz(self): pass\n",
        imports=_WORK, whole=True, function=("late",), evidence=TRACED, places=(TEMP,),
        limits={TEMP: _UNSEEN}, alone=True),
    way("forkserver child after another one has outlived its test",
        "def nap(): time.sleep(0.6)\n"
        "c = multiprocessing.get_context('forkserver')\n"
        "class Row(unittest.TestCase):\n    def test_a(self):\n"
        "        Row.p = c.Process(target=nap); Row.p.start()\n"
        "    def test_leak(self):\n"
        "        p = c.Process(target=work, args=(leaf(),)); p.start(); p.join()  # HERE\n"
        "    def test_z(self): Row.p.join()\n",
        imports=_WORK, whole=True, call=("*",), evidence=EITHER, places=(TEMP,), origin=False,
        marks=("HERE", "LEAK"), limits={TEMP: _UNSEEN}, alone=True),
    way("child while tests overlap in threads",
        "made, over = threading.Event(), threading.Event()\n"
        f"{_CASE}        subprocess.check_call(['touch', leaf()])  # LEAK\n"
        "        made.set(); over.wait()\n"
        "    def test_z(self): made.wait()\n"
        f"{_OVERLAP}",
        imports=_WORK, whole=True, call=("subprocess touch",), evidence=SCANNED, alone=True),
    way("children of two tests that overlap in threads",
        "made, over = threading.Event(), threading.Event()\n"
        f"{_CASE}        subprocess.check_call(['sh', '-c', 'touch $TMPDIR/' + SLUG])  # LEAK\n"
        "        made.set(); over.wait()\n"
        "    def test_z(self): subprocess.check_call(['true']); made.wait()\n"
        f"{_OVERLAP}",
        imports=_WORK, whole=True, call=("subprocess sh",), evidence=SCANNED, places=(TEMP,),
        limits={TEMP: _UNSEEN}, alone=True),
    way("unnamed file of two tests that overlap in threads",
        "made, over = threading.Event(), threading.Event()\n"
        f"{_CASE}        subprocess.check_call(['mktemp', '-p', os.environ['TMPDIR']])  # LEAK\n"
        "        made.set(); over.wait()\n"
        "    def test_z(self): subprocess.check_call(['true']); made.wait()\n"
        f"{_OVERLAP}",
        imports=_WORK, whole=True, name="tmp.*", call=("subprocess mktemp",), evidence=SCANNED,
        places=(TEMP,), limits={TEMP: _UNSEEN}, alone=True),
    way("file of a subinterpreter",
        f"{_INTERPRETER}{_CASE}        run(f'open({{leaf()!r}}, \"w\").close()')\n{_GO}pass\n",
        imports=_WORK, whole=True, origin=False, call=("*",), evidence=SCANNED, alone=True,
        places=USUAL, limits={PROJECT: Limit("a subinterpreter runs no audit hook", apart=True)}),
    way("file of a subinterpreter after a test with a child",
        f"{_INTERPRETER}class Row(unittest.TestCase):\n"
        "    def test_a(self): subprocess.check_call(['true'])\n"
        "    def test_leak(self):\n        run(f'open({leaf()!r}, \"w\").close()')\n"
        f"{_GO}pass\n",
        imports=_WORK, whole=True, origin=False, call=("*",), evidence=SCANNED, alone=True,
        places=USUAL, limits={PROJECT: Limit("a subinterpreter runs no audit hook", apart=True)}),
)

WAYS = SHARED + LATE
