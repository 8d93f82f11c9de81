"""Ways of sqlite3, dbm and shelve, and of sockets."""

from __future__ import annotations

from tests.campaigns.zoo.rows import BY_NATIVE, EITHER, EVERYWHERE, TEMP, Expected, Way, line, way

_SQL = "import sqlite3\nkept = []"
_CONNECT = "sqlite3.connect"
_OPENED = "c = sqlite3.connect(leaf())  # LEAK\nself.addCleanup(c.close)\n"
_DATABASE = Expected(call=(_CONNECT,))


def _beside(end: str) -> Expected:
    """Expect a file that SQLite itself makes beside the database: it may share its origin."""
    return Expected("{stem}" + end, call=(_CONNECT,), evidence=EITHER, origin=False,
                    vanishes=True)


def _native(name: str, body: str, /, **more: object) -> Way:
    """A row in which SQLite or a database library makes the file without naming it."""
    return way(name, body, evidence=EITHER, origin=False, limits=BY_NATIVE, **more)


_EXECUTE = ("sqlite3.Connection.execute", "sqlite3.Cursor.execute", _CONNECT)

SQLITE: tuple[Way, ...] = (
    way("sqlite3.connect", _OPENED + "c.execute('create table t (x)')", call=(_CONNECT,),
        imports=_SQL, places=EVERYWHERE),
    way("sqlite3.connect in another function",
        "def connect(): return sqlite3.connect(leaf())  # LEAK\n"
        "c = connect()\nself.addCleanup(c.close)\nc.execute('create table t (x)')",
        call=(_CONNECT,), function=("connect",), imports=_SQL),
    way("sqlite3.connect by uri",
        "c = sqlite3.connect(f'file:{leaf()}?mode=rwc', uri=True)  # LEAK\n"
        "self.addCleanup(c.close)\nc.execute('create table t (x)')", call=(_CONNECT,),
        imports=_SQL),
    way("sqlite3.connect bytes",
        "c = sqlite3.connect(os.fsencode(leaf()))  # LEAK\nself.addCleanup(c.close)\n"
        "c.execute('create table t (x)')", call=(_CONNECT,), imports=_SQL),
    way("sqlite3.connect written late",
        _OPENED + "def work(): c.execute('create table t (x)')\nwork()", call=(_CONNECT,),
        imports=_SQL),
    _native("sqlite attach", "c = sqlite3.connect(':memory:')\nself.addCleanup(c.close)\n"
        "c.execute('attach ? as b', (leaf(),))  # LEAK\nc.execute('create table b.t (x)')",
        imports=_SQL, call=_EXECUTE, places=EVERYWHERE),
    _native("sqlite vacuum into",
        "c = sqlite3.connect(':memory:')\nself.addCleanup(c.close)\n"
        "c.execute('vacuum into ?', (leaf(),))  # LEAK", imports=_SQL, call=_EXECUTE),
    way("sqlite backup", "s = sqlite3.connect(':memory:')\ns.execute('create table t (x)')\n"
        "c = sqlite3.connect(leaf())  # LEAK\ns.backup(c)\nc.close(); s.close()",
        call=(_CONNECT,), imports=_SQL),
    way("sqlite wal and shm", "c = sqlite3.connect(leaf())  # LEAK\nkept.append(c)\n"
        "c.execute('pragma journal_mode=wal')\nc.execute('create table t (x)')",
        leaks=(_DATABASE, _beside("-wal"), _beside("-shm")), imports=_SQL,
        limits={"project": BY_NATIVE["project"]}),
    way("sqlite journal", _OPENED + "c.execute('pragma journal_mode=persist')\n"
        "c.execute('create table t (x)')",
        leaks=(_DATABASE, _beside("-journal")), imports=_SQL,
        limits={"project": BY_NATIVE["project"]}),
)

DBM: tuple[Way, ...] = (
    way("dbm.dumb", "import dbm.dumb\nd = dbm.dumb.open(leaf(), 'n')  # LEAK\nd['a'] = 'b'  # SET\n"
        "d.close()  # CLOSE",
        leaks=tuple(
            Expected("{stem}" + end, marks=("LEAK", "SET", "CLOSE"), call=(
                "dbm.dumb.open", "dbm.dumb._Database*"))
            for end in (".dat", ".dir", ".bak"))),
    _native("dbm.gnu", "import dbm.gnu\ndbm.gnu.open(leaf(), 'n').close()  # LEAK",
            call=("dbm.gnu.open", "_gdbm.open"), needs=("_gdbm",)),
    _native("dbm.ndbm", "import dbm.ndbm\ndbm.ndbm.open(leaf(), 'n').close()  # LEAK",
            name="{stem}*", call=("dbm.ndbm.open", "_dbm.open"), needs=("_dbm",)),
    way("dbm.sqlite3", "import dbm.sqlite3\ndbm.sqlite3.open(leaf(), 'n').close()  # LEAK",
        call=("dbm.sqlite3.open",), since=(3, 13), needs=("_sqlite3",)),
    way("shelve.open", "import shelve, dbm, dbm.dumb\ndbm._defaultmod = dbm.dumb\n"
        "with shelve.open(leaf(), 'n') as s:  # LEAK\n    s['a'] = 1  # SET",
        leaks=tuple(
            Expected("{stem}" + end, marks=("LEAK", "SET"), call=("shelve.open", "shelve.Shelf*"))
            for end in (".dat", ".dir", ".bak")), alone=True),
)

_SOCKET = "import socket\nkept = []"

SOCKETS: tuple[Way, ...] = (
    way("socket.bind", "s = socket.socket(socket.AF_UNIX)\nself.addCleanup(s.close)\n"
        "s.bind(leaf())  # LEAK", call=("socket.bind", "socket.socket.bind"), type="socket",
        imports=_SOCKET, places=EVERYWHERE),
    way("socket.bind bytes", "s = socket.socket(socket.AF_UNIX)\nself.addCleanup(s.close)\n"
        "s.bind(os.fsencode(leaf()))  # LEAK", call=("socket.bind", "socket.socket.bind"),
        type="socket", imports=_SOCKET),
    way("socket.bind relative", "s = socket.socket(socket.AF_UNIX)\nself.addCleanup(s.close)\n"
        "self.addCleanup(os.chdir, os.getcwd())\nos.chdir(place())\ns.bind(SLUG)  # LEAK",
        call=("socket.bind", "socket.socket.bind"), type="socket", imports=_SOCKET),
    line("socketserver", "import socketserver\n"
         "socketserver.UnixStreamServer(leaf(), None).server_close()",
         ("socketserver.UnixStreamServer", "socketserver.TCPServer"), type="socket"),
    way("asyncio.start_unix_server", "import asyncio\nasync def serve():\n"
        "    kept.append(await asyncio.start_unix_server(print, leaf()))  # LEAK\n"
        "asyncio.run(serve())",
        call=("asyncio.start_unix_server", "asyncio.streams.start_unix_server"),
        type="socket", function=("serve",), imports=_SOCKET, places=(TEMP,), vanishes=True),
)

WAYS = SQLITE + DBM + SOCKETS
