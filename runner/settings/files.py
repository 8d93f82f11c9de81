"""Read the settings of a project: `[tool.tidytest]` of pyproject.toml, `[tidytest]` of setup.cfg.

The nearest directory with such a section counts, from the working directory upwards to the top of
the checkout (the directory with `.git` or `.hg`) or of the file system. A file is parsed, and its
parser imported, only if a regular expression finds such a section in its bytes.
"""

import os
import re
import stat
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import UsageError

# A line that can open or fill our table: `[tool.tidytest]`, `tidytest.leaks = ...`, `tool = {...}`.
_TOML_SECTION = (
    rb"""(?m)^[ \t]*(?:\[{0,2}[\w \t."'-]*tidytest["' \t]*(?:[\].=]|$)|["']?tool["']?[ \t]*=)"""
)
_CFG_SECTION = rb"(?m)^[ \t]*\[[ \t]*(?:tool:)?tidytest[ \t]*\]"
_TOPS = (".git", ".hg")
_LARGEST = 4 << 20  # bytes of a settings file: another user may have put any file above the project


class SettingsFile(NamedTuple):
    """The settings of one file.

    `path` is absolute. `values` are TOML values if `is_toml`, else (setup.cfg) texts.
    """

    path: str
    text: str
    values: Mapping[str, object]
    is_toml: bool

    def line(self, key: str) -> int:
        """Return the number of the line on which a key is set, from 1."""
        return (_toml_line if self.is_toml else _cfg_line)(self.text, key)

    def place(self, key: str, cwd: str) -> str:
        """Return where a key is set, as `pyproject.toml:12`, relative to a directory."""
        return f"{_shown(self.path, cwd)}:{self.line(key)}"


def read(cwd: str) -> SettingsFile | None:
    """Return the settings that count in a directory, or None where there are none.

    Parameters:
        cwd: the directory, absolute.

    Raises:
        UsageError: a file is malformed or cannot be read, or both files of a directory have
            settings.
    """
    directory = cwd
    while True:
        found = _read_directory(directory, cwd)
        parent = os.path.dirname(directory)
        if found is not None or parent == directory:
            return found
        if any(os.path.exists(os.path.join(directory, top)) for top in _TOPS):
            return None
        directory = parent


def _read_directory(directory: str, cwd: str) -> SettingsFile | None:
    toml = _read_toml(os.path.join(directory, "pyproject.toml"), cwd)
    cfg = _read_cfg(os.path.join(directory, "setup.cfg"), cwd)
    if toml is not None and cfg is not None:
        raise UsageError(
            f"settings in both {_shown(toml.path, cwd)} and {_shown(cfg.path, cwd)}:"
            " keep them in one of the two"
        )
    return toml if toml is not None else cfg


def _content(path: str, cwd: str, section: bytes) -> str | None:
    """Return the text of a file that seems to have our section, else None."""
    try:
        with open(path, "rb", opener=_open_unblocked) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None  # a FIFO would be waited for
            content = file.read(_LARGEST + 1).removeprefix(b"\xef\xbb\xbf")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        if os.path.dirname(path) != cwd:
            return None  # in a parent directory: not a file of this project
        raise UsageError(f"{_shown(path, cwd)}: {error.strerror}") from None
    if len(content) > _LARGEST:
        if os.path.dirname(path) != cwd:
            return None
        raise UsageError(f"{_shown(path, cwd)}: larger than {_LARGEST:,} bytes")
    if b"tidytest" not in content or not re.search(section, content):
        return None
    if reason := _untrusted(path, status, cwd):
        raise UsageError(f"{_shown(path, cwd)}: {reason}")
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{_shown(path, cwd)}:{line}: not valid UTF-8") from None


def _open_unblocked(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _untrusted(path: str, status: os.stat_result, cwd: str) -> str:
    """Return why another user may have written a file, or put it where it is; empty if none may.

    The owner of the working directory is trusted: the tests that are run are theirs.

    Args:
        path: the path of the file.
        status: the status of the open file.
        cwd: the working directory.
    """
    if not hasattr(os, "geteuid"):
        return ""
    trusted = (os.geteuid(), 0, os.stat(cwd).st_uid)
    for uid in (status.st_uid, os.lstat(path).st_uid):  # the file, and a link to it
        if uid not in trusted:
            return (f"it belongs to user {uid}, so its settings are refused; a section of your "
                    "own in the working directory, even an empty one, is read in its place")
    if status.st_mode & stat.S_IWOTH:
        return "everyone can write to it, so its settings are refused; chmod o-w helps"
    return ""


def _read_toml(path: str, cwd: str) -> SettingsFile | None:
    text = _content(path, cwd, _TOML_SECTION)
    if text is None:
        return None
    import tomllib

    try:
        table = _section(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_malformed_toml(_shown(path, cwd), text, str(error))) from None
    except RecursionError:
        raise UsageError(f"{_shown(path, cwd)}: not valid TOML: nested too deeply") from None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise UsageError(f"{_shown(path, cwd)}: tool.tidytest must be a table")
    return SettingsFile(path, text, table, is_toml=True)


def _section(document: dict[str, Any]) -> Any:
    tool = document.get("tool")
    return tool.get("tidytest") if isinstance(tool, dict) else None


def _malformed_toml(shown: str, text: str, message: str) -> str:
    where = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if where is None:
        return f"{shown}: not valid TOML: {message}"
    line = where[1] or str(text.count("\n") + (not text.endswith("\n")))
    column = f" (column {where[2]})" if where[2] else " (at the end of the file)"
    return f"{shown}:{line}: not valid TOML: {message[: where.start()]}{column}"


def _read_cfg(path: str, cwd: str) -> SettingsFile | None:
    text = _content(path, cwd, _CFG_SECTION)
    if text is None:
        return None
    import configparser

    parser = configparser.RawConfigParser(default_section="")  # [DEFAULT] does not apply
    try:
        parser.read_string(text, path)
    except configparser.Error as error:
        raise UsageError(_malformed_cfg(_shown(path, cwd), error)) from None
    for name in parser.sections():
        if name != "tidytest" and name.strip().removeprefix("tool:") == "tidytest":
            raise UsageError(f"{_shown(path, cwd)}: [{name}]: the section is called [tidytest]")
    if not parser.has_section("tidytest"):
        return None
    return SettingsFile(path, text, dict(parser.items("tidytest")), is_toml=False)


def _malformed_cfg(shown: str, error: Any) -> str:
    """Return a message of one line for an error of configparser, whose own has several."""
    lines = getattr(error, "errors", None)  # of a ParsingError: pairs of line and content
    number = getattr(error, "lineno", None) or (lines[0][0] if lines else None)
    if hasattr(error, "option"):
        words = f"{error.option!r} is set twice in [{error.section}]"
    elif hasattr(error, "section"):
        words = f"[{error.section}] occurs twice"
    else:
        words = "not a valid line"
    return f"{shown}:{number}: {words}" if number else f"{shown}: {words}"


def _toml_line(text: str, key: str) -> int:
    """Return the number of the line that sets a key.

    The text before that line parses without the key, and the shortest longer text that parses has
    it. Text inside a string that looks like the key is so skipped.
    """
    import tomllib

    lines = [f"{line}\n" for line in text.split("\n")]  # not at U+2028, as `splitlines` does

    def has_key(number: int) -> bool | None:
        try:
            section = _section(tomllib.loads("".join(lines[:number])))
        except tomllib.TOMLDecodeError:
            return None
        return isinstance(section, dict) and key in section

    for number, line in enumerate(lines):
        if key in line and has_key(number) is False:
            after = (has_key(end) for end in range(number + 1, len(lines) + 1))
            if next((known for known in after if known is not None), False):
                return number + 1
    return 1  # the key is written with escapes


def _cfg_line(text: str, key: str) -> int:
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("["):
            inside = line.lstrip().startswith("[tidytest]")
        elif inside and re.split(r"[=:]", line, maxsplit=1)[0].rstrip().lower() == key:
            return number
    return 1


def _shown(path: str, cwd: str) -> str:
    try:
        return os.path.relpath(path, cwd)
    except ValueError:  # another drive
        return path
