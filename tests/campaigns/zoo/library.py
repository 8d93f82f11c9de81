"""Ways of the standard library: tempfile, shutil, archives, logging, and others that write."""

from __future__ import annotations

from tests.campaigns.zoo.rows import (
    BY_NATIVE,
    EITHER,
    EVERYWHERE,
    TEMP,
    USUAL,
    Expected,
    Way,
    line,
    way,
)

_KEPT = "kept = []"
_NEVER = {"never_closed": True}

TEMPFILE: tuple[Way, ...] = (
    line("mkdtemp", "tempfile.mkdtemp(prefix=SLUG, dir=place())", "tempfile.mkdtemp",
         name="{stem}*", type="directory", places=EVERYWHERE),
    line("mkdtemp plain", "tempfile.mkdtemp()", "tempfile.mkdtemp", name="tmp*",
         type="directory", places=(TEMP,)),
    line("mkdtemp bytes", "tempfile.mkdtemp(prefix=SLUG.encode(), dir=place().encode())",
         "tempfile.mkdtemp", name="{stem}*", type="directory"),
    line("mkstemp", "os.close(tempfile.mkstemp(prefix=SLUG, dir=place())[0])", "tempfile.mkstemp",
         name="{stem}*", places=EVERYWHERE),
    line("mkstemp plain", "os.close(tempfile.mkstemp('.txt')[0])", "tempfile.mkstemp",
         name="tmp*.txt", places=(TEMP,)),
    line("NamedTemporaryFile kept by delete false",
         "tempfile.NamedTemporaryFile(prefix=SLUG, dir=place(), delete=False).close()",
         "tempfile.NamedTemporaryFile", name="{stem}*", places=EVERYWHERE),
    line("mktemp and open", "open(tempfile.mktemp(prefix=SLUG, dir=place()), 'w').close()",
         name="{stem}*"),
    line("TemporaryDirectory with delete false",
         "tempfile.TemporaryDirectory(prefix=SLUG, dir=place(), delete=False)",
         "tempfile.TemporaryDirectory", name="{stem}*", type="directory", since=(3, 12)),
    line("TemporaryDirectory in a global",
         "kept.append(tempfile.TemporaryDirectory(prefix=SLUG, dir=place()))",
         "tempfile.TemporaryDirectory", name="{stem}*", type="directory", imports=_KEPT,
         extra=_NEVER, vanishes=True, says=("never closed",)),
    line("TemporaryDirectory on self",
         "self.d = tempfile.TemporaryDirectory(prefix=SLUG, dir=place())",
         "tempfile.TemporaryDirectory", name="{stem}*", type="directory",
         extra=_NEVER, vanishes=True, says=("never closed",)),
    way("TemporaryDirectory in a cycle",
        "d = tempfile.TemporaryDirectory(prefix=SLUG, dir=place())  # LEAK\nd.me = d",
        call=("tempfile.TemporaryDirectory",), name="{stem}*", type="directory",
        extra=_NEVER, vanishes=True, says=("never closed",)),
    way("TemporaryDirectory in a cycle with content",
        "d = tempfile.TemporaryDirectory(prefix=SLUG, dir=place())  # LEAK\nd.me = d\n"
        "os.makedirs(d.name + '/a/b')",
        call=("tempfile.TemporaryDirectory",), name="{stem}*", type="directory", entries=3,
        extra=_NEVER, vanishes=True),
    line("NamedTemporaryFile in a global",
         "kept.append(tempfile.NamedTemporaryFile(prefix=SLUG, dir=place()))",
         "tempfile.NamedTemporaryFile", name="{stem}*", imports=_KEPT, extra=_NEVER,
         vanishes=True, says=("never closed",)),
    line("NamedTemporaryFile on self",
         "self.f = tempfile.NamedTemporaryFile(prefix=SLUG, dir=place())",
         "tempfile.NamedTemporaryFile", name="{stem}*", extra=_NEVER, vanishes=True),
    way("NamedTemporaryFile in a cycle",
        "f = tempfile.NamedTemporaryFile(prefix=SLUG, dir=place())  # LEAK\nf.me = f",
        call=("tempfile.NamedTemporaryFile",), name="{stem}*", extra=_NEVER, vanishes=True),
    way("NamedTemporaryFile in an object's attribute",
        "class Box: pass\nbox = Box()\n"
        "box.f = tempfile.NamedTemporaryFile('w', prefix=SLUG, dir=place())  # LEAK\n"
        "kept.append(box)",
        call=("tempfile.NamedTemporaryFile",), name="{stem}*", extra=_NEVER, imports=_KEPT,
        vanishes=True),
    line("NamedTemporaryFile with delete_on_close false",
         "self.f = tempfile.NamedTemporaryFile(prefix=SLUG, dir=place(), delete_on_close=False)",
         "tempfile.NamedTemporaryFile", name="{stem}*", extra=_NEVER, vanishes=True,
         since=(3, 12)),
)

_SHUTIL = "import shutil\nfrom here import MATERIAL"
_FIRST = "open(leaf('-first'), 'w').close()  # FIRST\n"

SHUTIL: tuple[Way, ...] = (
    *(
        line(f"shutil.{f}", f"shutil.{f}(MATERIAL + '/a.txt', leaf())", f"shutil.{f}",
             imports=_SHUTIL, places=EVERYWHERE if f == "copy" else USUAL)
        for f in ("copy", "copy2", "copyfile")
    ),
    line("shutil.copy into the place", "shutil.copy(MATERIAL + '/a.txt', place())", "shutil.copy",
         imports=_SHUTIL, name="a.txt", alone=True),
    line("shutil.copytree", "shutil.copytree(MATERIAL, leaf())", "shutil.copytree",
         imports=_SHUTIL, type="directory", entries=4, places=EVERYWHERE),
    way("shutil.move", _FIRST + "shutil.move(leaf('-first'), leaf())  # LEAK",
        call=("shutil.move", "open"), marks=("LEAK", "FIRST"), imports=_SHUTIL, places=EVERYWHERE),
    way("shutil.move of a directory",
        "os.mkdir(leaf('-first'))  # FIRST\nshutil.move(leaf('-first'), leaf())  # LEAK",
        call=("shutil.move", "os.mkdir"), type="directory", marks=("LEAK", "FIRST"),
        imports=_SHUTIL),
    way("shutil.move across devices",
        "d = tempfile.mkdtemp(dir='/dev/shm')\nopen(d + '/x', 'w').close()\n"
        "shutil.move(d, leaf())  # LEAK",
        call=("shutil.move",), type="directory", imports=_SHUTIL, entries=2),
    *(
        line(f"shutil.make_archive {kind}", f"shutil.make_archive(leaf(), {kind!r}, MATERIAL)",
             "shutil.make_archive", name=f"{{stem}}.{end}", imports=_SHUTIL)
        for kind, end in (("zip", "zip"), ("tar", "tar"), ("gztar", "tar.gz"))
    ),
    line("shutil.make_archive relative",
         "self.addCleanup(os.chdir, os.getcwd())\nos.chdir(place())\n"
         "shutil.make_archive(SLUG, 'zip', MATERIAL)", "shutil.make_archive",
         name="{stem}.zip", imports=_SHUTIL),
    line("shutil.unpack_archive zip", "shutil.unpack_archive(MATERIAL + '.zip', leaf())",
         "shutil.unpack_archive", type="directory", imports=_SHUTIL, entries=4),
    line("shutil.unpack_archive tar", "shutil.unpack_archive(MATERIAL + '.tar', leaf())",
         "shutil.unpack_archive", type="directory", imports=_SHUTIL, entries=4),
)

_ZIP = "import zipfile, tarfile\nfrom here import MATERIAL"

ARCHIVES: tuple[Way, ...] = (
    line("ZipFile w", "zipfile.ZipFile(leaf(), 'w').close()", "zipfile.ZipFile", imports=_ZIP),
    line("ZipFile.extractall",
         "with zipfile.ZipFile(MATERIAL + '.zip') as z: z.extractall(leaf())",
         "zipfile.ZipFile.extractall", imports=_ZIP, type="directory", entries=4,
         places=EVERYWHERE),
    line("ZipFile.extract",
         "with zipfile.ZipFile(MATERIAL + '.zip') as z: z.extract('a.txt', place())",
         "zipfile.ZipFile.extract", imports=_ZIP, name="a.txt", alone=True),
    line("tarfile.open w", "tarfile.open(leaf(), 'w').close()",
         ("tarfile.open", "tarfile.TarFile.open"), imports=_ZIP),
    line("TarFile.extractall",
         "with tarfile.open(MATERIAL + '.tar') as t: t.extractall(leaf(), filter='data')",
         "tarfile.TarFile.extractall", imports=_ZIP, type="directory", entries=4),
    line("TarFile.extract a fifo",
         "i = tarfile.TarInfo(SLUG); i.type = tarfile.FIFOTYPE\n"
         "with tarfile.open(MATERIAL + '.tar') as t: t.extract(i, place(), filter='tar')",
         ("tarfile.TarFile.extract", "os.mkfifo"), type="fifo", imports=_ZIP, evidence=EITHER,
         origin=False, limits=BY_NATIVE),
    *(
        line(f"{m}.open", f"import {m}; {m}.open(leaf(), 'wt').close()", f"{m}.open")
        for m in ("gzip", "bz2", "lzma")
    ),
    line("gzip.GzipFile", "import gzip; gzip.GzipFile(leaf(), 'w').close()", "gzip.GzipFile"),
)

_LOG = "import logging, logging.handlers, logging.config"
_CLOSED = "\nself.addCleanup(h.close)"
_TO_LOG = "log = logging.Logger(SLUG)\nlog.addHandler(h)\n"


def _handler(cls: str, arguments: str = "") -> str:
    return f"h = {cls}(leaf(){arguments})  # LEAK{_CLOSED}"


LOGGING: tuple[Way, ...] = (
    way("FileHandler", _handler("logging.FileHandler"), call=("logging.FileHandler",),
        imports=_LOG, places=EVERYWHERE),
    way("WatchedFileHandler", _handler("logging.handlers.WatchedFileHandler"), imports=_LOG,
        call=("logging.handlers.WatchedFileHandler",)),
    way("TimedRotatingFileHandler", _handler("logging.handlers.TimedRotatingFileHandler"),
        imports=_LOG, call=("logging.handlers.TimedRotatingFileHandler",)),
    way("FileHandler delayed",
        f"h = logging.FileHandler(leaf(), delay=True){_CLOSED}\n{_TO_LOG}log.warning('x')  # LEAK",
        call=("logging.Logger.warning",), imports=_LOG),
    way("RotatingFileHandler",
        "h = logging.handlers.RotatingFileHandler(leaf(), maxBytes=12, backupCount=2)  # FIRST"
        f"{_CLOSED}\n{_TO_LOG}log.warning('x' * 9)\nlog.warning('y')  # LEAK",
        imports=_LOG, leaks=tuple(
            Expected("{stem}" + end, marks=("LEAK", "FIRST"), call=(
                "logging.Logger.warning", "logging.handlers.RotatingFileHandler", "os.rename"))
            for end in ("", ".1"))),
    line("logging.basicConfig", "logging.basicConfig(filename=leaf(), force=True)",
         "logging.basicConfig", imports=_LOG),
    way("logging.config.dictConfig",
        "logging.config.dictConfig({'version': 1, 'root': {'handlers': ['f']}, 'handlers': "
        "{'f': {'class': 'logging.FileHandler', 'filename': leaf()}}})  # LEAK",
        call=("logging.config.dictConfig",), imports=_LOG),
)

WRITERS: tuple[Way, ...] = (
    line("pickle.dump", "import pickle; pickle.dump([], open(leaf(), 'wb'))"),
    way("mmap", "import mmap\nwith open(leaf(), 'w+b') as f:  # LEAK\n    f.truncate(4096)\n"
        "    mmap.mmap(f.fileno(), 4096).close()"),
    way("fileinput in place",
        "import fileinput\n" + _FIRST.replace("open(leaf('-first'), 'w').close()",
        "open(leaf(), 'w').write('x\\n')") +
        "for text in fileinput.input(leaf(), inplace=True, backup='.bak'): pass  # LEAK\n"
        "os.remove(leaf())",
        name="{stem}.bak", marks=("LEAK", "FIRST"), call=(
            "fileinput.FileInput.__next__", "fileinput.FileInput.readline", "fileinput.input",
            "fileinput.FileInput", "os.rename", "open")),
    line("ElementTree.write", "import xml.etree.ElementTree as E; "
         "E.ElementTree(E.Element('a')).write(leaf())", "xml.etree.ElementTree.ElementTree.write"),
    line("py_compile", "import py_compile, here; py_compile.compile(here.__file__, leaf())",
         "py_compile.compile"),
    line("Maildir", "import mailbox; mailbox.Maildir(leaf())", "mailbox.Maildir",
         type="directory", entries=4),
    line("mbox", "import mailbox; mailbox.mbox(leaf()).close()", ("mailbox.mbox",
         "mailbox._mboxMMDF", "mailbox._singlefileMailbox")),
    line("wave.open", "import wave; wave.open(leaf(), 'wb').setparams((1, 1, 8000, 0, 'NONE', ''))",
         ("wave.open",)),
    line("dump_stats", "import cProfile\np = cProfile.Profile()\np.runcall(len, '')\n"
         "p.dump_stats(leaf())", ("cProfile.Profile.dump_stats",
         "profiling.tracing.Profile.dump_stats")),  # from 3.15 on
    line("zipapp", "import zipapp; zipapp.create_archive(os.path.dirname(__file__), leaf(),"
         " main='here:place')", "zipapp.create_archive", places=(TEMP,)),
    line("urlretrieve", "import urllib.request\nfrom here import MATERIAL\n"
         "urllib.request.urlretrieve('file://' + MATERIAL + '/a.txt', leaf())",
         "urllib.request.urlretrieve"),
    line("configparser",
         "import configparser; configparser.ConfigParser().write(open(leaf(),'w'))"),
    line("venv", "import venv; venv.create(leaf(), symlinks=True)", "venv.create",
         type="directory", places=(TEMP,)),
    line("readline history", "import readline; readline.write_history_file(leaf())",
         ("readline.write_history_file", "open"), evidence=EITHER, origin=False, limits=BY_NATIVE,
         needs=("readline",)),  # from 3.14 on the module fires an event
    line("SharedMemory", "from multiprocessing.shared_memory import SharedMemory\n"
         "self.__class__.kept = SharedMemory(create=True, size=64)",
         ("multiprocessing.shared_memory.SharedMemory",), name="psm_*", places=("shm",),
         evidence=EITHER, origin=False, vanishes=True, alone=True),
)

WAYS = TEMPFILE + SHUTIL + ARCHIVES + LOGGING + WRITERS
