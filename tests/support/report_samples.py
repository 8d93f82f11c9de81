"""A made-up run of any size for the tests of the reports; the same numbers give the same run."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from runner.session.records import FixtureRecord, SubtestRecord, SuiteReport, TestRecord
from tempfiles.monitor.usage import Sample
from tempfiles.records import Leak, Origin
from tempfiles.reports import RunReport, Summary

STARTED = 1_700_000_000.0
HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07 \x00\x08\x7f\x9b \ud800 \udcff \ufffe\uffff \u202egnp.exe\u2066 "
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> ]]> <!-- & \" ' | ` _*[x](y) "
    "{{ 7 * 7 }} %0A ::error::x \r\n\t\u2028::warning::y"
)
TRACEBACK = """Traceback (most recent call last):
  File "/home/me/project/tests/test_a.py", line 12, in test_x
    self.assertEqual(1, 2)
AssertionError: 1 != 2
"""
_CALLS = ("open", "tempfile.mkdtemp", "tempfile.mkstemp", "shutil.copytree", "subprocess touch")
_WORDS = ("export", "import", "cache", "index", "upload", "thumbnail", "backup", "session", "merge")


def sample(tests: int = 5_000, leaks: int = 1_000, seed: int = 7) -> SuiteReport:
    """Return a run like those of large projects."""
    chance = random.Random(seed)
    records = list(_tests(chance, tests))
    left = tuple(_leak(chance, records, number) for number in range(leaks))
    paths = _paths(left)
    records = [replace(test, leaked_paths=paths.get(test.id, ())) for test in records]
    end = records[-1].started + records[-1].seconds if records else STARTED + 1
    summary = Summary(
        tests=tests, made=leaks + 8_000, removed_by_tests=7_700, registered=300, leaked=leaks,
        leaked_bytes=sum(leak.bytes for leak in left),
        leaking_contexts=len({leak.context for leak in left}),
    )
    fixture = FixtureRecord(
        "setUpClass (tests.test_upload.UploadTests)", "setUpClass",
        "tests.test_upload.UploadTests", "tests.test_upload", "error", STARTED + 1,
        "OSError: [Errno 28] No space left on device", TRACEBACK,
    )
    return SuiteReport(
        tests=tuple(records), fixtures=(fixture,) if tests else (),
        run=RunReport(summary, left), started=STARTED, seconds=end - STARTED + 0.4,
        python="3.13.0 (CPython, Linux)",
        command="python -m runner discover -s tests --html report.html",
        directory="/home/me/project", usage=tuple(_usage(chance, end)),
    )


def _paths(leaks: Iterable[Leak]) -> dict[str, tuple[str, ...]]:
    """Return the paths of leaks by their context."""
    paths: dict[str, tuple[str, ...]] = {}
    for leak in leaks:
        paths[leak.context] = (*paths.get(leak.context, ()), leak.path)
    return paths


def judged(tests: int = 600, leaks: int = 150) -> SuiteReport:
    """Return a run with a baseline: 6 of 10 leaks are known, and a third of the others fail."""
    report = sample(tests, leaks)
    keys = [leak.key for leak in report.run.leaks]
    known, failing = leaks * 6 // 10, leaks * 2 // 15
    return replace(report, known=frozenset(keys[:known]),
                   failing=frozenset(keys[known : known + failing]))


def repeated() -> SuiteReport:
    """Return a run of one test, three times: the first leaks twice, the second fails, of the third
    one leak was found too late."""
    test = TestRecord("m.C.test_x", "m", "C", "test_x", seconds=1.0, started=STARTED)
    runs = (
        replace(test, leaked_paths=("/tmp/tidy-a/0/one", "/tmp/tidy-a/0/two")),
        replace(test, started=STARTED + 2, status="failure", leaked_paths=("/tmp/tidy-a/0/three",),
                message="ValueError: no", details=TRACEBACK),
        replace(test, started=STARTED + 4),
    )
    names = ("one", "two", "three", "late")
    left = tuple(Leak(f"/tmp/tidy-a/0/{name}", "file", 9, 1, test.id, "test", outcome="removed")
                 for name in names)
    late = FixtureRecord("leaked late (m.C.test_x)", "leaked late", test.id, "m", "failure",
                         STARTED + 5, "1 temporary file leaked")
    summary = Summary(tests=3, made=4, leaked=4, leaked_bytes=36, leaking_contexts=1)
    return SuiteReport(runs, (late,), RunReport(summary, left), STARTED, 6.0)


def _tests(chance: random.Random, number: int) -> list[TestRecord]:
    records = []
    now = STARTED
    for index in range(number):
        word = _WORDS[index * len(_WORDS) // number]
        module, class_name = f"tests.unit.test_{word}", f"{word.title()}{index // 40 % 12}Tests"
        method = f"test_{chance.choice(_WORDS)}_{chance.choice(_WORDS)}_{index}"
        seconds = round(chance.expovariate(120), 5) + (0.4 if chance.random() < 0.002 else 0)
        made = chance.choice((0, 0, 0, 1, 2, 5))
        plain = TestRecord(
            f"{module}.{class_name}.{method}", module, class_name, method,
            seconds=seconds, started=now, bytes_created=made * chance.randrange(90_000),
            entries_created=made,
        )
        records.append(_ended(chance, index, plain))
        now += seconds + 0.0004
    return records


def _ended(chance: random.Random, index: int, test: TestRecord) -> TestRecord:
    draw = chance.random()
    if draw < 0.004:
        return replace(test, status="failure", message="AssertionError: 1 != 2", details=TRACEBACK)
    if draw < 0.006:
        return replace(test, status="error", message="KeyError: 'name'", details=TRACEBACK,
                       stdout=f"loading {index}\n")
    if draw < 0.03:
        return replace(test, status="skipped", message="needs a network")
    if draw < 0.032:
        inner = SubtestRecord("(n='a')", "failure", "AssertionError: 1 != 2", TRACEBACK)
        return replace(test, status="failure", subtests=(inner,))
    return test


def _leak(chance: random.Random, tests: list[TestRecord], number: int) -> Leak:
    test = tests[int(len(tests) * chance.random() ** 2)]
    call = chance.choice(_CALLS)
    directory = call in ("tempfile.mkdtemp", "shutil.copytree")
    line = chance.randrange(12) * 17 + 20
    origin = Origin(f"{test.module.replace('.', '/')}.py", line, test.method, call)
    outside = chance.random() < 0.04
    folder = f"/home/me/project/build/{test.module[-5:]}" if outside else "/tmp/tidy-k3jd82ha/3"
    return Leak(
        path=f"{folder}/tmp{chance.getrandbits(40):010x}{'' if directory else '.csv'}",
        type="directory" if directory else "file", bytes=int(chance.paretovariate(0.8) * 400),
        entries=chance.randrange(2, 30) if directory else 1,
        context=test.class_id if number % 50 == 0 else test.id,
        scope="class" if number % 50 == 0 else "test",
        origin=None if number % 21 == 0 else origin,
        evidence="scanned" if number % 21 == 0 else "observed",
        where="outside" if outside else "temp", outcome="left" if outside else "removed",
        never_closed=directory and number % 7 == 0,
        subtest="(n='a')" if number % 33 == 0 else None,
        open_by=("pid 4123 (redis-server)",) if number % 97 == 0 else (),
    )


def _usage(chance: random.Random, end: float) -> list[Sample]:
    samples = []
    size = 0
    for index in range(600):
        size = max(0, int(size * 0.985) + chance.randrange(-300_000, 500_000))
        at = STARTED + (end - STARTED) * index / 600
        samples.append(Sample(at, files=size // 40_000, bytes=size, context="run"))
    return samples
