"""Report what this child process creates to the run that started it.

Loaded by the interpreter of a child, of any version, through PYTHONPATH. It hides the variables and
the path entry again, and hands over to the user's own `sitecustomize`.
"""

import os
import sys

_LOG = "_TIDYTEST_CHILD_LOG"
_PROMPTS = ("<stdin", "<python-input")
_STARTS = ("multiprocessing/spawn.py", "multiprocessing/forkserver.py")  # hold pipes of their own


def _hide():
    """Take our entry out of what the program sees; return the pid of the run and its log.

    The environment of the process itself keeps it, for the children of this child.
    """
    here = os.path.dirname(__file__)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    sys.path_importer_cache.pop(here, None)
    data = getattr(os.environ, "_data", None)
    if not isinstance(data, dict) or os.name != "posix":
        return None
    log = data.pop(os.fsencode(_LOG), b"")
    key = b"PYTHONPATH"
    entries = data.get(key, b"").split(os.fsencode(os.pathsep))
    rest = [entry for entry in entries if entry != os.fsencode(here)]
    if rest:
        data[key] = os.fsencode(os.pathsep).join(rest)
    else:
        data.pop(key, None)
    run, _, path = log.partition(b":")
    return (int(run), path) if path else None


def _command_of(run):
    """Return the command line of the process that the run started: this one, or one above it.

    It is empty where a process between has ended, or where the system does not tell.
    """
    pid, above = os.getpid(), os.getppid()
    if above == run:
        return list(getattr(sys, "orig_argv", ()))
    try:
        while above > 1:
            pid = above
            above = int(_read("/proc/" + str(pid) + "/stat").rpartition(b")")[2].split()[1])
            if above == run:
                words = _read("/proc/" + str(pid) + "/cmdline").split(b"\0")[:-1]
                return list(map(os.fsdecode, words))
    except Exception:
        pass
    return []


def _read(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)


# Tests replace functions of `os`.
_abspath, _dirname, _isabs = os.path.abspath, os.path.dirname, os.path.isabs
_join, _normpath = os.path.join, os.path.normpath
_lstat, _fsdecode, _getcwd = os.lstat, os.fsdecode, os.getcwd
_open, _write, _close = os.open, os.write, os.close
_get_frame, _creates = sys._getframe, os.O_CREAT


class _Reporter:
    """Append a line to the log for each path that this process is about to create."""

    def __init__(self, run, log):
        self._log = log
        self._room = 5000  # lines; a child that creates more is not worth the time
        self._made = set()  # directories that were reported, or lie in one that was
        self._command = _command_of(run)
        self._flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        given = os.path.dirname(os.__file__) + os.sep
        self._library = (os.path.dirname(os.path.realpath(os.__file__)) + os.sep, given)

    def report(self, path, call, frame):
        """Report a path that does not exist yet, unless it is a part of what was reported."""
        path = _fsdecode(path)
        if "__pycache__" in path or path.endswith(".pyc"):
            return
        path = _normpath(_join(_getcwd(), path))
        try:
            _lstat(path)
            return
        except OSError:
            pass
        is_part = _dirname(path) in self._made
        if call == "os.mkdir":
            self._made.add(path)
        if not is_part and self._room > 0:
            self._room -= 1
            origin = self._origin(frame, call)
            takes_work = _takes_work(frame)
            self._append(ascii((path, origin, self._command, _work_of(frame), takes_work)))

    def _append(self, line):
        descriptor = _open(self._log, self._flags)
        try:
            _write(descriptor, ("\n" + line + "\n").encode("ascii"))
        finally:
            _close(descriptor)

    def _origin(self, frame, call):
        """Return file, line, function and call of the innermost line of the user."""
        callee = None
        while frame is not None:
            code = frame.f_code
            name = code.co_filename
            is_library = name.startswith(self._library)
            if not (
                is_library or name.startswith("<") or "site-packages" in name
                or "dist-packages" in name
            ):
                call = _name_of(callee) or call
                return _abspath(name), frame.f_lineno, code.co_name, call
            callee = frame if is_library else None
            frame = frame.f_back
        return None


def _name_of(frame):
    """Return the function of a frame as users write it; empty without a frame."""
    if frame is None:
        return ""
    name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    while name.rpartition(".")[2].startswith("__"):
        name = name.rpartition(".")[0]
    if not name or name.startswith("<"):
        return ""
    return frame.f_globals.get("__name__", "") + "." + name


def _work_of(frame):
    """Return the process that gave this worker of a pool its work, and the key of the work."""
    while frame is not None:
        key = _key_of_work(frame, frame.f_code)
        if key:
            parent = sys.modules["multiprocessing.process"].parent_process()
            return parent.pid if parent is not None else os.getppid(), key
        frame = frame.f_back
    return None


def _key_of_work(frame, code):
    if code.co_filename.endswith(("process.py", "process_executor.py")):
        return getattr(frame.f_locals.get("call_item"), "tempfiles_key", None)
    if code.co_name == "worker" and code.co_filename.endswith("pool.py"):
        job = frame.f_locals.get("job")
        return None if job is None else "job " + str(job)
    return None


def _takes_work(frame):
    """Whether other code can hand work to this process: by a queue, a pipe, a prompt."""
    while frame is not None and not frame.f_code.co_filename.endswith(_STARTS):
        if frame.f_code.co_filename.startswith(_PROMPTS):
            return True
        for value in frame.f_locals.values():
            kind = type(value)
            if hasattr(kind, "recv") or (hasattr(kind, "put") and hasattr(kind, "get")):
                return True
        frame = frame.f_back
    return False


def _may_create(path, mode, flags):
    if isinstance(path, int) or (mode is None and not _isabs(path)):
        return False  # a relative path may be relative to any open directory
    return flags & _creates or (not flags and mode and set("wax+") & set(mode))


def _hook(report):
    """Return an audit hook that reports the paths of creating events."""

    def hook(event, args):
        try:
            if event == "open":
                path, mode, flags = args
                if (flags & _creates or not flags) and _may_create(path, mode, flags):
                    report(path, "os.open" if mode is None else "open", _get_frame(1))
            elif event == "os.mkdir":
                if args[2] == -1:
                    report(args[0], event, _get_frame(1))
            elif event in ("os.rename", "os.link"):
                if args[3] == -1:
                    report(args[1], event, _get_frame(1))
            elif event == "os.symlink" and args[2] == -1:
                report(args[1], event, _get_frame(1))
        except Exception:  # nothing of this may be noticed by the program
            pass

    return hook


def _start():
    try:
        log = _hide()
        if log and hasattr(sys, "addaudithook"):
            sys.addaudithook(_hook(_Reporter(*log).report))
    except Exception:  # whatever this interpreter is, the program starts
        pass


_start()
sys.modules.pop("sitecustomize", None)
import sitecustomize  # noqa: E402,F401 - that of the user; the interpreter ignores that there is none
