"""Samples of usage as CSV or JSON lines, in a file that can be read while it grows."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import os
from typing import TextIO

from ..errors import SettingError
from ..system.platform import park
from .usage import Sample

COLUMNS = (
    "timestamp", "files", "directories", "bytes", "unreadable", "mounts", "context", "owner",
    "shares",
)
"""The columns of a CSV recording; JSON lines have the same keys."""

_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")


class Recording:
    """A file of samples, CSV or JSON lines by its ending, that can be read while it grows.

    Raises:
        SettingError: another ending, or something there that is no regular file.
        OSError: the file cannot be opened for writing.
    """

    def __init__(self, path: str) -> None:
        ending = os.path.splitext(path)[1].lower()
        if ending != ".csv" and ending not in _JSON_ENDINGS:
            known = ", ".join((".csv", *_JSON_ENDINGS))
            raise SettingError(f"{path!r} does not end in one of {known}")
        if "\0" in path or (os.path.lexists(path) and not os.path.isfile(path)):
            raise SettingError(f"{path!r} is not a regular file")
        self.path = path
        self._csv = ending == ".csv"
        self._file: TextIO = open(  # noqa: SIM115  (closed by `close`)
            path, "w", encoding="utf-8", newline="", buffering=1, opener=_open_high
        )
        if self._csv:
            csv.writer(self._file).writerow(COLUMNS)

    def append(self, sample: Sample) -> None:
        """Write one sample as one line, at once. Raises OSError where it cannot be written."""
        values = _values(sample)
        if self._csv:
            values["shares"] = json.dumps(values["shares"])
            csv.writer(self._file).writerow([values[column] for column in COLUMNS])
        else:
            self._file.write(json.dumps(values) + "\n")

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with contextlib.suppress(OSError):  # each line has been written already, or has failed
            self._file.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_high(path: str, flags: int) -> int:
    """Open out of the way of the descriptors that tests beside a recording see and close."""
    return park(os.open(path, flags, 0o666))


def _values(sample: Sample) -> dict[str, object]:
    """Return a sample by column; `owner` and `context` join those of the runs it found."""
    runs = [share for share in sample.shares if share.owner]
    contexts = dict.fromkeys([sample.context, *(share.context for share in runs)])
    return {
        **dataclasses.asdict(sample),
        "timestamp": round(sample.timestamp, 3),
        "context": "; ".join(filter(None, contexts)),
        "owner": "; ".join(dict.fromkeys(share.owner for share in runs)),
        "shares": [dataclasses.asdict(share) for share in sample.shares],
    }
