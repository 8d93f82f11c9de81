"""`--shard`, `--list` and `--merge`: shards are parts of the whole, and merged they equal it."""

from __future__ import annotations

import importlib.util
import json
import re
import unittest
import zlib
from base64 import b64encode
from pathlib import Path

from tests.support.projects import ProjectTestCase
from tests.support.records import SUITE, lines_of, normal

MANY = """
    import unittest
    {classes}
"""
CLASS = "class T{number}(unittest.TestCase):\n        def test_1(self): pass\n    "


class ShardTestCase(ProjectTestCase):
    def write_suite(self) -> None:
        for name, text in SUITE.items():
            self.write(name, text)

    def record(self, shards: int, *words: str) -> list[str]:
        """Run and record all shards; return their records."""
        names = [f"shard-{number}.jsonl" for number in range(1, shards + 1)]
        for number, name in enumerate(names, 1):
            self.tidytest("--shard", f"{number}/{shards}", "--record", name, *words)
        return names


class MergeTests(ShardTestCase):
    def test_merged_shards_equal_the_whole_run(self) -> None:
        self.write_suite()
        reports = {
            "--leak-json": "leaks.json", "--junit-xml": "tests.xml", "--sarif": "leaks.sarif",
        }  # fmt: skip
        for words in (["-v", "--leaks=fail"], ["-b", "--shuffle=3", "-j2"], ["-f"]):
            with self.subTest(words=words):
                written = [f"{option}={name}" for option, name in reports.items()]
                whole = self.tidytest(*words, *written)
                before = {name: (self.project / name).read_text() for name in reports.values()}
                names = self.record(3, *words)
                for_merge = [word for word in words if word == "-v"]
                merged = self.tidytest(*for_merge, *written, "--merge", *reversed(names))
                self.assertEqual(merged.code, whole.code)
                self.assertEqual(normal(merged.err), normal(whole.err))
                self.assertEqual(normal(merged.out), normal(whole.out))
                for name, text in before.items():
                    now = (self.project / name).read_text()
                    self.assertEqual(normal(now), normal(text), name)

    @unittest.skipIf(importlib.util.find_spec("coverage") is None, "coverage is not installed")
    def test_coverage_kept_files_and_disk_usage_are_merged(self) -> None:
        self.write("measured.py", "def f():\n    return 1\n\ndef g():\n    return 2\n")
        self.write(".coveragerc", "[run]\nparallel = true\n")
        for name, call in (("a", "f"), ("d", "g")):
            self.write(f"test_{name}.py", f"""
                import os, tempfile, unittest
                import measured
                class A(unittest.TestCase):
                    def test_1(self):
                        measured.{call}()
                        os.write(tempfile.mkstemp()[0], b"x" * 1000)
                        self.fail()
            """)
        words = ["--coverage", "--keep=on-failure", "--keep-dir=kept", "--html=page.html"]
        whole = self.tidytest(*words)
        self.assertRegex(whole.out, r"measured.py +4 +0 +100%")
        names = self.record(2, *words)
        merged = self.tidytest("--coverage", "--html=page.html", "--merge", *names)
        self.assertEqual(normal(merged.out), normal(whole.out))
        lines = re.findall("Kept files of 1 test by shard [12] of 2: (.*)", merged.err)
        self.assertEqual(len(lines), 2, merged.err)
        self.assertEqual({*lines} - {*map(str, self.project.glob("kept/*"))}, set())
        self.assertIn("The curve shows the bytes", (self.project / "page.html").read_text())
        measured = [line for line in lines_of(self.project / names[0]) if "usage" in line]
        self.assertTrue(measured[0]["usage"])
        text = (self.project / names[0]).read_text()
        wrong = b64encode(zlib.compress(b"no data file")).decode()
        self.write(names[0], re.sub('"coverage": ".*"', f'"coverage": "{wrong}"', text))
        damaged = self.tidytest("--coverage", "--merge", *names)
        self.assertIn("coverage: cannot be recorded: file is not a database", damaged.out)
        self.assertEqual(damaged.code, 1)
        self.tidytest("--shard=2/2", "--record", names[1])
        refused = self.tidytest("--coverage", "--merge", *names)
        self.assertRefused(refused, "shard 2 of 2 (shard-2.jsonl) was run without --coverage")

    def test_what_does_not_belong_together_is_refused_by_name(self) -> None:
        self.write_suite()
        one, two, three = self.record(3)
        text = (self.project / one).read_text()
        header, rest = text.split("\n", 1)
        self.tidytest("--record=whole.jsonl")
        self.tidytest("--shard=2/3", "--record=other.jsonl", "test_a")
        self.tidytest("--shard=2/3", "--record=failing.jsonl", "--leaks=fail")
        self.tidytest("--shard=1/2", "--record=half.jsonl")
        self.write("empty.jsonl", "")
        self.write("text.jsonl", "some text\n")
        self.write("cut.jsonl", header.replace('"deal": "', '"deal": "x') + "\n" + rest)
        self.write("damaged.jsonl", f"{header}\n{{}}\n{rest}")
        self.write("odd.jsonl", f"{header}\n" + rest.replace('["p",', '["p",null,', 1))
        self.write("place.jsonl", f"{header}\n" + re.sub('"place": .', '"place": null', rest))
        self.write("ends.jsonl", text + text.splitlines()[-1] + "\n")
        units = [line for line in rest.splitlines() if '["s"' not in line]
        self.write("fewer.jsonl", "\n".join([header, *units]) + "\n")
        self.write("old.jsonl", header.replace('"0.', '"9.') + "\n" + rest)
        self.write("newer.jsonl", header.replace('"record": 1', '"record": 2') + "\n" + rest)
        self.write("snake.jsonl", header.replace('"python": "3.', '"python": "2.') + "\n" + rest)
        for names, part in (
            ([one, three], "of 3 shards, shard 2 is missing"),
            ([one], "of 3 shards, shards 2 and 3 are missing"),
            ([one, two, two, three], f"shard 2 of 3 is there twice: {two} and {two}"),
            ([one, "whole.jsonl"], "are of different runs: one of 3 shards and a whole run"),
            ([one, "half.jsonl"], "different runs: one of 3 shards and one of 2 shards"),
            ([one, "other.jsonl", three], f"{one} and other.jsonl are of different suites"),
            ([one, "failing.jsonl", three], f"{one} was run with leaks report, and failing.jsonl"),
            (["cut.jsonl", two, three], "dealt by different durations"),
            ([one, two, "snake.jsonl"], "ran on different Pythons: 3.1"),
            (["old.jsonl", two, three], "old.jsonl is of tidytest 9."),
            (["newer.jsonl"], "newer.jsonl is a record of version 2"),
            (["empty.jsonl"], "empty.jsonl is empty"),
            (["text.jsonl"], "text.jsonl is no record"),
            (["damaged.jsonl", two, three], "damaged.jsonl:2: the record is damaged here"),
            (["odd.jsonl", two, three], "the record is damaged here"),
            (["place.jsonl", two, three], "the record is damaged here"),
            (["ends.jsonl", two, three], "the record is damaged here"),
            (["fewer.jsonl", two, three], "fewer.jsonl: the record is damaged: it has 0 of "),
            (["no.jsonl"], "cannot read no.jsonl: No such file or directory"),
            ([one, two, three, "-k", "x"], "--merge and -k contradict each other"),
            ([one, two, three, "-j2"], "--merge and --jobs contradict each other"),
        ):
            with self.subTest(part):
                self.assertRefused(self.tidytest("--merge", *names), part)

    def test_killed_shard_is_named_with_what_is_known_of_it(self) -> None:
        self.write_suite()
        names = self.record(2)
        for name in names:
            lines = (self.project / name).read_text().splitlines(keepends=True)
            place = next((i for i, line in enumerate(lines) if '["s"' in line), None)
            if place is not None:
                break
        assert place is not None
        events = json.loads(lines[place])
        events["events"] = events["events"][: [e[0] for e in events["events"]].index("s") + 1]
        cut = [*lines[:place], f"{json.dumps(events)}\n", lines[-1][:20]]
        self.write(name, "".join(cut))
        merged = self.tidytest("--merge", *names, "--leak-json=leaks.json")
        self.assertEqual(merged.code, 1)
        self.assertIn(f"({name}) did not come to its end: 1 of ", merged.err)
        self.assertIn(f"({name}) ended in this test", merged.err)
        report = json.loads((self.project / "leaks.json").read_text())
        self.assertTrue(report["interrupted"])

    def test_whole_record_is_merged_alone_and_tells_an_interrupt(self) -> None:
        self.write_suite()
        self.write("test_e.py", """
            import os, signal, unittest
            class Inner(unittest.TestCase):
                def runTest(self): raise KeyboardInterrupt
            class Interrupts(unittest.TestCase):
                def test_1(self):
                    with self.assertRaises(KeyboardInterrupt):
                        Inner().run(unittest.TestResult())
                    os.kill(os.getpid(), signal.SIGINT)
                def test_2(self): pass
            def load_tests(loader, tests, pattern):
                return loader.loadTestsFromTestCase(Interrupts)
        """)
        whole = self.tidytest("-c", "--leak-json=leaks.json")
        counts = json.loads((self.project / "leaks.json").read_text())["counts"]
        self.assertRegex(whole.err, r"Interrupted: 1\d of 1\d tests ran\.")
        self.assertIn(f"errors={counts['errors']},", whole.err)
        self.tidytest("-c", "--record=whole.jsonl")
        merged = self.tidytest("--merge=whole.jsonl", "--leak-json=leaks.json")
        self.assertEqual((merged.code, normal(merged.err)), (whole.code, normal(whole.err)))
        now = json.loads((self.project / "leaks.json").read_text())
        self.assertEqual((now["counts"], now["interrupted"]), (counts, True))


class ShardTests(ShardTestCase):
    def list(self, *words: str) -> list[str]:
        return self.tidytest("--list", *words).out.splitlines()

    def test_shards_are_disjoint_and_their_union_is_the_whole(self) -> None:
        self.write_suite()
        whole = self.list()
        self.assertIn("test_c.Inner.test_1", whole)
        parts = [self.list("--shard", f"{number}/4") for number in (1, 2, 3, 4)]
        self.assertEqual(sorted(id for part in parts for id in part), sorted(whole))
        module = [part for part in parts if any(id.startswith("test_b.") for id in part)]
        self.assertEqual(len(module), 1)  # with fixtures it stays whole
        listed = self.tidytest("--list", "--monitor=usage.csv", "--html=page.html")
        self.assertEqual(listed.code, 1)  # test_d cannot be imported
        self.assertEqual([*self.project.glob("*.csv"), *self.project.glob("*.html")], [])
        self.assertEqual(self.tidytest("--list", "--no-such-option").code, 2)
        some = self.list("--shard=1/1", "--shuffle=3", "-k", "Outcomes", "test_a")
        self.assertEqual(sorted(some), [id for id in whole if "Outcomes" in id])

    def test_shard_without_tests_succeeds(self) -> None:
        self.write("test_a.py", MANY.format(classes=CLASS.format(number=1)))
        outcomes = [
            self.tidytest("--shard", f"{number}/3", "--record", f"{number}.jsonl", "--repeat=2")
            for number in (1, 2, 3)
        ]
        self.assertEqual([outcome.code for outcome in outcomes], [0, 0, 0])
        self.assertEqual(sum("has no test" in outcome.err for outcome in outcomes), 2)
        merged = self.tidytest("--merge", "1.jsonl", "2.jsonl", "3.jsonl")
        self.assertIn("Ran 2 tests", merged.err)
        self.assertEqual(merged.code, 0)

    def test_durations_deal_and_only_a_whole_run_writes_them(self) -> None:
        self.write("test_a.py", MANY.format(
            classes="".join(CLASS.format(number=number) for number in range(6))
        ))
        units = {f"test_a.T{number}": [10 if number else 50, 1] for number in range(6)}
        text = json.dumps({"version": 1, "units": units})
        self.write("times.json", text)
        parts = [self.list(f"--shard={number}/2", "--durations-file=times.json")
                 for number in (1, 2)]
        self.assertIn(["test_a.T0.test_1"], parts)
        names = self.record(2, "--durations-file=times.json", "-j2")
        self.assertEqual((self.project / "times.json").read_text(), text)
        self.tidytest("--merge", *names, "--durations-file=times.json")
        now = json.loads((self.project / "times.json").read_text())["units"]
        self.assertEqual(now.keys(), units.keys())
        self.assertLess(max(seconds for seconds, _ in now.values()), 10)

    def test_last_failed_runs_what_failed_in_this_shard(self) -> None:
        classes = CLASS.replace("pass", "self.fail()")
        self.write("test_a.py", MANY.format(
            classes="".join(classes.format(number=number) for number in range(6))
        ))
        first = self.list("--shard=1/2")
        self.tidytest("--shard=1/2")
        self.assertEqual(self.list("--last-failed"), first)
        self.assertEqual(self.list("--last-failed", "--shard=1/2"), first)
        self.assertEqual(self.list("--last-failed", "--shard=2/2"), [])
        self.assertEqual(self.tidytest("--last-failed", "--shard=2/2").code, 0)

    def test_baseline_keeps_the_leaks_of_other_shards(self) -> None:
        leak = "import tempfile; tempfile.mkdtemp()"
        classes = CLASS.replace("pass", leak)
        self.write("test_a.py", MANY.format(
            classes="".join(classes.format(number=number) for number in range(6))
        ))
        self.tidytest("--update-baseline")
        baseline = self.project / ".tidytest-leaks.json"
        before = baseline.read_text()
        source = (self.project / "test_a.py").read_text()
        Path(self.project, "test_a.py").write_text(source.replace(leak, "pass"))
        fixed = len(self.list("--shard=1/2"))
        strict = self.tidytest("--shard=1/2", "--strict-baseline", "--leaks=fail")
        self.assertIn(f"{fixed} fixed", strict.err)
        self.assertEqual(strict.code, 1)
        names = self.record(2, "--leaks=fail")
        merged = self.tidytest("--merge", *names, "--strict-baseline")
        self.assertIn("6 fixed", merged.err)
        self.assertEqual(merged.code, 1)
        self.tidytest("--shard=1/2", "--update-baseline")
        kept = json.loads(baseline.read_text())["leaks"]
        self.assertEqual(len([entry for entry in kept if entry]), 6 - fixed)
        baseline.write_text(before)
        self.tidytest("--merge", *names, "--update-baseline")
        self.assertEqual(json.loads(baseline.read_text())["leaks"], [{}])

    def test_values_that_are_no_shard_are_refused(self) -> None:
        for value in ("0/3", "4/3", "x", "1", "1/x", "-1/3", "1/3/4"):
            with self.subTest(value):
                outcome = self.tidytest(f"--shard={value}")
                self.assertRefused(outcome, f"{value!r} is not I/N, with I from 1 to N")
        self.assertRefused(self.tidytest("--shard=1/2", "--shuffle"), "--shuffle SEED")

    def test_what_a_module_leaves_at_its_import_counts_once(self) -> None:
        self.write("test_a.py", "import tempfile\ntempfile.mkdtemp()\n" + "".join(
            f"import unittest\nclass T{n}(unittest.TestCase):\n    def test_1(self): pass\n"
            for n in range(4)
        ))
        whole = self.tidytest()
        names = self.record(2)
        end = lines_of(self.project / names[0])[-1]["end"]
        self.assertEqual(end["report"]["summary"]["made"], 1)
        merged = self.tidytest("--merge", *names)
        self.assertEqual(normal(merged.err), normal(whole.err))
