"""Ways under options: `--clean-outside`, `--watch-modified`, `--leak-trace`, settings files."""

from __future__ import annotations

from tests.campaigns.zoo.rows import (
    BY_CHILD,
    HOME,
    PROJECT,
    SCANNED,
    SHM,
    TMP,
    Change,
    Way,
    innocent,
    line,
    way,
)

_OUTSIDE = {"args": ("--clean-outside",), "alone": True}
_PLACES = (PROJECT, TMP, HOME, SHM)
_HEAD = "import here, subprocess\n" \
        "BEFORE = os.path.join(os.path.dirname(here.__file__), 'before.txt')\n"
_KEPT: dict[str, object] = {
    **_OUTSIDE, "imports": _HEAD, "outcome": ("left",), "places": (PROJECT,)}

CLEANING: tuple[Way, ...] = (
    line("clean-outside open", "open(leaf(), 'w').close()", places=_PLACES,
         outcome=("removed",), **_OUTSIDE),
    line("clean-outside mkdir", "os.mkdir(leaf())", "os.mkdir", places=_PLACES,
         type="directory", outcome=("removed",), **_OUTSIDE),
    line("clean-outside tree", "import shutil, here; shutil.copytree(here.MATERIAL, leaf())",
         "shutil.copytree", places=(PROJECT,), type="directory", entries=4,
         outcome=("removed",), **_OUTSIDE),
    line("clean-outside symlink", "os.symlink(os.path.dirname(__file__), leaf())", "os.symlink",
         places=_PLACES, type="symlink", outcome=("removed",), **_OUTSIDE),
    line("clean-outside by a child", "subprocess.check_call(['touch', leaf()])",
         "subprocess touch", evidence=SCANNED, **_KEPT),
    line("clean-outside what was there before, renamed", "os.rename(BEFORE, leaf())", "os.rename",
         **_KEPT),
    way("clean-outside replaced by a child",
        "open(leaf(), 'w').close()  # LEAK\n"
        "n = 'touch \"$0.n\"; mv \"$0.n\" \"$0\"'\n"
        "subprocess.check_call(['sh', '-c', n, leaf()])  # CHILD",
        call=("open", "subprocess sh"), marks=("LEAK", "CHILD"), origin=False,
        **{**_KEPT, "evidence": ("observed", "scanned"), "outcome": ("left", "removed")}),
    way("clean-outside a directory filled by a child",
        "os.mkdir(leaf())  # LEAK\nsubprocess.check_call(['touch', leaf('/x')])",
        call=("os.mkdir",), type="directory", entries=2,
        **{**_KEPT, "outcome": ("left", "removed", "failed")}),
    innocent("clean-outside what was there before", "open(BEFORE, 'w').write('x')\n"
             "open(BEFORE, 'a').close()", imports=_HEAD, places=(PROJECT,), **_OUTSIDE),
)

_WATCH: dict[str, object] = {
    "args": ("--watch-modified",), "alone": True, "imports": _HEAD, "places": (PROJECT,)}


def _changing(name: str, body: str, change: str) -> Way:
    return innocent(f"watch-modified {name}", body,
                    modifies=(Change("before.txt", change),), **_WATCH)


WATCHING: tuple[Way, ...] = (
    _changing("append", "open(BEFORE, 'a').write('x')", "changed"),
    _changing("rewritten in the same size", "open(BEFORE, 'w').write('BEFORE')", "changed"),
    _changing("truncated", "os.truncate(BEFORE, 1)", "changed"),
    _changing("replaced", "open(BEFORE + 'n', 'w').close()\nos.replace(BEFORE + 'n', BEFORE)",
              "changed"),
    _changing("changed by a child",
              "subprocess.check_call(['sh', '-c', 'echo x >> \"$0\"', BEFORE])",
              "changed"),
    _changing("deleted", "os.remove(BEFORE)", "deleted"),
    _changing("deleted by a child", "subprocess.check_call(['rm', BEFORE])", "deleted"),
    _changing("changed in a mapping", "import mmap\nwith open(BEFORE, 'r+b') as f:\n"
              "    m = mmap.mmap(f.fileno(), 0); m[0:1] = b'X'; m.flush(); m.close()", "changed"),
    innocent("watch-modified read only", "open(BEFORE).read()\nopen(BEFORE, 'a').close()\n"
             "os.stat(BEFORE)", **_WATCH),
    innocent("watch-modified made and changed by the test itself",
             "open(leaf(), 'w').close()\nopen(leaf(), 'a').write('x')\nos.remove(leaf())",
             **_WATCH),
)

_TRACE = {"args": ("--leak-trace",), "alone": True}

OTHERS: tuple[Way, ...] = (
    way("leak-trace", "def inner():\n    open(leaf(), 'w').close()  # LEAK\n"
        "def outer():\n    inner()\nouter()", function=("inner",),
        says=("in inner", "in outer", "in test_leak"), **_TRACE),
    innocent("ignored by pyproject", "open(leaf('.ign'), 'w').close()", alone=True, files={
        "pyproject.toml": "[tool.tidytest]\nleak-ignore = [\"*.ign\"]\n"}),
    innocent("ignored by setup.cfg", "open(leaf('.ign'), 'w').close()", alone=True, files={
        "setup.cfg": "[tidytest]\nleak-ignore = *.ign\n"}),
    innocent("ignored by a path", "os.makedirs('out/deep')\nopen('out/deep/x', 'w').close()",
             args=("--leak-ignore", "out/*", "--leak-ignore", "out"), alone=True,
             places=(PROJECT,)),
    line("not ignored by another glob", "open(leaf('.ignx'), 'w').close()", name="{stem}.ignx",
         args=("--leak-ignore", "*.ign"), alone=True),
    line("leaks under -b", "open(leaf(), 'w').close()", args=("-b",), alone=True),
    line("leaks under -q", "open(leaf(), 'w').close()", args=("-q",), alone=True),
    line("leaks under -c", "open(leaf(), 'w').close()", args=("-c",), alone=True),
    line("leaks under --locals", "open(leaf(), 'w').close()", args=("--locals",), alone=True),
    line("leaks under -k", "open(leaf(), 'w').close()", args=("-k", "test_leak"), alone=True),
    line("leaks under a buffering child", "import subprocess\n"
         "subprocess.check_call(['touch', leaf()])", "subprocess touch", evidence=SCANNED,
         args=("-b",), alone=True, limits=BY_CHILD),
)

WAYS = CLEANING + WATCHING + OTHERS
