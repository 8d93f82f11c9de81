"""Ways that raise no audit event: libc through ctypes, and C extensions with their own I/O."""

from __future__ import annotations

from tests.campaigns.zoo.rows import BY_NATIVE, EITHER, EVERYWHERE, Way, way

_C = "import ctypes\nlibc = ctypes.CDLL(None)"


def _native(name: str, code: str, /, **more: object) -> Way:
    settings = {"evidence": EITHER, "origin": False, "call": ("*",), "limits": BY_NATIVE, **more}
    return way(name, code + "  # LEAK", **settings)


WAYS: tuple[Way, ...] = (
    _native("ctypes mkdir", "libc.mkdir(os.fsencode(leaf()), 0o700)", type="directory", imports=_C,
            places=EVERYWHERE),
    _native("ctypes open",
            "os.close(libc.open(os.fsencode(leaf()), os.O_CREAT | os.O_RDWR, 0o600))",
            imports=_C),
    _native("ctypes mkfifo", "libc.mkfifo(os.fsencode(leaf()), 0o600)", type="fifo", imports=_C),
    _native("ctypes symlink", "libc.symlink(b'nowhere', os.fsencode(leaf()))", type="symlink",
            imports=_C),
    _native("ctypes mkdir of a made-up name",
            "libc.mkdir(os.fsencode(os.path.join(place(), 'u' + uuid.uuid4().hex)), 0o700)",
            type="directory", imports=_C + "\nimport uuid", alone=True,
            name="u????????????????????????????????"),
    _native("lxml write", "E.ElementTree(E.Element('a')).write(leaf())",
            imports="import lxml.etree as E", needs=("lxml.etree",), places=EVERYWHERE),
    _native("h5py File", "h5py.File(leaf(), 'w').close()", imports="import h5py", needs=("h5py",)),
    _native("a subinterpreter", "interpreters.run_string(interpreters.create(), "
            "f'open({leaf()!r}, \"w\").close()')",
            imports="import sys\ntry: import _interpreters as interpreters\n"
                    "except ImportError: import _xxsubinterpreters as interpreters", alone=True),
)
