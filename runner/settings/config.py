"""The settings of a run, as one record."""

from typing import NamedTuple

# The start of every run defines `Config`. As a data class of 49 fields it would take 2 ms, and with
# `from __future__ import annotations` the named tuple would have to compile 46 texts.

VARIABLES = "TIDYTEST_"
"""The prefix of the environment variables of settings."""
NO_SETTINGS = frozenset({"TIDYTEST_WORKER", "TIDYTEST_RUN", "TIDYTEST_NATIVE"})
"""Variables of that prefix which set nothing: workers and their children get the first two, the
last one is for the build of the package."""
BAZEL_VARIABLES = frozenset({
    "TEST_TOTAL_SHARDS", "TEST_SHARD_INDEX", "TEST_SHARD_STATUS_FILE", "XML_OUTPUT_FILE",
    "TEST_PREMATURE_EXIT_FILE", "TEST_TMPDIR", "TESTBRIDGE_TEST_ONLY",
})  # fmt: skip
"""The variables of Bazel that a run follows (see `cli.bazel`)."""
DEFAULT_BASELINE = ".tidytest-leaks.json"
"""The file of known leaks in the working directory, where `leak_baseline` names none."""


class Config(NamedTuple):
    """All settings of a run: one field an option (see `options.OPTIONS`), with its default.

    Paths are absolute. Sizes are in bytes, times in seconds. `shuffle` is the seed, a random one if
    none was given, or None for no shuffling. An empty `leak_baseline` means no baseline.
    """

    leaks: str = "report"
    leak_trace: bool = False
    leak_ignore: tuple[str, ...] = ()
    watch_modified: bool = False
    detect: tuple[str, ...] = ()
    trace_children: bool = False
    late_grace: float = 2.0
    leak_baseline: str | None = None
    update_baseline: bool = False
    strict_baseline: bool = False
    clean_outside: bool = False
    reap: bool = True
    guard: bool = False
    keep: str = "never"
    keep_dir: str | None = None
    keep_runs: int = 3
    keep_bytes: int = 1 << 30
    leak_json: str | None = None
    junit_xml: str | None = None
    html: str | None = None
    gitlab_quality: str | None = None
    sarif: str | None = None
    leak_lines: bool = False
    github: bool | None = None
    record: str | None = None
    merge: tuple[str, ...] = ()
    monitor: str | None = None
    durations: int | None = None
    slowest_temp: int | None = None
    progress: bool = False
    leaks_shown: int = 20
    show_unattributed: bool = False
    summary: str = "full"
    functions: bool = False
    last_failed: bool = False
    leaked_last: bool = False
    shuffle: int | None = None
    reverse: bool = False
    repeat: int | None = None
    until_leak: bool = False
    replay: str | None = None
    shard: tuple[int, int] | None = None
    list: bool = False
    parity: bool = False
    pdb: bool = False
    jobs: int = 1
    workers: str | None = None
    workers_wait: float = 60.0
    ship: bool = False
    timeout: float | None = None
    retries: int = 0
    flaky: str = "report"
    split: str = "classes"
    resources: tuple[tuple[str, int], ...] = ()
    durations_file: str | None = None
    workers_by: str = "auto"
    fix: bool = False
    diff: bool = False
    apply: bool = False
    force: bool = False
    coverage: bool = False
    coverage_report: tuple[str, ...] = ("term",)
    coverage_fail_under: float | None = None
    temp_root: str = "disk"
    temp_root_min_free: int = 512 << 20
    show_settings: bool = False
    version: bool = False
    completion: str | None = None
