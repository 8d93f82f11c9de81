"""`tempfiles.Run` as a test tool uses it: each script is a host in a process of its own."""

from __future__ import annotations

import json
from typing import Any

from tests.support.projects import ProjectTestCase

HOST = """\
import json, os, tempfile
import tempfiles
from tempfiles import Run, RunSettings

def leave(name):
    path = os.path.join(tempfile.gettempdir(), name)
    open(path, "w").close()
    return path

def names(leaks):
    return sorted((os.path.basename(leak.path), leak.context) for leak in leaks)

run = Run(RunSettings(late_grace=0))
run.open()
"""


class HostTestCase(ProjectTestCase):
    def host(self, source: str) -> Any:
        """Run a host; return what it prints as JSON."""
        self.write("host.py", HOST + source)
        outcome = self.run_python("host.py")
        self.assertEqual((outcome.code, outcome.err), (0, ""))
        self.assertEqual(list(self.base.iterdir()), [])
        return json.loads(outcome.out)


class SeamTests(HostTestCase):
    def test_close_always_returns_a_report(self) -> None:
        found = self.host(
            "a = run.enter('a', 'function')\n"
            "b = run.enter('b', 'any word')\n"
            "left = leave('x')\n"
            "with_leak, empty = run.close(b), run.close(a)\n"
            "report, late = run.finish(2)\n"
            "print(json.dumps([names(with_leak.leaks), with_leak.scope, empty.is_empty,\n"
            "    names(report.leaks), report.summary.tests, late, os.path.exists(left)]))\n"
        )
        self.assertEqual(found, [[["x", "b"]], "any word", True, [["x", "b"]], 2, [], False])

    def test_current_run_ends_with_it(self) -> None:
        found = self.host(
            "during = Run.current() is run\nrun.finish()\n"
            "print(json.dumps([during, Run.current()]))\n"
        )
        self.assertEqual(found, [True, None])

    def test_judge_removes_nothing_and_remove_does(self) -> None:
        found = self.host(
            "a = run.enter('a', 'test')\nleft = leave('x')\nrun.close(a)\n"
            "judged, late = run.judge(1)\n"
            "between = os.path.exists(left), tempfile.gettempdir() == run.root.slot\n"
            "removed = run.remove()\n"
            "print(json.dumps([names(judged.leaks), between, names(removed.leaks),\n"
            "    removed.summary.tests, os.path.exists(left)]))\n"
        )
        self.assertEqual(found, [[["x", "a"]], [True, False], [["x", "a"]], 1, False])

    def test_remove_reports_an_untouched_run_after_judge(self) -> None:
        found = self.host(
            "judged, _ = run.judge(0)\nremoved = run.remove()\n"
            "print(json.dumps([judged == removed, removed.summary.made]))\n"
        )
        self.assertEqual(found, [True, 0])

    def test_activate_holds_for_its_block_or_until_the_next(self) -> None:
        found = self.host(
            "import threading\n"
            "a = run.enter('a', 'module')\nb = run.enter('b', 'test')\n"
            "with run.activate(a):\n    leave('in a')\n"
            "def work():\n    run.activate(a)\n    leave('in a thread')\n"
            "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"
            "leave('in b')\n"
            "print(json.dumps([names(run.close(b).leaks), names(run.close(a).leaks)]))\n"
            "run.finish()\n"
        )
        self.assertEqual(found, [[["in b", "b"]], [["in a", "a"], ["in a thread", "a"]]])

    def test_new_files_are_attributed_to_the_part_that_ran(self) -> None:
        found = self.host(
            "import subprocess\n"
            "a = run.enter('a', 'class')\n"
            "subprocess.run(['touch', os.path.join(tempfile.gettempdir(), 'setup')])\n"
            "run.attribute_new_to(a)\n"
            "b = run.enter('b', 'test')\n"
            "first = run.begin_part(b, 'part')\n"
            "subprocess.run(['touch', os.path.join(tempfile.gettempdir(), 'part')])\n"
            "second = run.begin_part(b, first)\n"
            "leaks = run.close(b).leaks\n"
            "print(json.dumps([names(leaks), leaks[0].subtest, first, second,\n"
            "    names(run.close(a).leaks)]))\n"
            "run.finish()\n"
        )
        self.assertEqual(found, [[["part", "b"]], "part", None, "part", [["setup", "a"]]])

    def test_ignore_holds_from_then_on(self) -> None:
        found = self.host(
            "a = run.enter('a', 'test')\n"
            "cache = os.path.join(tempfile.gettempdir(), 'cache')\n"
            "run.ignore(cache)\nrun.ignore('*.lock')\n"
            "os.mkdir(cache)\nleave('cache/x')\nleave('a.lock')\nleave('y')\n"
            "print(json.dumps(names(run.close(a).leaks)))\nrun.finish()\n"
        )
        self.assertEqual(found, [["y", "a"]])

    def test_abandon_after_judge_removes_the_root(self) -> None:
        found = self.host(
            "a = run.enter('a', 'test')\nleft = leave('x')\nrun.close(a)\n"
            "run.judge()\nrun.abandon()\nprint(json.dumps(os.path.exists(left)))\n"
        )
        self.assertIs(found, False)


class SourceTests(HostTestCase):
    def test_names_in_the_given_function_are_evidence(self) -> None:
        """A child process writes outside of the temp directory: only a name ties it to a test."""
        found = self.host(
            "import subprocess, sys\n"
            "code = 'open(bytes([109, 97, 114, 107]).decode() + chr(46) + chr(116), chr(119))'\n"
            "def test():\n    'mark.t'; name = 'mark.t'\n"
            "    subprocess.run([sys.executable, '-I', '-c', code])\n"
            "with_source = run.enter('tests/a.py::test[x-1.5]', 'test', source=test)\n"
            "test()\nfound = names(run.close(with_source).leaks)\nos.remove('mark.t')\n"
            "without = run.enter('tests/a.py::test[x-1.5]', 'test')\n"
            "test()\nother = names(run.close(without).leaks)\nos.remove('mark.t')\n"
            "print(json.dumps([found, other]))\nrun.finish()\n"
        )
        self.assertEqual(found, [[["mark.t", "tests/a.py::test[x-1.5]"]], []])


class ForkTests(HostTestCase):
    def test_a_forked_child_has_a_run_of_its_own(self) -> None:
        found = self.host(
            "a = run.enter('a', 'test')\nleave('before')\n"
            "inherited = tempfile.gettempdir()\n"
            "read, write = os.pipe()\n"
            "if os.fork() == 0:\n"
            "    child = run.reopen_in_child()\n"
            "    b = child.enter('b', 'test')\n"
            "    leave('of the child')\n"
            "    leaks = names(child.close(b).leaks)\n"
            "    inside = child.root.path.startswith(run.root.path)\n"
            "    report, _ = child.finish(1)\n"
            "    back = tempfile.gettempdir() == inherited\n"
            "    gone = not os.path.exists(child.root.path)\n"
            "    text = json.dumps([leaks, inside, report.to_dict(), back, gone, Run.current()])\n"
            "    os.write(write, text.encode())\n"
            "    os._exit(0)\n"
            "os.wait()\nos.close(write)\n"
            "with open(read) as file:\n    leaks, inside, child, *more = json.load(file)\n"
            "own = run.close(a).leaks\nreport, late = run.finish(1)\n"
            "both = report.merge(tempfiles.RunReport.from_dict(child))\n"
            "print(json.dumps([leaks, inside, more, names(own), names(both.leaks),\n"
            "    both.summary.tests, both.summary.leaked, len(late)]))\n"
        )
        self.assertEqual(found, [
            [["of the child", "b"]], True, [True, True, None], [["before", "a"]],
            [["before", "a"], ["of the child", "b"]], 2, 2, 0,
        ])  # fmt: skip

    def test_the_parent_removes_what_a_killed_child_leaves(self) -> None:
        found = self.host(
            "if os.fork() == 0:\n"
            "    child = run.reopen_in_child()\n"
            "    child.enter('b', 'test')\n    leave('x')\n    os._exit(9)\n"
            "os.wait()\nreport, late = run.finish()\n"
            "print(json.dumps([report.leaks, late, os.path.exists(run.root.path)]))\n"
        )
        self.assertEqual(found, [[], [], False])

    def test_what_the_parent_registered_survives_the_child(self) -> None:
        found = self.host(
            "a = run.enter('a', 'test')\npath = tempfiles.create_with_content('x')\n"
            "if os.fork() == 0:\n"
            "    child = run.reopen_in_child()\n"
            "    b = child.enter('b', 'test')\n"
            "    own = tempfiles.create_with_content('y')\n"
            "    child.close(b)\n    child.finish()\n"
            "    os._exit(0 if path.exists() and not own.exists() else 1)\n"
            "code = os.waitstatus_to_exitcode(os.wait()[1])\n"
            "still = path.exists()\nregistered = run.close(a).registered\n"
            "print(json.dumps([code, still, registered, path.exists()]))\nrun.finish()\n"
        )
        self.assertEqual(found, [0, True, 1, False])

    def test_the_opening_process_cannot_reopen(self) -> None:
        found = self.host(
            "try:\n    run.reopen_in_child()\n"
            "except tempfiles.OwnershipError as error:\n    print(json.dumps(error.errno))\n"
            "run.finish()\n"
        )
        self.assertEqual(found, 1)


class DetectorTests(HostTestCase):
    def test_findings_are_reported_and_a_broken_detector_is_dropped(self) -> None:
        self.write("detectors.py", """
            from tempfiles import Finding
            class Good:
                def start(self, root): self.calls = ["start"]
                def opened(self, context): self.calls.append(f"opened {context.id}")
                def left_by(self, context):
                    self.calls.append(f"left_by {context.id}")
                    if context.scope == "test":
                        yield Finding("good", context.id, context.scope, "a thing")
                def stop(self): self.calls.append("stop")
            class Broken(Good):
                def opened(self, context): raise ValueError("broken")
                def left_by(self, context): raise AssertionError("asked again")
        """)
        found = self.host(
            "import detectors, logging\n"
            "logging.getLogger('tempfiles').propagate = False\n"
            "logging.getLogger('tempfiles').addHandler(logging.NullHandler())\n"
            "run.abandon()\n"
            "good = detectors.Good()\n"
            "run = Run(RunSettings(late_grace=0), [detectors.Broken(), good])\nrun.open()\n"
            "a = run.enter('a', 'class')\nb = run.enter('b', 'test')\n"
            "in_b, in_a = run.close(b), run.close(a)\n"
            "report, late = run.finish(1)\n"
            "print(json.dumps([[f.text for f in in_b.findings], in_b.id, in_a.is_empty,\n"
            "    len(report.findings), good.calls]))\n"
        )
        self.assertEqual(found, [["a thing"], "b", True, 1, [
            "start", "opened a", "opened b", "left_by b", "left_by a", "left_by run", "stop",
        ]])  # fmt: skip


class RetentionTests(HostTestCase):
    def test_files_of_a_failed_context_are_kept(self) -> None:
        found = self.host(
            "settings = tempfiles.RetentionSettings('on-failure', os.path.abspath('kept'))\n"
            "retention, notes = tempfiles.Retention(settings), []\n"
            "for name, failed in (('a', False), ('b', True)):\n"
            "    context = run.enter(name, 'test')\n"
            "    tempfiles.create_with_content(name, 'registered')\n"
            "    leave(f'{name}.leak')\n"
            "    keep = lambda _: retention.keep_registered(context, failed)\n"
            "    report = run.close(context, keep)\n"
            "    retention.keep_leaks(context, report.leaks, failed, notes.append)\n"
            "report = retention.mark_kept(run.finish(2)[0])\nretention.finish()\n"
            "kept = sorted(os.path.splitext(n)[1] for n in os.listdir(f'{retention.place}/b'))\n"
            "print(json.dumps([kept, os.path.exists(f'{retention.place}/a'), len(notes),\n"
            "    [leak.outcome for leak in report.leaks], retention.kept_contexts()]))\n"
        )
        self.assertEqual(
            found, [[".leak", ".registered"], False, 1, ["removed", "kept"], [["test", "b"]]]
        )


class TerminationTests(HostTestCase):
    def test_sigterm_ends_a_run_in_order(self) -> None:
        self.write("host.py", HOST + (
            "import signal\n"
            "run.catch_termination()\n"
            "run.enter('a', 'test')\nleave('x')\n"
            "try:\n    signal.raise_signal(signal.SIGTERM)\n"
            "except tempfiles.Terminated:\n    first = tempfiles.is_terminated()\n"
            "try:\n    run.enter('b', 'test')\n"
            "except tempfiles.Terminated:\n    print(first, 'no further context', flush=True)\n"
            "run.abandon()\ntempfiles.terminate()\n"
        ))
        outcome = self.run_python("host.py")
        self.assertEqual((outcome.code, outcome.out), (-15, "True no further context\n"))
        self.assertEqual(list(self.base.iterdir()), [])


class ReapTests(HostTestCase):
    def test_the_root_of_a_dead_run_is_removed(self) -> None:
        self.write("dies.py", HOST + "run.enter('a', 'test')\nleave('x')\nos._exit(9)\n")
        self.run_python("dies.py")
        self.write("reaps.py", """
            import json, tempfiles
            before = tempfiles.has_orphans()
            report = tempfiles.reap(deadline=5)
            own = [root for root in report.roots if root.running and root.running.id == "a"]
            print(json.dumps([before, own[0].fate, len(own[0].leaks), report.complete]))
        """)
        outcome = self.run_python("reaps.py")
        self.assertEqual(json.loads(outcome.out), [True, "removed", 1, True], outcome.err)
        self.assertEqual(list(self.base.iterdir()), [])
