"""Trials of whole suites: late writers, littering neighbours, two runs in one project."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.campaigns.zoo.campaign import whole
from tests.campaigns.zoo.judgement import Verdict
from tests.campaigns.zoo.project import Project, Run
from tests.campaigns.zoo.rows import PROJECT, TEMP

_HEAD = """\
import os, subprocess, sys, tempfile, time, unittest
HERE = os.getcwd()
def daemon(work):
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    try:
        work()
    finally:
        os._exit(0)
def late(path):
    time.sleep(0.5)
    open(path, "w").close()
class Row(unittest.TestCase):
"""
_FORMS = {
    "shell": 'Row.p = subprocess.Popen(["sh", "-c", "sleep .5; touch $TMPDIR/{name}"])',
    "shell making a directory":
        'Row.p = subprocess.Popen("(sleep .5; mkdir -p $TMPDIR/{name}/a) &", shell=True)',
    "daemon": 'daemon(lambda: late(os.path.join(tempfile.gettempdir(), "{name}")))',
    "daemon by exec":
        'daemon(lambda: os.execlp("sh", "sh", "-c", "sleep .5; : > $TMPDIR/{name}"))',
    "python": 'Row.p = subprocess.Popen([sys.executable, "-c", "import time, tempfile, os; '
              "time.sleep(.5); open(os.path.join(tempfile.gettempdir(), '{name}'), 'w')\"])",
    "empty environment": 'subprocess.check_call(["sh", "-c", '
                         '"(env -i sh -c \\"sleep .5; : > $TMPDIR/{name}\\" &)"])',
    "empty environment and session": 'subprocess.check_call(["sh", "-c", "(setsid env -i sh -c '
                                     '\\"sleep .5; : > $TMPDIR/{name}\\" >/dev/null 2>&1 &)"])',
    "session of its own": 'Row.p = subprocess.Popen(["sh", "-c", "sleep .5; touch $TMPDIR/{name}"],'
                          " start_new_session=True, stdin=subprocess.DEVNULL,"
                          " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)",
}


def _judge_late(way: str, run: Run, owners: dict[str, str]) -> Verdict:
    verdict = Verdict(way, TEMP, problems=whole(run, 0))
    found = {os.path.basename(leak["path"]): leak["context"] for leak in run.leaks}
    verdict.detected = f"{len(found.keys() & owners.keys())}/{len(owners)}"
    right = sum(found.get(name) == owner for name, owner in owners.items())
    verdict.attributed = f"{right}/{len(owners)}"
    for name, owner in owners.items():
        if found.get(name) != owner:
            verdict.problems.append(f"{name} of {owner}: {found.get(name, 'not reported')}")
    accused = found.keys() - owners.keys()
    verdict.problems += [f"accused falsely: {name} of {found[name]}" for name in accused]
    return verdict


def late_in_project(count: int) -> Verdict:
    """Run tests that each leave a process writing late into the project, not the temp directory."""
    source, owners = _HEAD, {}
    for i in range(count):
        source += f"    def test_{i:03}(self): Row.p = subprocess.Popen(" \
                  f"['sh', '-c', 'sleep .5; touch late-{i:03}'])\n"
        owners[f"late-{i:03}"] = f"test_late.Row.test_{i:03}"
    project = Project(PROJECT, ())
    project.add("test_late.py", source)
    try:
        run = project.run(["test_late"])
        verdict = _judge_late(f"{count} late writers in the project", run, owners)
        apart = {os.path.basename(e["path"]) for e in (run.report or {}).get("unattributed", ())}
        verdict.problems = [
            p for p in verdict.problems if p[:8] not in apart or "not reported" not in p]
        return verdict
    finally:
        project.remove()


def late_writers(form: str, count: int, last: str = "") -> Verdict:
    """Run `count` tests that each leave a process writing half a second after they have ended.

    `form` is one of the forms, or `mixed` for all in turn; `last` is the body of one more test.
    """
    forms = list(_FORMS.values()) if form == "mixed" else [_FORMS[form]]
    source, owners = _HEAD, {}
    for i in range(count):
        source += f"    def test_{i:03}(self):\n        " \
                  f"{forms[i % len(forms)].format(name=f'late-{i:03}')}\n"
        owners[f"late-{i:03}"] = f"test_late.Row.test_{i:03}"
    if last:
        source += f"    def test_last(self):\n        {last}\n"
    project = Project(TEMP, ())
    project.add("test_late.py", source)
    try:
        name = f"{count} late writers: {form}" + (" (the suite goes on)" if last else "")
        return _judge_late(name, project.run(["test_late"]), owners)
    finally:
        project.remove()


_LITTER = """\
import itertools, os, sys, time
rate, token, *places = sys.argv[1:]
for i in itertools.count():
    for place in places:
        name = os.path.join(place, f"litter-{token}-{i}")
        if i % 5 == 4: os.mkdir(name)
        else: open(name, "w").close()
    print(i, flush=True)
    time.sleep(1 / float(rate))
"""


@contextmanager
def _neighbour(project: Project, rate: int) -> Iterator[None]:
    """Have another process litter /tmp, the home and the project, `rate` times a second."""
    places = ["/tmp", str(project.top / "home"), str(project.directory),
              str(project.directory / "material")]
    token = f"x-{project.token[:5]}-x"
    process = subprocess.Popen([sys.executable, "-c", _LITTER, str(rate), token, *places],
                               stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


_SUITE = """
    def test_{i}_nothing(self): time.sleep(0.02)
    def test_{i}_child(self): subprocess.check_call(["sleep", "0.05"])
    def test_{i}_clean(self):
        for d in (tempfile.gettempdir(), HERE):
            with open(d + "/clean-{i}", "w"): time.sleep(0.01)
            os.remove(d + "/clean-{i}")
    def test_{i}_child_cleans(self):
        subprocess.check_call("touch here-{i}; sleep .03; rm here-{i}", shell=True)
    def test_{i}_leak(self): open("{token}-leak-{i}", "w").close()
    def test_{i}_temp(self): subprocess.check_call("sleep .03; touch $TMPDIR/{token}-temp-{i}",
                                                   shell=True)
    def test_{i}_spawn(self):
        subprocess.check_call(["touch", "{token}-spawn-{i}"])
        time.sleep(0.03)
"""


def _judge_neighbours(way: str, run: Run, token: str, count: int) -> Verdict:
    verdict = Verdict(way, PROJECT, problems=whole(run, 0))
    found = {os.path.basename(leak["path"]): leak["context"] for leak in run.leaks}
    apart = {os.path.basename(e["path"]) for e in (run.report or {}).get("unattributed", ())}
    owners = {f"{token}-{kind}-{i}": f"test_{token}.Row.test_{i}_{kind}"
              for i in range(count) for kind in ("leak", "temp", "spawn")}
    right = sum(found.get(name) == owner for name, owner in owners.items())
    verdict.detected, verdict.attributed = f"{len(found)}/{len(owners)}", f"{right}/{len(owners)}"
    for name, owner in owners.items():
        if found.get(name) != owner and not ("spawn" in name and name in apart):
            verdict.problems.append(f"{name} of {owner}: {found.get(name, 'not reported')}")
    accused = found.keys() - owners.keys()
    if accused:
        verdict.problems.append(f"{len(accused)} accused falsely: "
                                + ", ".join(f"{n} of {found[n]}" for n in sorted(accused)[:5]))
    return verdict


def neighbours(rate: int, count: int = 12) -> Verdict:
    """Run a suite, children included, while another process litters `rate` times a second."""
    project = Project(PROJECT, ())
    project.add("test_own.py", _HEAD + "".join(
        _SUITE.format(i=i, token="own") for i in range(count)))
    try:
        with _neighbour(project, rate):
            run = project.run(["test_own"])
        return _judge_neighbours(f"a neighbour littering {rate}/s", run, "own", count)
    finally:
        project.remove()


def two_runs(count: int = 6) -> Verdict:
    """Run two suites at once in one project: each reports its own and nothing of the other."""
    first, second = Project(PROJECT, ()), Project(PROJECT, ())
    for token in ("one", "two"):
        first.add(f"test_{token}.py", _HEAD + "".join(
            _SUITE.format(i=i, token=token).replace("here-", f"here-{token}-")
            .replace("clean-", f"clean-{token}-") for i in range(count)))
    try:
        with ThreadPoolExecutor(2) as pool:
            other = pool.submit(second.run, ["test_two"], first.directory)
            mine = _judge_neighbours("two runs in one project", first.run(["test_one"]), "one",
                                     count)
            its = _judge_neighbours("", other.result(), "two", count)
        mine.problems += its.problems
        return mine
    finally:
        first.remove()
        second.remove()


def stock_run(count: int = 6) -> Verdict:
    """Run a suite beside a plain unittest run in the same project, which writes the same names."""
    project = Project(PROJECT, ())
    for token in ("one", "other"):
        project.add(f"test_{token}.py", _HEAD + "".join(
            _SUITE.format(i=i, token=token).replace("here-", f"here-{token}-")
            .replace("clean-", f"clean-{token}-") for i in range(count)))
    other = subprocess.Popen(
        [sys.executable, "-c", "import unittest\nwhile True: "
         "unittest.main('test_other', argv=['x', '-q'], exit=False)"],
        cwd=project.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        run = project.run(["test_one"])
        return _judge_neighbours("a unittest run in the project", run, "one", count)
    finally:
        other.kill()
        other.wait()
        project.remove()


_SERVER = """\
import os, sys, time
project = sys.argv[1]
for i in range(2000):
    for name in ("server.log", f"server-{i}.log", f"cache-{i}"):
        with open(os.path.join(project, name + ".new"), "w"): pass
        os.replace(os.path.join(project, name + ".new"), os.path.join(project, name))
    os.remove(os.path.join(project, "server.log"))
    print(i, flush=True)
    time.sleep(0.02)
"""
_WORDS = """
    log = "server.log"
    def test_{i}(self):
        "server.log"
        subprocess.check_call(["sleep", "0.05"])
    def not_called_{i}(self):
        for i in range(9): open(f"server-{{i}}.log"), open("cache-%s" % i), open("server.log")
"""


def dev_server(works_in_project: bool) -> Verdict:
    """Run tests with children while another program writes what words of their module name."""
    names = [f"server-{i}.log" for i in range(2000)]
    project = Project(PROJECT, ())
    project.add("test_words.py", f"NAMES = {names!r}, 'cache-%s', 'server.log'\n" + _HEAD + "".join(
        _WORDS.format(i=i) for i in range(6)))
    server = subprocess.Popen([sys.executable, "-c", _SERVER, str(project.directory)],
                              cwd=project.directory if works_in_project else "/",
                              stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        server.stdout.readline()
        run = project.run(["test_words"])
        verdict = Verdict("a server writing what the module names", PROJECT,
                          problems=whole(run, 0), detected="none")
        verdict.problems += [f"accused falsely: {leak['path']} of {leak['context']}"
                             for leak in run.leaks]
        if not (run.report or {}).get("unattributed"):
            verdict.problems.append("what the server wrote is not listed apart")
        return verdict
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        project.remove()


def trials(full: bool) -> dict[str, Callable[[], Verdict]]:
    """Return the trials by name; with `full` in the sizes that the product is held to."""
    count = 100 if full else 12
    named: dict[str, Callable[[], Verdict]] = {
        "late writers mixed": lambda: late_writers("mixed", count)}
    if not full:
        return named | {"neighbours 30": lambda: neighbours(30, 4),
                        "dev server in the project": lambda: dev_server(True)}
    for form in _FORMS:
        named[f"late writers {form}"] = lambda form=form: late_writers(form, count)  # type: ignore[misc]
    named["late writers, suite goes on"] = lambda: late_writers("mixed", count, "time.sleep(2)")
    for rate in (10, 25, 50):
        named[f"neighbours {rate}"] = lambda rate=rate: neighbours(rate)  # type: ignore[misc]
    named["late writers in the project"] = lambda: late_in_project(20)
    named["two runs in one project"] = two_runs
    named["a unittest run in the project"] = stock_run
    named["dev server in the project"] = lambda: dev_server(True)
    named["dev server elsewhere"] = lambda: dev_server(False)
    return named
