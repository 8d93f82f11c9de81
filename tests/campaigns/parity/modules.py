"""The standard library's test modules that are run: those whose outcome does not depend on the
network, and that take less than a minute."""

from __future__ import annotations

import subprocess

from tests.campaigns.parity.sides import Job

MODULES = (
    "test_tempfile", "test_shutil", "test_pathlib", "test_zipfile", "test_tarfile",
    "test_mailbox", "test_unittest", "test_os", "test_subprocess", "test_logging",
    "test_sqlite3", "test_dbm", "test_dbm_dumb", "test_dbm_gnu", "test_dbm_ndbm",
    "test_dbm_sqlite3", "test_shelve", "test_fileinput", "test_glob", "test_gzip", "test_bz2",
    "test_lzma", "test_asyncio.test_streams", "test_asyncio.test_events",
    "test_asyncio.test_unix_events", "test_asyncio.test_subprocess", "test_asyncio.test_server",
    "test_multiprocessing_main_handling", "test_concurrent_futures.test_thread_pool",
    "test_concurrent_futures.test_as_completed", "test_threading", "test_signal",
    "test_faulthandler", "test_contextlib", "test_contextlib_async", "test_context",
    "test_weakref", "test_atexit", "test_socketserver", "test_py_compile", "test_compileall",
    "test_zipapp", "test_filecmp", "test_linecache", "test_netrc",
    "test_runpy", "test_pkgutil", "test_configparser", "test_csv", "test_pickle", "test_mmap",
    "test_fcntl", "test_posix", "test_trace", "test_doctest", "test_cmd_line_script",
    "test_largefile", "test_fileio", "test_httpservers", "test_pty", "test_plistlib", "test_wave",
    "test_mimetypes", "test_gettext",
)

# Not all builds carry the packages of multiprocessing's tests; the code of the tests they do.
_MULTIPROCESSING = """\
from test._test_multiprocessing import install_tests_in_module_dict
install_tests_in_module_dict(globals(), {method!r}, {which})
"""
_SHIMS = {
    "mp_spawn_misc": ("spawn", "exclude_types=True"),
    "mp_spawn_manager": ("spawn", "only_type='manager'"),
    "mp_fork_misc": ("fork", "exclude_types=True"),
    "mp_forkserver_misc": ("forkserver", "exclude_types=True"),
}

# Their classes share a file or directory whose name is made of the process number when the module
# is imported. Forked workers have one name, so these modules run in workers that import again.
SHARE_A_NAME = frozenset({
    "test_pathlib", "test_zipfile", "test_sqlite3", "test_dbm", "test_dbm_gnu", "test_dbm_ndbm",
    "test_shelve", "test_fileinput", "test_glob", "test_gzip", "test_mmap", "test_wave",
    "test_lzma", "test_shutil", "test_mailbox", "test_os", "test_linecache", "test_posix",
    "test_trace", "test_fileio", "test_socketserver",
})

QUICK = ("test_tempfile", "test_fileinput", "test_contextlib_async")


def names() -> tuple[str, ...]:
    """Return the names by which modules can be chosen."""
    return (*MODULES, *_SHIMS)


def job(name: str) -> Job:
    """Return the job that runs one of the modules verbosely."""
    if name in _SHIMS:
        method, which = _SHIMS[name]
        source = _MULTIPROCESSING.format(method=method, which=which)
        return Job(name, ("-v", name), {f"{name}.py": source})
    again = ("--workers-by", "spawn") if name in SHARE_A_NAME else ()
    return Job(name, ("-v", f"test.{name}"), in_workers=again)


def available(python: str) -> tuple[str, ...]:
    """Return those names whose module an interpreter has."""
    code = (
        "import importlib.util, sys\n"
        "for name in sys.argv[1:]:\n"
        "    try: found = importlib.util.find_spec('test.' + name)\n"
        "    except ImportError: found = None\n"
        "    if found: print(name)"
    )
    done = subprocess.run(
        [python, "-c", code, *MODULES, "_test_multiprocessing"],
        capture_output=True, text=True, check=True,
    )
    found = done.stdout.split()
    shims = tuple(_SHIMS) if "_test_multiprocessing" in found else ()
    return (*(name for name in MODULES if name in found), *shims)
