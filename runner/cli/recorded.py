"""Run the program for `--parity`, in a process of its own that records how each test ended.

`python -m runner.cli.recorded PLAN`: the plan is a JSON file with the settings (`config`), the
words for unittest (`words`), and the name of the file for the record (`record`).
"""

from __future__ import annotations

import json
import os
import sys
from os import getpid  # a test may have replaced it
from typing import Any

from tempfiles import TempFilesError, Terminated, terminate

from ..dependence.run_record import RunRecord
from ..errors import UsageError
from ..settings.config import Config
from ..settings.load import Loaded
from .main import ExitCode, Program


def main() -> None:
    """Run what a plan says, and exit as the program does."""
    with open(sys.argv[1], encoding="utf-8") as file:
        plan: dict[str, Any] = json.load(file)
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in plan["config"].items()
    }
    words = plan["words"]
    sys.argv = [f"{os.path.basename(sys.executable)} -m unittest", *words]
    sys.exit(_run(Loaded(Config(**settings), words, {}), plan["record"]))


def _run(loaded: Loaded, path: str) -> ExitCode:
    record, process = RunRecord(), getpid()
    program: Program | None = None
    try:
        program = Program("python -m runner", loaded, [record])
        return program.run()
    except (UsageError, TempFilesError) as error:
        print(f"tidytest: error: {error}", file=sys.stderr)
        return 2
    except Terminated:
        terminate()
        return 1
    finally:
        if getpid() == process:  # not in a child that a test has forked
            if program is not None and program.worker_orders:
                record.orders = program.worker_orders
            record.write(path)


if __name__ == "__main__":
    main()
