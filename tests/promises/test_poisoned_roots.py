"""No root stops the work on the others, whatever its files hold; other users' are not opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from tempfiles.monitor.usage import take_sample
from tempfiles.recovery.orphans import has_orphans
from tempfiles.roots import journal_reader, marker
from tests.promises.test_reaping import LEAKY, TempDirectoryCase
from tests.promises.test_refusals import edited, others_root
from tests.runs.test_command_status import call
from tests.support.programs import REPOSITORY
from tests.support.real_runs import dead_run

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
LEAK = {"path": "p", "type": "file", "bytes": 1, "entries": 1, "context": "c", "scope": "test"}
HUGE = 10**400
# ru_maxrss would not do: before `exec` a child has the memory of this process.
STATUS_AND_PEAK = """
import sys
from tempfiles.__main__ import main
main(sys.argv[1:])
with open("/proc/self/status") as status:
    print(*(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""
ORIGIN = {"file": "f", "line": 1, "function": "f", "call": "c"}
CHILD = {"command": "c", "origin": None, "started": 0.5}
BAD_LEAKS: tuple[object, ...] = (
    LEAK | {"bytes": float("inf")}, LEAK | {"bytes": HUGE}, LEAK | {"entries": float("nan")},
    LEAK | {"bytes": [[]]}, LEAK | {"type": "\x1b[31m"}, LEAK | {"files": -HUGE},
    LEAK | {"origin": ORIGIN | {"line": float("inf")}}, LEAK | {"origin": ORIGIN | {"file": 3}},
    LEAK | {"origin": ORIGIN | {"trace": 7}}, LEAK | {"children": [CHILD | {"started": HUGE}]},
    LEAK | {"children": {"started": 1}}, LEAK | {"open_by": 7}, LEAK | {"context": None}, 7, [],
)


def poisons() -> Iterator[tuple[str, bytes]]:
    for number, leak in enumerate(BAD_LEAKS):
        yield f"leak {number}", json.dumps({"leaks": [leak]}).encode()
    yield "1e999", json.dumps({"leaks": [LEAK]}).replace('"bytes": 1', '"bytes": 1e999').encode()
    for line in (b"Infinity", b"NaN", b"[" * 500_000, b"1" * 5_000, b'{"brought": Infinity}',
                 b'{"brought": [Infinity, 1]}', b'{"brought": [[], []]}', b'{"leaks": Infinity}',
                 b'{"leaks": "text"}', b'{"leaks": {"path": 1}}', bytes(1_000_000)):
        yield repr(line[:30]), line


class OwnRootTests(TempDirectoryCase):
    def poisoned(self, journal: bytes) -> str:
        root = dead_run(self.temp)
        Path(root, "journal").write_bytes(journal + b"\n")
        return root

    def test_poisoned_journal_is_shown_and_reaped_with_the_others(self) -> None:
        names = []
        for name, line in poisons():
            names.append(name)
            self.poisoned(line)
        dead_run(self.temp, LEAKY)
        self.assertEqual(len(take_sample(self.temp).shares), len(names) + 1)
        code, out, err = call("status", "--temp-dir", self.temp, "--json")
        self.assertEqual((code, err), (0, ""))
        found = json.loads(out, parse_constant=self.fail)["roots"]
        self.assertEqual([root["state"] for root in found], ["orphaned"] * (len(names) + 1))
        self.assertEqual(call("status", "--temp-dir", self.temp)[0], 0)
        report = self.reap()
        self.assertEqual({root.fate for root in report.roots}, {"removed"})
        self.assertEqual(sum(len(root.leaks) for root in report.roots), 3)
        self.assert_empty()

    def test_files_of_a_root_that_are_none_are_passed_over(self) -> None:
        for name in ("current", "forked", "children"):
            root = dead_run(self.temp)
            Path(root, name).unlink(missing_ok=True)
            Path(root, name).mkdir()
        for path, source in (("\0", ""), ("0/left", "\0"), ("\ud800", "\ud800")):
            root = dead_run(self.temp)
            line = json.dumps({"brought": [os.path.join(root, path), source]}).encode()
            Path(root, "journal").write_bytes(line + b"\n")
        self.assertEqual(len(take_sample(self.temp).shares), 6)
        self.assertEqual(call("status", "--temp-dir", self.temp)[0], 0)
        self.assertEqual({root.fate for root in self.reap().roots}, {"removed"})
        self.assert_empty()

    def test_poisoned_marker_is_refused(self) -> None:
        for field, value in (
            ("created", float("inf")), ("created", float("nan")), ("created", -1e300),
            ("created", HUGE), ("uid", HUGE), ("uid", -1), ("pid", "\x1b"), ("argv", {}),
            ("host", HUGE), ("inode", 1e300), ("kept", 1), ("format", float("inf")),
        ):
            edited(os.path.join(dead_run(self.temp), marker.NAME), **{field: value})
        for content in (b"[" * 60_000, b"\xff", b"", b"Infinity", b"[]", b"1" * 5_000):
            Path(dead_run(self.temp), marker.NAME).write_bytes(content)
        dead_run(self.temp)
        self.assertEqual(call("status", "--temp-dir", self.temp)[0], 0)
        self.assertEqual(call("status", "--temp-dir", self.temp, "--json")[0], 0)
        self.assertEqual(sum(share.owner != "" for share in take_sample(self.temp).shares), 1)
        plan = self.plan()
        self.assertEqual({verdict.state for verdict in plan.left}, {"refused"})
        self.assertEqual((len(plan.chosen), len(plan.left)), (1, 18))

    def test_error_in_one_root_leaves_the_others_to_be_reaped(self) -> None:
        bad = sorted(dead_run(self.temp) for _ in range(3))[1]
        real = journal_reader.read_current

        def read_current(root: str) -> object:
            if root == bad:
                raise RuntimeError("unexpected")
            return real(root)

        with mock.patch.object(journal_reader, "read_current", read_current):
            report = self.reap()
        self.assertEqual([root.fate for root in report.roots], ["removed", "failed", "removed"])
        self.assertIn("unexpected", report.roots[1].removal.failed[0].cause)
        self.assertEqual(os.listdir(self.temp), [os.path.basename(bad)])

    @unittest.skipUnless(os.path.exists("/proc/self/status"), "needs the peak of its memory")
    def test_large_journal_takes_little_memory_and_time(self) -> None:
        line = json.dumps({"leaks": [LEAK] * 50 + [{}]}).encode() + b"\n"
        for content in (line * ((15 << 20) // len(line)), b"[{}" + b",{}" * (5 << 20),
                        b"[" * (15 << 20), b"\n" * (15 << 20)):
            self.poisoned(content)
        start = time.monotonic()
        command = [sys.executable, "-c", STATUS_AND_PEAK, "status", "--temp-dir", self.temp]
        ended = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=60)
        self.assertLess(int(ended.stderr), 160_000)
        self.assertTrue(self.reap().ok)
        self.assertLess(time.monotonic() - start, 30)
        self.assert_empty()

    def test_journal_no_run_writes_keeps_its_root_and_no_other(self) -> None:
        large = self.poisoned(b"")
        os.truncate(os.path.join(large, "journal"), 1 << 40)
        link = dead_run(self.temp)
        os.symlink("/etc/passwd", os.path.join(link, "journal"))
        good = dead_run(self.temp)
        start = time.monotonic()
        plan = self.plan()
        self.assertEqual(call("status", "--temp-dir", self.temp)[0], 0)
        take_sample(self.temp)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual([verdict.root for verdict in plan.chosen], [good])
        reasons = {verdict.root: verdict.reason for verdict in plan.left}
        self.assertIn("larger than any that a run writes", reasons[large])
        self.assertIn("not a regular file", reasons[link])

    def test_run_with_very_many_leaks_stays_readable(self) -> None:
        user = Path(self.temp, "config")
        user.write_text("user's")
        body = (
            "from tempfiles.records import Leak\n"
            "from tempfiles.reports import ContextReport\n"
            "names = [f'{root}/0/{n}' for n in range(30000)]\n"
            "leaks = tuple(Leak(name, 'file', 1, 1, 'a', 'test') for name in names)\n"
            "open(root + '/0/1', 'w').close()\n"
            "open(root + '/0/29999', 'w').close()\n"
            "journal.record_leaks(ContextReport('a', 'test', leaks=leaks))\n"
            f"journal.record_preexisting(root + '/0/config', {str(user)!r})\n"
            f"os.rename({str(user)!r}, root + '/0/config')\n"
            "journal.enter('b', 'test')\n"
        )
        root = dead_run(self.temp, body)
        self.assertLess(os.path.getsize(os.path.join(root, "journal")), journal_reader.LARGEST)
        (reaped,) = self.reap().roots
        self.assertEqual(reaped.fate, "removed")
        self.assertGreater(len(reaped.leaks), 5_000)
        # The file of a leak that is not recorded is not attributed to the test that was running.
        self.assertEqual({leak.context for leak in reaped.leaks}, {"a"})
        self.assertEqual(reaped.more, 2)
        self.assertEqual(user.read_text(), "user's")


@unittest.skipUnless(IS_ROOT, "only root can give files away")
class OtherUsersRootTests(TempDirectoryCase):
    def test_is_listed_and_nothing_in_it_is_opened(self) -> None:
        os.chmod(self.temp, 0o1777)
        root = dead_run(self.temp, "journal.enter('a.B.test_c', 'test')")
        Path(root, "journal").write_text(json.dumps({"leaks": [BAD_LEAKS[6]]}))
        others_root(root)
        opened: list[str] = []
        real = os.open

        def recording(path: str, *args: int, **options: int) -> int:
            if str(path).startswith(root):
                opened.append(path)
            return real(path, *args, **options)

        with mock.patch.object(os, "open", recording):
            self.assertFalse(has_orphans([self.temp]))
            for words in (("status",), ("status", "--json"), ("clean", "--dry-run"), ("clean",),
                          ("monitor", "--max-runtime", "0.01")):
                code, out, _ = call(*words, "--temp-dir", self.temp)
                self.assertEqual(code, 0, words)
                if words[0] != "monitor":
                    self.assertIn("it belongs to user 65534", out)
            (share,) = take_sample(self.temp).shares
        self.assertEqual((share.owner, share.context), ("", ""))
        self.assertEqual(opened, [])
        self.assertTrue(os.path.exists(os.path.join(root, "journal")))

    def test_file_of_another_user_in_a_root_is_not_parsed(self) -> None:
        root = dead_run(self.temp, LEAKY)
        os.chown(os.path.join(root, "current"), 65534, 65534)
        self.assertIsNone(journal_reader.read_journal(root).current)
        os.chown(os.path.join(root, "journal"), 65534, 65534)
        (left,) = self.plan().left
        self.assertIn("journal is not a regular file of this user", left.reason)


if __name__ == "__main__":
    unittest.main()
