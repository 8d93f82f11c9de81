"""A test runner of its own on `tempfiles`: `python own_runner.py checks.py` runs its functions."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator

import tempfiles

from environment import EnvironmentDetector


def load(path: str) -> Iterator[tuple[str, Callable[[], object]]]:
    spec = importlib.util.spec_from_file_location("checks", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield from inspect.getmembers(module, lambda each: inspect.isfunction(each))


def main(path: str) -> int:
    tempfiles.reap(deadline=0.1)
    checks = list(load(path))
    failed = 0
    run = tempfiles.Run(tempfiles.RunSettings(), [EnvironmentDetector()])
    run.open()
    module = run.enter(path, "file", source=path)
    for name, function in checks:
        context = run.enter(f"{path}::{name}", "test", source=function)
        try:
            function()
        except Exception:
            failed += 1
            traceback.print_exc()
        report = run.close(context)
        for leak in report.leaks:
            print(f"{report.id} left {leak.type}, {leak.bytes} B: {leak.made_by}")
        for finding in report.findings:
            print(f"{report.id} left {finding.text}")
    run.close(module)
    report, _ = run.finish(len(checks))
    print(f"{len(checks)} run, {failed} failed, {report.summary.leaked} leaked")
    return 1 if failed or report.leaks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
