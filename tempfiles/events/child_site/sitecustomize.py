"""Report what this child process creates to the run that started it.

Loaded by the interpreter of a child, of any version, through PYTHONPATH. It hides the variables and
the path entry again, and hands over to the user's own `sitecustomize`.
"""

import os
import sys

_LOG = "_TIDYTEST_CHILD_LOG"


def _hide():
    """Take our entry out of what the program sees; return the path of the log.

    The environment of the process itself keeps it, for the children of this child.
    """
    here = os.path.dirname(__file__)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    sys.path_importer_cache.pop(here, None)
    data = getattr(os.environ, "_data", None)
    if not isinstance(data, dict) or os.name != "posix":
        return None
    log = data.pop(os.fsencode(_LOG), None)
    key = b"PYTHONPATH"
    entries = data.get(key, b"").split(os.fsencode(os.pathsep))
    rest = [entry for entry in entries if entry != os.fsencode(here)]
    if rest:
        data[key] = os.fsencode(os.pathsep).join(rest)
    else:
        data.pop(key, None)
    return log


def _install(log):
    library = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
    given = os.path.dirname(os.__file__) + os.sep
    creates, path_only = os.O_CREAT, os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
    command = list(getattr(sys, "orig_argv", ()))
    made = set()
    budget = [5000]

    def place(frame, call):
        """Return file, line, function and call of the innermost line of the user."""
        callee = None
        while frame is not None:
            code = frame.f_code
            name = code.co_filename
            if not (
                name.startswith((library, given, "<")) or "site-packages" in name
                or "dist-packages" in name
            ):
                if callee is not None:
                    qualified = getattr(callee.f_code, "co_qualname", callee.f_code.co_name)
                    while qualified.rpartition(".")[2].startswith("__"):
                        qualified = qualified.rpartition(".")[0]
                    if qualified and not qualified.startswith("<"):
                        call = callee.f_globals.get("__name__", "") + "." + qualified
                return os_abspath(name), frame.f_lineno, code.co_name, call
            callee = frame if name.startswith((library, given)) else None
            frame = frame.f_back
        return None

    def work(frame):
        """Return the process that gave this worker of a pool its work, and the key of the work."""
        while frame is not None:
            name, values = frame.f_code.co_filename, frame.f_locals
            key = None
            if name.endswith("process.py") and "call_item" in values:
                key = getattr(values["call_item"], "tempfiles_key", None)
            elif name.endswith("pool.py") and frame.f_code.co_name == "worker" and "job" in values:
                key = "job " + str(values["job"])
            if key:
                return sys.modules["multiprocessing.process"].parent_process().pid, key
            frame = frame.f_back
        return None

    def report(
        path, call, frame, lstat=os.lstat, fsdecode=os.fsdecode, join=os.path.join,
        getcwd=os.getcwd, dirname=os.path.dirname, open_fd=os.open, write=os.write,
        close=os.close,
    ):
        path = fsdecode(path)
        if "__pycache__" in path or path.endswith(".pyc"):
            return
        path = normpath(join(getcwd(), path))
        try:
            lstat(path)
            return
        except OSError:
            pass
        is_part = dirname(path) in made  # of a directory that was reported
        if call == "os.mkdir":
            made.add(path)
        if is_part or budget[0] <= 0:
            return
        budget[0] -= 1
        line = ascii((path, place(frame, call), command, work(frame)))
        descriptor = open_fd(log, path_only)
        try:
            write(descriptor, ("\n" + line + "\n").encode("ascii"))
        finally:
            close(descriptor)

    os_abspath, normpath = os.path.abspath, os.path.normpath

    def hook(event, args, get_frame=sys._getframe, report=report):
        try:
            if event == "open":
                path, mode, flags = args
                if isinstance(path, int) or not (
                    flags & creates or (not flags and mode and set("wax+") & set(mode))
                ):
                    return
                if mode is None and not os.path.isabs(path):
                    return  # it may be relative to any open directory
                report(path, "open" if mode is not None else "os.open", get_frame(1))
            elif event == "os.mkdir":
                if args[2] == -1:
                    report(args[0], event, get_frame(1))
            elif event in ("os.rename", "os.link"):
                if args[3] == -1:
                    report(args[1], event, get_frame(1))
            elif event == "os.symlink" and args[2] == -1:
                report(args[1], event, get_frame(1))
        except Exception:  # nothing of this may be noticed by the program
            pass

    sys.addaudithook(hook)


def _start():
    try:
        log = _hide()
        if log and hasattr(sys, "addaudithook"):
            _install(log)
    except Exception:  # whatever this interpreter is, the program starts
        pass


_start()
sys.modules.pop("sitecustomize", None)
import sitecustomize  # noqa: E402,F401 - that of the user; the interpreter ignores that there is none
