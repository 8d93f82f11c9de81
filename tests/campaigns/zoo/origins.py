"""Ways by whose line is the origin: helpers, installed packages, their threads and loops."""

from __future__ import annotations

from dataclasses import replace

from tests.campaigns.zoo.rows import BY_CHILD, EITHER, SCANNED, Expected, Way, line, way

_PACKAGE = {"site-packages/pack.py": """\
import contextvars, queue, threading
def call(function, *args):
    t = threading.Thread(target=lambda: function(*args))
    t.start(); t.join()
def serve():
    while True:
        context, function, args, done = jobs.get()
        context.run(function, *args); done.set()
jobs, workers = queue.SimpleQueue(), []
def submit(function, *args):
    if not workers: workers.append(threading.Thread(target=serve, daemon=True)); workers[0].start()
    done = threading.Event()
    jobs.put((contextvars.copy_context(), function, args, done)); done.wait()
"""}
_PACK = {"imports": "sys.path.append('site-packages')\nimport pack\n", "files": _PACKAGE}

PACKAGES: tuple[Way, ...] = (
    line("Thread of an installed package", "pack.call(os.mkdir, leaf())", "os.mkdir",
         type="directory", **_PACK),
    line("Thread of an installed package in one of its own",
         "pack.call(pack.call, os.mkdir, leaf())", "os.mkdir", type="directory", **_PACK),
    replace(
        way("worker of an installed package that serves several tests",
            "class Row(unittest.TestCase):\n"
            "    def test_first(self): pack.submit(os.mkdir, leaf('-first'))  # LEAK\n"
            "    def test_leak(self): pack.submit(os.mkdir, leaf())\n", whole=True, **_PACK),
        leaks=(Expected("{stem}-first", "directory", ("os.mkdir",), ("test_first",),
                        test=("test_first",)),
               Expected("{stem}", "directory", ("os.mkdir",), origin=False, marks=("NONE",)))),
    way("helper of another module", "import maker1\nmaker1.make(leaf())  # CALL", file="maker1.py",
        function=("make",), caller="CALL",
        files={"maker1.py": "def make(path):\n    open(path, 'w').close()  # LEAK\n"}),
    way("helper called in a thread", "import maker2, threading\n"
        "t = threading.Thread(target=maker2.make, args=(leaf(),)); t.start(); t.join()  # CALL",
        file="maker2.py", function=("make",), caller="CALL",
        files={"maker2.py": "def make(path):\n    open(path, 'w').close()  # LEAK\n"}),
    way("child started by a helper", "import maker3\nmaker3.make(leaf())  # CALL",
        call=("subprocess touch",), file="maker3.py", function=("make",), caller="CALL",
        evidence=SCANNED, limits=BY_CHILD,
        files={"maker3.py": "import subprocess\ndef make(path):\n"
                            "    subprocess.check_call(['touch', path])  # LEAK\n"}),
    way("helper called in a fork", "import maker4\npid = os.fork()\nif not pid:\n    try:\n"
        "        maker4.make(leaf())  # CALL\n    finally:\n        os._exit(0)\n"
        "os.waitpid(pid, 0)", file="maker4.py", function=("make",), caller="CALL",
        evidence=EITHER,
        files={"maker4.py": "def make(path):\n    open(path, 'w').close()  # LEAK\n"}),
)

_LOOPS: dict[str, object] = {"imports": "import asyncio\ndef work(path):\n"
                             "    open(path, 'w').close()  # LEAK\n"}


def _loop(name: str, needs: str, code: str, call: str, /, **more: object) -> Way:
    """A row of a package that runs an event loop; without a marked line in it, `work` has that."""
    if "# LEAK" not in code:
        more["function"] = ("work",)
    return way(name, f"import {needs}\n{code}", call=(call, "open"), needs=(needs,),
               **{**_LOOPS, **more})


LOOPS: tuple[Way, ...] = (
    _loop("anyio.Path write_text",
          "anyio", "async def job():\n    await anyio.Path(leaf()).write_text('x')  # LEAK\n"
          "anyio.run(job)", "pathlib.Path*", function=("job",)),
    _loop("anyio.Path mkdir under trio", "anyio",
          "import trio\nasync def job():\n    await anyio.Path(leaf()).mkdir()  # LEAK\n"
          "anyio.run(job, backend='trio')", "*mkdir", type="directory", function=("job",),
          alone=True),
    _loop("anyio.open_file", "anyio",
          "async def job():\n    async with await anyio.open_file(leaf(), 'w') as f:  # LEAK\n"
          "        await f.write('x')\nanyio.run(job)", "open", function=("job",)),
    _loop("anyio.to_thread.run_sync", "anyio",
          "async def job(): await anyio.to_thread.run_sync(work, leaf())\nanyio.run(job)", "open"),
    _loop("anyio.to_thread.run_sync of a library function", "anyio",
          "async def job():\n    await anyio.to_thread.run_sync(os.mkdir, leaf())  # LEAK\n"
          "anyio.run(job)", "os.mkdir", type="directory", function=("job",)),
    _loop("anyio task group", "anyio",
          "async def one(): work(leaf())\nasync def job():\n"
          "    async with anyio.create_task_group() as g: g.start_soon(one)\nanyio.run(job)",
          "open"),
    _loop("trio.Path write_text", "trio",
          "async def job():\n    await trio.Path(leaf()).write_text('x')  # LEAK\ntrio.run(job)",
          "pathlib.Path*", function=("job",), alone=True),
    _loop("trio.to_thread.run_sync", "trio",
          "async def job(): await trio.to_thread.run_sync(work, leaf())\ntrio.run(job)", "open",
          alone=True),
    _loop("trio.to_thread.run_sync of a library function", "trio",
          "async def job():\n    await trio.to_thread.run_sync(os.mkdir, leaf())  # LEAK\n"
          "trio.run(job)", "os.mkdir", type="directory", function=("job",), alone=True),
    _loop("trio nursery", "trio",
          "async def one(): work(leaf())\nasync def job():\n"
          "    async with trio.open_nursery() as n: n.start_soon(one)\ntrio.run(job)", "open",
          alone=True),
)

WAYS = PACKAGES + LOOPS
