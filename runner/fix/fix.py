"""Show what `--fix` would change, or change it and take back what does not help."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TextIO

from tempfiles import format_count, write_atomically

from ..advice import last_leaks
from ..advice.last_leaks import LastRun
from ..dependence.parity import Runs
from ..errors import UsageError
from ..output.colour import Painter
from ..settings.load import Loaded
from ..settings.options import COMMAND_LINE
from .again import RunAgain, complaint, is_for_pytest, with_pytest, with_unittest
from .plan import Change, plan
from .rewrite import rewritten

_STYLES = {"@": "hunk", "-": "failure", "+": "ok"}
"""The colours of lines of a diff by their first character, as git has them."""
_FORCE = "commit the changes, or use --force"


class Fix:
    """Changes lines of test code that leak.

    Args:
        loaded: the settings, and the words for unittest.
        command: starts the program with a record, given the file of a plan.

    Raises:
        UsageError: there are no leaks to be read, or LibCST is missing.
    """

    def __init__(self, loaded: Loaded, command: Sequence[str]) -> None:
        self._loaded = loaded
        self._command = command
        self._last = _last_run(loaded)
        self._sources: dict[str, bytes] = {}
        self._changes = list(map(self._readable, plan(self._last.leaks)))

    def run(self) -> int:
        """Show or make the changes; return the exit code, 1 if one was taken back.

        The diff goes to standard output, all other words to standard error.

        Raises:
            UsageError: the files may not be changed, or the tests cannot run again.
        """
        refused = [change for change in self._changes if change.refusal]
        chosen = [change for change in self._changes if not change.refusal]
        tried = chosen
        if chosen and self._loaded.config.apply:
            if not self._loaded.config.force:
                _check_tree([*self._sources])
            tried = self._apply(chosen)
        chosen = [change for change in tried if not change.refusal]
        taken_back = [change for change in tried if change.refusal]
        print_diff(sys.stdout, self._sources, self._new_sources(chosen))
        for title, changes in (("Left alone", refused), ("Taken back", taken_back)):
            for line in _lines(title, changes):
                print(line, file=sys.stderr)
        print(self._summary(chosen), file=sys.stderr)
        return int(bool(taken_back))

    def _readable(self, change: Change) -> Change:
        """Read the file of a change; refuse the change if that or LibCST fails."""
        file = change.origin.file
        if change.refusal:
            return change
        try:
            if file not in self._sources:
                with open(file, "rb") as source:
                    self._sources[file] = source.read()
            rewritten(self._sources[file], [change])
        except (OSError, ValueError) as error:
            return replace(change, refusal=str(error))
        return change

    def _new_sources(self, changes: Sequence[Change]) -> dict[str, bytes]:
        """Return each file with its changes."""
        return {
            file: rewritten(source, [each for each in changes if each.origin.file == file])
            for file, source in self._sources.items()
        }

    def _apply(self, changes: Sequence[Change]) -> list[Change]:
        """Change the files and run their tests again; return the changes, refused if taken back."""
        contexts = {context for change in changes for context in change.contexts}
        with tempfile.TemporaryDirectory(prefix="tidytest-fix-") as directory:
            run_again = self._run_again(directory, contexts)
            before = run_again(contexts)
            kept, taken_back = list(changes), list[Change]()
            is_done = False
            try:
                while not is_done:
                    _write(self._new_sources(kept))
                    after = run_again(contexts) if kept else before
                    judged = {c: complaint(c, before, after) for c in kept}
                    blamed = _most_specific([c for c in kept if judged[c]])
                    taken_back += [replace(c, refusal=judged[c]) for c in blamed]
                    kept = [c for c in kept if c not in blamed]
                    is_done = not blamed
            finally:
                if not is_done:  # interrupted
                    _write(self._sources)
        return [*kept, *taken_back]

    def _run_again(self, directory: str, contexts: set[str]) -> RunAgain:
        if is_for_pytest(self._last.words, contexts):
            return with_pytest(directory)
        words = self._loaded.remaining or self._last.words or ()
        return with_unittest(Runs(self._loaded.config, words, self._command, directory))

    def _summary(self, chosen: Sequence[Change]) -> str:
        total = len(self._last.leaks)
        leaks = sum(len(change.leaks) for change in chosen)
        share = f"{leaks:,} of {format_count(total, 'leak')}"
        files = format_count(len({change.origin.file for change in chosen}), "file")
        if not chosen:
            return f"Nothing to change for {format_count(total, 'leak')}."
        if self._loaded.config.apply:
            return f"Fixed {share} in {files}; their tests ran again."
        return f"This would fix {share} in {files}: --fix --apply changes and tests it."


def _most_specific(changes: Sequence[Change]) -> list[Change]:
    """Return the changes of the fewest contexts: a test may fail by one in it, or in its set-up."""
    fewest = min((len(change.contexts) for change in changes), default=0)
    return [change for change in changes if len(change.contexts) == fewest]


def is_fed(loaded: Loaded) -> bool:
    """Return whether the command line names a report of leaks (`--leak-json FILE`)."""
    setting = loaded.settings.get("leak-json")
    is_given = setting is not None and str(setting.source) == COMMAND_LINE
    return is_given and loaded.config.leak_json is not None


def _last_run(loaded: Loaded) -> LastRun:
    if is_fed(loaded):
        return last_leaks.read_report(str(loaded.config.leak_json))
    last = last_leaks.read(os.getcwd())
    if last is None and loaded.remaining:
        return LastRun([], loaded.remaining)
    if last is None:
        raise UsageError("--fix: the last run has left nothing here: run the tests first")
    return last


def _check_tree(files: Sequence[str]) -> None:
    """Refuse to change files that git could not restore.

    Raises:
        UsageError: the tree has changes, or git does not know the files.
    """
    try:
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], capture_output=True,
            text=True, check=True,
        ).stdout  # fmt: skip
        known = subprocess.run(
            ["git", "ls-files", "--error-unmatch", "--", *files], capture_output=True, check=False
        ).returncode == 0  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        raise UsageError("--apply: this is not a clean git tree: use --force") from None
    if status:
        raise UsageError(f"--apply: the git tree has changes: {_FORCE}")
    if not known:
        raise UsageError(f"--apply: git does not know all files to change: {_FORCE}")


def _write(sources: Mapping[str, bytes]) -> None:
    for file, source in sources.items():
        write_atomically(os.path.realpath(file), source)


def print_diff(stream: TextIO, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Print what changes files, as `git apply` takes it, in the colours of git."""
    painter = Painter(stream)
    for file, source in before.items():
        old, new = (text.decode(errors="surrogateescape").splitlines(True)
                    for text in (source, after[file]))  # fmt: skip
        for number, line in enumerate(difflib.unified_diff(old, new, f"a/{file}", f"b/{file}")):
            style = _STYLES.get(line[0]) if number > 1 else "name"  # two lines name the file
            text = line.removesuffix("\n")
            stream.write((painter.paint(text, style) if style else text) + "\n")
            if text == line:
                stream.write("\\ No newline at end of file\n")
    stream.flush()


def _lines(title: str, changes: Sequence[Change]) -> Iterator[str]:
    if changes:
        yield f"{title}:"
    for change in changes:
        yield f"  {change.title}: {change.refusal}"
        if title == "Left alone":
            yield f"    {change.remedy.line}"
