"""A detector for `tempfiles.Run`: environment variables that a test left changed."""

import os
from collections.abc import Iterator

from tempfiles import Context, Finding

IGNORED = {"TMPDIR", "TEMP", "TMP"}  # the run itself changes them


class EnvironmentDetector:
    def __init__(self) -> None:
        self.before: dict[str, str] = {}

    def start(self, root: str) -> None:
        self.before = dict(os.environ)

    def opened(self, context: Context) -> None:
        self.before = dict(os.environ)

    def left_by(self, context: Context) -> Iterator[Finding]:
        now = dict(os.environ)
        for name in sorted({*now, *self.before} - IGNORED):
            if now.get(name) != self.before.get(name):
                text = f"the environment variable {name} changed"
                yield Finding("environment", context.id, context.scope, text)
        self.before = now

    def stop(self) -> None:
        self.before = {}
