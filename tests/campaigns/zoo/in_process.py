"""Ways of the builtins, `os`, `io` and `pathlib`."""

from __future__ import annotations

from tests.campaigns.zoo.rows import BY_NATIVE, EITHER, EVERYWHERE, TEMP, Expected, Way, line, way

_DIR_FD = "fd = os.open(place(), os.O_RDONLY)\nself.addCleanup(os.close, fd)\n"
_FIRST = "open(leaf('-first'), 'w').close()  # FIRST\n"
_MOVED = ("LEAK", "FIRST")

OPENING: tuple[Way, ...] = (
    *(
        line(f"open {mode}", f"open(leaf(), {mode!r}).close()")
        for mode in ("wb", "x", "xb", "a", "ab", "w+", "a+", "x+b")
    ),
    line("open w", "open(leaf(), 'w').close()", places=EVERYWHERE),
    line("open never closed", "self.__class__.kept = open(leaf(), 'w')"),
    line("open in a with", "with open(leaf(), 'w') as f: f.write('x' * 5000)"),
    line("open bytes path", "open(os.fsencode(leaf()), 'w').close()", places=EVERYWHERE),
    line(
        "open pathlike",
        "class P:\n    def __fspath__(self): return leaf()\nopen(P(), 'w').close()",
    ),
    line(
        "open after chdir",
        "self.addCleanup(os.chdir, os.getcwd())\nos.chdir(place())\nopen(SLUG, 'w').close()",
        places=EVERYWHERE,
    ),
    line(
        "open through dotdot",
        "open(os.path.join(place(), '..', os.path.basename(place()), SLUG), 'w').close()",
    ),
    way(
        "open through a symlink to the place",
        "link = leaf('-link')\nos.symlink(place(), link)\nself.addCleanup(os.unlink, link)\n"
        "open(os.path.join(link, SLUG), 'w').close()  # LEAK",
    ),
    way(
        "open through a dangling symlink",
        "link = leaf('-link')\nos.symlink(leaf(), link)\nself.addCleanup(os.unlink, link)\n"
        "open(link, 'w').close()  # LEAK",
        evidence=EITHER,
    ),
    way(
        "open with an opener and dir_fd",
        _DIR_FD + "open(SLUG, 'w', opener=lambda p, f: os.open(p, f, dir_fd=fd)).close()  # LEAK",
        call=("open", "os.open"), function=("test_leak", "<lambda>"), places=EVERYWHERE,
    ),
    line("open by a comprehension", "[open(leaf(), 'w').close() for _ in (1,)]",
         function=("test_leak", "<listcomp>")),
    way(
        "open in a nested function",
        "def make():\n    open(leaf(), 'w').close()  # LEAK\nmake()",
        function=("make",),
    ),
    way(
        "open in a generator",
        "def make():\n    yield open(leaf(), 'w')  # LEAK\nfor f in make(): f.close()",
        function=("make",),
    ),
    way("open twice", "open(leaf(), 'w').close()  # LEAK\nopen(leaf(), 'w').close()"),
    way(
        "open after removing the same",
        "open(leaf(), 'w').close()\nos.remove(leaf())\nopen(leaf(), 'w').close()  # LEAK",
    ),
    line("open code", "exec(compile('open(leaf(), \"w\").close()', '<generated>', 'exec'))",
         ("open", "exec")),
    line("io.open", "import io; io.open(leaf(), 'w').close()", ("open", "io.open")),
    line("io.FileIO", "import io; io.FileIO(leaf(), 'w').close()",
         ("open", "io.FileIO", "_io.FileIO", "FileIO")),
    line("codecs.open", "import codecs; codecs.open(leaf(), 'w', 'utf-8').close()", "codecs.open"),
)

OS: tuple[Way, ...] = (
    line("os.open", "os.close(os.open(leaf(), os.O_CREAT | os.O_WRONLY))", "os.open",
         places=EVERYWHERE),
    line("os.open excl", "os.close(os.open(leaf(), os.O_CREAT | os.O_EXCL | os.O_RDWR))",
         "os.open"),
    line("os.open read only", "os.close(os.open(leaf(), os.O_CREAT))", "os.open"),
    line("os.open dir_fd",
         _DIR_FD + "os.close(os.open(SLUG, os.O_CREAT | os.O_WRONLY, dir_fd=fd))", "os.open",
         places=EVERYWHERE),
    line("os.fdopen", "os.fdopen(os.open(leaf(), os.O_CREAT | os.O_RDWR), 'r+').close()",
         "os.open"),
    line("os.mkdir", "os.mkdir(leaf())", "os.mkdir", type="directory", places=EVERYWHERE),
    line("os.mkdir dir_fd", _DIR_FD + "os.mkdir(SLUG, dir_fd=fd)", "os.mkdir", type="directory"),
    line("os.mkdir bytes", "os.mkdir(os.fsencode(leaf()))", "os.mkdir", type="directory"),
    line("os.makedirs", "os.makedirs(os.path.join(leaf(), 'a', 'b'))", "os.makedirs",
         type="directory", entries=3, places=EVERYWHERE),
    way("os.mkdir and files in it",
        "os.mkdir(leaf())  # LEAK\nfor n in 'abc': open(os.path.join(leaf(), n), 'w').close()",
        call=("os.mkdir",), type="directory", entries=4),
    way("os.rename", _FIRST + "os.rename(leaf('-first'), leaf())  # LEAK",
        call=("os.rename", "open"), marks=_MOVED, places=EVERYWHERE),
    way("os.replace", _FIRST + "os.replace(leaf('-first'), leaf())  # LEAK",
        call=("os.rename", "os.replace", "open"), marks=_MOVED),
    way("os.rename of a directory",
        "os.mkdir(leaf('-first'))  # FIRST\nopen(leaf('-first') + '/x', 'w').close()\n"
        "os.rename(leaf('-first'), leaf())  # LEAK",
        call=("os.rename", "os.mkdir"), marks=_MOVED, type="directory", entries=2),
    way("os.renames", _FIRST + "os.renames(leaf('-first'), leaf())  # LEAK",
        call=("os.renames", "open"), marks=_MOVED),
    way("os.rename out of a closed TemporaryDirectory",
        "with tempfile.TemporaryDirectory(dir=place()) as d:\n"
        "    open(d + '/x', 'w').close()  # FIRST\n    os.rename(d + '/x', leaf())  # LEAK",
        call=("os.rename", "open"), marks=_MOVED),
    way("os.rename dir_fd",
        _DIR_FD + _FIRST + "os.rename(SLUG + '-first', SLUG, src_dir_fd=fd, dst_dir_fd=fd)  # LEAK",
        call=("os.rename", "open"), marks=_MOVED),
    way("os.link", _FIRST + "os.link(leaf('-first'), leaf())  # LEAK\nos.unlink(leaf('-first'))",
        call=("os.link", "open"), marks=_MOVED, places=EVERYWHERE),
    line("os.symlink", "os.symlink('nowhere', leaf())", "os.symlink", type="symlink",
         places=EVERYWHERE),
    line("os.symlink to a directory", "os.symlink('/usr', leaf())", "os.symlink", type="symlink"),
    line("os.symlink dir_fd", _DIR_FD + "os.symlink('nowhere', SLUG, dir_fd=fd)", "os.symlink",
         type="symlink"),
    line("os.mkfifo", "os.mkfifo(leaf())", "os.mkfifo", type="fifo", evidence=EITHER,
         origin=False, limits=BY_NATIVE, places=EVERYWHERE),
    line("os.mknod", "os.mknod(leaf())", "os.mknod", evidence=EITHER, origin=False,
         limits=BY_NATIVE, places=EVERYWHERE),
    way("two in one test",
        "open(leaf('-a'), 'w').close()  # LEAK\nos.mkdir(leaf('-b'))  # OTHER",
        leaks=(
            Expected("{stem}-a"),
            Expected("{stem}-b", "directory", ("os.mkdir",), marks=("OTHER",)),
        )),
    way("a file per loop turn", "for i in range(3):\n    open(leaf(str(i)), 'w').close()  # LEAK",
        leaks=tuple(Expected(f"{{stem}}{i}") for i in range(3))),
    way("three hundred files", "for i in range(300):\n    open(leaf(str(i)), 'w').close()  # LEAK",
        leaks=tuple(Expected(f"{{stem}}{i}") for i in range(300)), places=(TEMP,)),
)

_PATH = "from pathlib import Path"

PATHLIB: tuple[Way, ...] = (
    line("Path.write_text", "Path(leaf()).write_text('x')", "pathlib.Path.write_text",
         imports=_PATH, places=EVERYWHERE),
    line("Path.write_bytes", "Path(leaf()).write_bytes(b'x')", "pathlib.Path.write_bytes",
         imports=_PATH),
    line("Path.touch", "Path(leaf()).touch()", "pathlib.Path.touch", imports=_PATH),
    line("Path.open", "Path(leaf()).open('w').close()", "pathlib.Path.open", imports=_PATH),
    line("Path.mkdir", "Path(leaf()).mkdir()", "pathlib.Path.mkdir", imports=_PATH,
         type="directory"),
    line("Path.mkdir parents", "Path(leaf(), 'a', 'b').mkdir(parents=True)", "pathlib.Path.mkdir",
         imports=_PATH, type="directory", entries=3),
    line("Path.symlink_to", "Path(leaf()).symlink_to('nowhere')", "pathlib.Path.symlink_to",
         imports=_PATH, type="symlink"),
    way("Path.hardlink_to",
        _FIRST + "Path(leaf()).hardlink_to(leaf('-first'))  # LEAK\nos.unlink(leaf('-first'))",
        call=("pathlib.Path.hardlink_to", "open"), marks=_MOVED, imports=_PATH),
    way("Path.rename", _FIRST + "Path(leaf('-first')).rename(leaf())  # LEAK",
        call=("pathlib.Path.rename", "open"), marks=_MOVED, imports=_PATH),
    way("Path.replace", _FIRST + "Path(leaf('-first')).replace(leaf())  # LEAK",
        call=("pathlib.Path.replace", "open"), marks=_MOVED, imports=_PATH),
    line("Path relative", "self.addCleanup(os.chdir, os.getcwd())\nos.chdir(place())\n"
         "Path(SLUG).write_text('x')", "pathlib.Path.write_text", imports=_PATH),
)

WAYS = OPENING + OS + PATHLIB
