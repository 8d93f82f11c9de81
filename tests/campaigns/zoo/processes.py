"""Ways of child processes, threads, pools and asyncio tasks."""

from __future__ import annotations

from tests.campaigns.zoo.rows import (
    BY_CHILD,
    EITHER,
    EVERYWHERE,
    HOME,
    PROJECT,
    SCANNED,
    SLASH_TMP,
    TEMP,
    TRACED,
    Way,
    line,
    way,
)

_SUB = "import subprocess"


def _child(name: str, code: str, call: str | tuple[str, ...], /, **more: object
) -> Way:
    """A row whose leak is made by a child that the marked line starts."""
    calls = (call,) if isinstance(call, str) else call
    settings = {"evidence": SCANNED, "limits": BY_CHILD, "imports": _SUB, **more}
    return way(name, code, call=calls, **settings)


_PY = "subprocess python*"
_OPEN_ARGV = "[sys.executable, '-c', 'import sys; open(sys.argv[1], \"w\")', leaf()]"

CHILDREN: tuple[Way, ...] = (
    way("subprocess python script", "subprocess.check_call([sys.executable, 'worker.py', leaf()])",
        imports=_SUB, file="worker.py", function=("<module>",), evidence=TRACED, limits=BY_CHILD,
        files={"worker.py": "import sys\nopen(sys.argv[1], 'w').close()  # LEAK\n"}),
    way("environment of a python script",
        "subprocess.check_call([sys.executable, 'maker_script.py', leaf()], "
        "env={**os.environ, 'OTHER': '1'})",
        imports=_SUB, file="maker_script.py", function=("work",), evidence=TRACED, limits=BY_CHILD,
        call=("os.mkdir",), type="directory",
        files={"maker_script.py": "import os, sys\ndef work(path):\n"
                            "    os.mkdir(path)  # LEAK\nwork(sys.argv[1])\n"}),
    *(
        way(name, f"subprocess.check_call({command})", imports=_SUB, file=f"{module}.py",
            function=("<module>",), evidence=EITHER, limits=BY_CHILD,
            files={f"{module}.py": "import sys\nopen(sys.argv[1], 'w').close()  # LEAK\n", **more})
        for name, command, module, more in (
            ("subprocess python -m", "[sys.executable, '-m', 'maker_m', leaf()]", "maker_m", {}),
            ("python script in a shell", "f'{sys.executable} maker_s.py {leaf()}', shell=True",
             "maker_s", {}),
            ("python script of a python script", "[sys.executable, 'outer_p.py', leaf()]",
             "inner_p", {"outer_p.py": "import subprocess, sys\nsubprocess.check_call("
                                       "[sys.executable, 'inner_p.py', sys.argv[1]])\n"}),
        )
    ),
    _child("subprocess touch", "subprocess.run(['touch', leaf()], check=True)  # LEAK",
           "subprocess touch", places=EVERYWHERE),
    _child("subprocess touch by absolute path",
           "import shutil\nsubprocess.check_call([shutil.which('touch'), leaf()])  # LEAK",
           "subprocess touch"),
    _child("subprocess with executable",
           "subprocess.check_call(['zzz', '-c', 'touch \"$0\"', leaf()], "
           "executable='/bin/sh')  # LEAK", ("subprocess sh", "subprocess zzz")),
    _child("subprocess mkdir", "subprocess.check_call(['mkdir', '-p', leaf() + '/a/b'])  # LEAK",
           "subprocess mkdir", type="directory", entries=3),
    _child("subprocess shell", "subprocess.check_call(f'echo x > {leaf()}', shell=True)  # LEAK",
           "subprocess sh"),
    _child("shell pipeline",
           "subprocess.check_call(f'echo x | tee {leaf()} | cat >/dev/null', shell=True)  # LEAK",
           "subprocess sh"),
    _child("subprocess with TMPDIR",
           "subprocess.check_call(['sh', '-c', 'touch $TMPDIR/' + SLUG])  # LEAK",
           "subprocess sh", places=(TEMP,)),
    _child("mktemp command", "subprocess.check_output(['mktemp', '-d'])  # LEAK",
           "subprocess mktemp", name="tmp.*", type="directory", places=(TEMP,)),
    _child("subprocess python mkdtemp",
           "subprocess.check_call([sys.executable, '-c', "
           "'import tempfile; tempfile.mkdtemp()'])  # LEAK", _PY, name="tmp*",
           type="directory", places=(TEMP,), evidence=TRACED),
    _child("subprocess python", f"subprocess.check_call({_OPEN_ARGV})  # LEAK", _PY,
           evidence=TRACED),
    _child("subprocess relative with cwd",
           "subprocess.check_call(['touch', SLUG], cwd=place())  # LEAK", "subprocess touch"),
    _child("subprocess in a helper module", "import maker\nmaker.make(leaf())", "subprocess touch",
           file="maker.py", function=("make",),
           files={"maker.py": "import subprocess\ndef make(path):\n"
                              "    subprocess.check_call(['touch', path])  # LEAK\n"}),
    _child("os.system", "os.system(f'touch {leaf()}')  # LEAK", "os.system", places=EVERYWHERE),
    _child("os.popen", "os.popen(f'touch {leaf()}').close()  # LEAK",
           ("os.popen", "subprocess sh")),
    _child("os.posix_spawn",
           "import shutil\np = os.posix_spawn(shutil.which('touch'), ['touch', leaf()], "
           "os.environ)  # LEAK\nos.waitpid(p, 0)",
           ("subprocess touch", "os.posix_spawn", "os.posix_spawn touch")),
    _child("os.spawnlp", "os.spawnlp(os.P_WAIT, 'touch', 'touch', leaf())  # LEAK",
           ("subprocess touch", "os.spawnlp", "os.spawnvp", "os.fork"), origin=False),
    _child("a child that ignores TMPDIR",
           "subprocess.check_call(['env', '-u', 'TMPDIR', 'sh', '-c', f'touch {leaf()}'])  # LEAK",
           "subprocess env", places=(PROJECT, SLASH_TMP, HOME)),
    _child("two children one file",
           "subprocess.check_call(['true'])\nsubprocess.check_call(['touch', leaf()])  # LEAK",
           "subprocess touch", origin=False),
    _child("a child whose parent does not wait",
           "self.p = subprocess.Popen(['touch', leaf()])  # LEAK\n"
           "self.addCleanup(self.p.wait)", "subprocess touch"),
    _child("a child held open says so",
           "p = subprocess.Popen(['sh', '-c', f'exec 9>{leaf()}; echo; exec sleep 20'], "
           "stdout=subprocess.PIPE)  # LEAK\np.stdout.readline(); p.stdout.close()\n"
           "self.__class__.p = p",
           "subprocess sh", after="self.p.kill(); self.p.wait()", says=("open by pid",),
           extra={"open_by": " (s"}),
)

_FORK = "pid = os.fork()\nif not pid:\n    try:\n        {}  # LEAK\n    finally:\n" \
        "        os._exit(0)\nos.waitpid(pid, 0)"

FORKS: tuple[Way, ...] = (
    way("os.fork", _FORK.format("open(leaf(), 'w').close()"), evidence=EITHER, places=EVERYWHERE),
    way("os.fork mkdtemp", _FORK.format("tempfile.mkdtemp(prefix=SLUG, dir=place())"),
        evidence=EITHER, name="{stem}*", type="directory", call=("tempfile.mkdtemp",)),
    way("os.fork in a fork",
        "pid = os.fork()\nif not pid:\n    pid = os.fork()\n    if not pid:\n"
        "        open(leaf(), 'w').close()  # LEAK\n        os._exit(0)\n"
        "    os.waitpid(pid, 0)\n    os._exit(0)\nos.waitpid(pid, 0)", evidence=EITHER),
    _child("os.fork and exec",
           "pid = os.fork()  # LEAK\nif not pid:\n    try:\n"
           "        os.execlp('touch', 'touch', leaf())  # EXEC\n    finally:\n"
           "        os._exit(1)\nos.waitpid(pid, 0)",
           ("os.fork", "subprocess touch", "os.exec touch", "os.execlp", "os.execvp", "os.exec"),
           origin=False, marks=("LEAK", "EXEC")),
    _child("a daemonised grandchild",
           "pid = os.fork()  # LEAK\nif not pid:\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
           "    os.execlp('touch', 'touch', leaf())\nos.waitpid(pid, 0)\n"
           "import time\nwhile not os.path.exists(leaf()): time.sleep(0.01)",
           ("os.fork", "subprocess touch", "os.exec touch", "os.execlp", "os.execvp"),
           origin=False, marks=("LEAK",), alone=True, limits={
               **BY_CHILD}),
    _child("a shell's background child",
           "subprocess.check_call(f'(sleep .2; touch {leaf()}) & ', shell=True)  # LEAK\n"
           "import time\nwhile not os.path.exists(leaf()): time.sleep(0.01)", "subprocess sh"),
)

_WORK = "import multiprocessing, concurrent.futures, functools\n" \
        "def work(path):\n    open(path, 'w').close()  # LEAK\n"


def _multi(method: str) -> tuple[Way, ...]:
    """The rows of one start method: in a fork the hook runs on, the others get their own."""
    reported: dict[str, object] = {
        "imports": _WORK, "evidence": EITHER if method == "fork" else TRACED,
        "origin": True, "function": ("work",), "marks": ("LEAK",),
        "places": (TEMP, PROJECT), "call": ("open",), "limits": BY_CHILD, "after": "pass"}
    get = f"c = multiprocessing.get_context({method!r})\n"
    return (
        way(f"multiprocessing.Process {method}",
            get + "p = c.Process(target=work, args=(leaf(),))\np.start()  # START\np.join()",
            **reported),
        way(f"multiprocessing.Pool {method}",
            get + "with c.Pool(1) as p:  # START\n    p.map(work, [leaf()])  # START", **reported),
        way(f"ProcessPoolExecutor {method}",
            get + "with concurrent.futures.ProcessPoolExecutor(1, c) as p:  # START\n"
            "    p.submit(work, leaf()).result()  # START", **reported),
    )


_LOKY: dict[str, object] = {
    "imports": _WORK, "evidence": EITHER, "function": ("work",), "limits": BY_CHILD,
    "needs": ("loky",)}

LOKY: tuple[Way, ...] = (
    way("loky executor", "import loky\ne = loky.get_reusable_executor(1)\n"
        "e.submit(work, leaf()).result()\ne.shutdown()", **_LOKY),
    way("loky executor with a job of a module", "import loky, maker5\n"
        "e = loky.get_reusable_executor(1)\ne.submit(maker5.make, leaf()).result()\ne.shutdown()",
        file="maker5.py", **{**_LOKY, "function": ("make",)},
        files={"maker5.py": "def make(path):\n    open(path, 'w').close()  # LEAK\n"}),
)

_THREAD = "import threading, time, asyncio, concurrent.futures\n" \
          "def work(path, wait=0):\n    time.sleep(wait)\n    open(path, 'w').close()  # LEAK\n"
_IN = {"imports": _THREAD, "function": ("work",)}
_LATE = "kept = time.sleep(0.4)"

THREADS: tuple[Way, ...] = (
    way("Thread", "t = threading.Thread(target=work, args=(leaf(),))\nt.start(); t.join()",
        places=EVERYWHERE, **_IN),
    way("Thread in a Thread",
        "def outer():\n    t = threading.Thread(target=work, args=(leaf(),))\n"
        "    t.start(); t.join()\nt = threading.Thread(target=outer)\nt.start(); t.join()", **_IN),
    way("Thread that outlives its test",
        "threading.Thread(target=work, args=(leaf(), 0.2)).start()", after=_LATE, **_IN),
    way("daemon Thread that outlives its test",
        "threading.Thread(target=work, args=(leaf(), 0.2), daemon=True).start()", after=_LATE,
        **_IN),
    way("Timer", "threading.Timer(0.2, work, (leaf(),)).start()", after=_LATE, **_IN),
    way("start_new_thread", "import _thread\n_thread.start_new_thread(work, (leaf(),))\n"
        "while not os.path.exists(leaf()): time.sleep(0.01)\ntime.sleep(0.05)", **_IN),
    way("Thread without a line of the user",
        "import shutil, here\nt = threading.Thread(target=shutil.copy, args=(here.__file__, "
        "leaf()))\nt.start()  # LEAK\nt.join()", imports=_THREAD, call=("shutil.copy",)),
    way("ThreadPoolExecutor", "with concurrent.futures.ThreadPoolExecutor(2) as p: "
        "p.submit(work, leaf()).result()", **_IN),
    way("ThreadPoolExecutor shared by tests", "pool.submit(work, leaf()).result()",
        imports=_THREAD + "pool = concurrent.futures.ThreadPoolExecutor(1)\n"
        "pool.submit(len, '').result()\n", function=("work",)),
    way("ThreadPool of multiprocessing", "from multiprocessing.pool import ThreadPool\n"
        "with ThreadPool(1) as p: p.map(work, [leaf()])", **_IN),
    way("asyncio.to_thread", "asyncio.run(asyncio.to_thread(work, leaf()))", **_IN),
)

_ASYNC: dict[str, object] = {"imports": _THREAD, "asynchronous": True}

TASKS: tuple[Way, ...] = (
    line("async test", "open(leaf(), 'w').close()", **_ASYNC),
    way("asyncio task", "async def job():\n    await asyncio.sleep(0)\n"
        "    open(leaf(), 'w').close()  # LEAK\nawait asyncio.create_task(job())",
        function=("job",), **_ASYNC),
    way("asyncio call_later", "asyncio.get_running_loop().call_later(0.01, work, leaf())\n"
        "await asyncio.sleep(0.1)", **_ASYNC, function=("work",)),
    way("asyncio run_in_executor",
        "await asyncio.get_running_loop().run_in_executor(None, work, leaf())",
        function=("work",), **_ASYNC),
    way("asyncio task cancelled at the end", "async def job():\n    try: await asyncio.sleep(9)\n"
        "    finally: open(leaf(), 'w').close()  # LEAK\n"
        "self.t = asyncio.create_task(job())\nawait asyncio.sleep(0)", function=("job",), **_ASYNC),
    _child("asyncio subprocess exec",
           "p = await asyncio.create_subprocess_exec('touch', leaf())  # LEAK\nawait p.wait()",
           "subprocess touch", **_ASYNC),
    _child("asyncio subprocess shell",
           "p = await asyncio.create_subprocess_shell(f'touch {leaf()}')  # LEAK\nawait p.wait()",
           "subprocess sh", **_ASYNC),
)

WAYS = (
    CHILDREN + FORKS + _multi("fork") + _multi("forkserver") + _multi("spawn") + LOKY + THREADS
    + TASKS
)
