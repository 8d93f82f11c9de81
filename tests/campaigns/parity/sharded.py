"""python -m tests.campaigns.parity.sharded N WORD...: run N shards, then merge their records.

It prints what the merge prints and ends with its exit code, as `python -m runner WORD...` would.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence

_REPORTS = ("--leak-json", "--junit-xml", "--durations")
_OF_MERGE = ("-v", "-q")


def main(shards: int, words: Sequence[str]) -> int:
    """Run the shards and merge them; return the exit code."""
    reports = [
        word for option in _REPORTS if option in words
        for word in words[words.index(option) : words.index(option) + 2]
    ]
    reports += [word for word in words if word.startswith("--durations=")]
    of_shards = [word for word in words if word not in reports]
    head = [word for word in of_shards[:1] if word == "discover"]
    # Not in the temp directory of the tests, which the campaign looks at.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        records = [f"{directory}/{number}.jsonl" for number in range(1, shards + 1)]
        for number, record in enumerate(records, 1):
            options = ["--shard", f"{number}/{shards}", "--record", record]
            _run([*head, *options, *of_shards[len(head) :]], subprocess.PIPE)
        verbosity = [word for word in of_shards if word in _OF_MERGE]
        return _run([*verbosity, *reports, "--merge", *records])


def _run(words: Sequence[str], stream: int | None = None) -> int:
    """Run the program; two pipes are two files, in which a record keeps the streams apart."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *flags, "-m", "runner", *words]
    return subprocess.run(command, stdout=stream, stderr=stream).returncode


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
