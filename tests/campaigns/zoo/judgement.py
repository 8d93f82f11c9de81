"""What a report says of a row against what it must say."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.campaigns.zoo.project import Project, Run
from tests.campaigns.zoo.rows import TEMP, Expected, Limit, Way

Leak = dict[str, Any]


@dataclass(slots=True)
class Verdict:
    """One row of the table. `problems` is empty where all is as it must be."""

    way: str
    place: str
    detected: str = "-"
    attributed: str = "-"
    origin: str = "-"
    call: str = "-"
    evidence: str = "-"
    limit: str = ""
    skipped: str = ""
    problems: list[str] = field(default_factory=list)


def judge(row: Way, project: Project, run: Run, leaks: list[Leak]) -> Verdict:
    """Compare the leaks of a row (all of a run, or its own of a batch) with its expectations."""
    verdict = Verdict(row.name, project.place)
    rest = list(leaks)
    for expected in row.leaks:
        found = _find(row, project, expected, rest)
        if found is None:
            _absent(row, project, run, expected, verdict)
        else:
            rest.remove(found)
            _compare(row, project, expected, found, verdict)
    verdict.problems += [f"accused falsely: {_short(leak)}" for leak in rest]
    if not row.leaks and not rest:
        verdict.detected = "none"
    verdict.problems += _modified(row, project, run)
    return verdict


def _modified(row: Way, project: Project, run: Run) -> list[str]:
    got = {
        (entry["path"], entry["change"], entry["context"])
        for entry in (run.report or {}).get("modified", ())
    }
    right = {
        (str(project.directory / change.name), change.change, f"{row.module}.Row.{change.test}")
        for change in row.modifies
    }
    return [f"not reported as modified: {entry}" for entry in right - got] + [
        f"reported as modified: {entry}" for entry in got - right]


def _find(row: Way, project: Project, expected: Expected, leaks: list[Leak]) -> Leak | None:
    name = expected.name.replace("{stem}", project.stem(row))
    matching = [leak for leak in leaks if _matches(os.path.basename(leak["path"]), name)]
    return matching[0] if matching else None


def _matches(name: str, pattern: str) -> bool:
    wild = "*" in pattern or "?" in pattern
    return name == pattern or (wild and fnmatch.fnmatchcase(name, pattern))


def _absent(row: Way, project: Project, run: Run, expected: Expected, verdict: Verdict) -> None:
    limit = row.limits.get(project.place)
    name = expected.name.replace("{stem}", project.stem(row))
    apart = [
        entry["path"] for entry in (run.report or {}).get("unattributed", ())
        if _matches(os.path.basename(entry["path"]), name)
    ]
    verdict.detected = "apart" if apart else "NO"
    if limit is not None and ((apart and limit.apart) or limit.absent):
        verdict.detected = "apart" if apart else "no"
        verdict.limit = limit.reason
        return
    verdict.problems.append(f"not reported: {name}" + (" (but as unattributed)" if apart else ""))


def _compare(row: Way, project: Project, expected: Expected, leak: Leak, verdict: Verdict) -> None:
    verdict.detected = "yes"
    limit = row.limits.get(project.place)
    problems = [*_attribution(row, expected, leak, limit)]
    verdict.attributed = "NO" if problems else str(leak["scope"])
    if not problems and leak["scope"] not in expected.scope and limit:
        verdict.limit = limit.reason
    wrong = [*_origin(row, project, expected, leak)]
    verdict.origin = "NO" if wrong else _line(leak)
    origin = leak.get("origin") or {}
    verdict.call = str(origin.get("call", "-"))
    verdict.evidence = str(leak.get("evidence"))
    verdict.problems += problems + wrong + [*_facts(row, project, expected, leak)]


def _line(leak: Leak) -> str:
    return f"{leak['origin']['file']}:{leak['origin']['line']}" if leak.get("origin") else "null"


def _attribution(row: Way, expected: Expected, leak: Leak, limit: Limit | None) -> Iterator[str]:
    scopes = expected.scope
    if limit is not None and limit.wider:
        scopes = (*scopes, "class", "module", "run")
    contexts = [context for scope in scopes for context in _contexts(row, expected, scope)]
    if leak["scope"] not in scopes:
        yield f"scope {leak['scope']}, not {'/'.join(scopes)}"
    if leak["context"] not in contexts:
        yield f"context {leak['context']}, not {'/'.join(contexts)}"


def _contexts(row: Way, expected: Expected, scope: str) -> list[str]:
    if scope == "run":
        return ["run"]
    if scope == "module":
        return [row.module]
    if scope == "class":
        names = [name for name in expected.test if name[0].isupper()] or ["Row"]
        return [f"{row.module}.{name}" for name in names]
    whole_ids = [name[1:] for name in expected.test if name[0] == "."]
    if whole_ids:
        return [name.replace("{module}", row.module) for name in whole_ids]
    return [f"{row.module}.Row.{name}" for name in expected.test]


def _origin(row: Way, project: Project, expected: Expected, leak: Leak) -> Iterator[str]:
    origin = leak.get("origin")
    if origin is None:
        if expected.origin:
            yield "no origin"
        return
    file = expected.file.replace("{module}", row.module)
    if file == "*":
        return
    if origin["file"] != file:
        yield f"origin's file {origin['file']}, not {file}"
        return
    lines = project.marked(file, expected.marks)
    if origin["line"] not in lines:
        yield f"origin's line {origin['line']}, not {sorted(lines)}"
    if expected.origin and origin["function"] not in expected.function:
        yield f"origin's function {origin['function']}, not {'/'.join(expected.function)}"
    if expected.caller:
        module = f"{row.module}.py"
        callers = [f"{module}:{n}" for n in project.marked(module, (expected.caller,))]
        if origin.get("called_from") not in callers:
            yield f"called from {origin.get('called_from')}, not {'/'.join(callers)}"
    if not any(_matches(origin["call"], call) for call in expected.call):
        yield f"call {origin['call']}, not {'/'.join(expected.call)}"


def _facts(row: Way, project: Project, expected: Expected, leak: Leak) -> Iterator[str]:
    temp = project.place == TEMP
    directory = str(project.top / "base") if temp else project.where()
    if temp and not leak["path"].startswith(f"{directory}/"):
        yield f"path {leak['path']} not below {directory}"
    inside = expected.extra.get("path")
    if inside:
        path = project.directory / str(inside).replace("{stem}", project.stem(row))
        if leak["path"] != str(path):
            yield f"path {leak['path']}, not {path}"
    elif not temp and os.path.dirname(leak["path"]) != os.path.realpath(str(directory)):
        yield f"path {leak['path']} not in {directory}"
    for key, value in (("type", expected.type), ("where", "temp" if temp else "outside")):
        if leak[key] != value:
            yield f"{key} {leak[key]}, not {value}"
    if leak["evidence"] not in expected.evidence:
        yield f"evidence {leak['evidence']}, not {'/'.join(expected.evidence)}"
    if expected.entries is not None and leak["entries"] != expected.entries:
        yield f"entries {leak['entries']}, not {expected.entries}"
    yield from _fate(expected, leak, temp)
    yield from _extra(expected, leak)


def _fate(expected: Expected, leak: Leak, temp: bool) -> Iterator[str]:
    if expected.vanishes:
        return
    right = expected.outcome or (("removed",) if temp else ("left",))
    if leak["outcome"] not in right:
        yield f"outcome {leak['outcome']}, not {'/'.join(right)}"
    gone = leak["outcome"] == "removed"
    if os.path.lexists(leak["path"]) is gone:
        yield f"outcome {leak['outcome']}, but " + ("still there" if gone else "no longer there")


def _extra(expected: Expected, leak: Leak) -> Iterator[str]:
    for key, value in expected.extra.items():
        if key == "path":
            continue
        got = leak.get(key)
        right = value if isinstance(value, tuple) else (value,)
        if key == "open_by":
            if str(value) not in str(got):
                yield f"open_by {got!r}, not {value!r}"
        elif got not in right:
            yield f"{key} {got!r}, not {value!r}"
    if "subtest" not in expected.extra and leak.get("subtest"):
        yield f"subtest {leak['subtest']!r}"
    if "never_closed" not in expected.extra and leak.get("never_closed"):
        yield "never_closed"


def _short(leak: Leak) -> str:
    return f"{leak['path']!r} of {leak['context']} ({leak['scope']}, {leak.get('evidence')})"
