"""Write `reference/options.md` from the table of options; `python docs/generate.py` does it alone.

`make docs` calls it, and a test fails where the page is not what it would write.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from runner.settings.options import COMMAND_LINE, FILE, OPTIONS, Option  # noqa: E402

PAGE = HERE / "reference" / "options.md"

_HEAD = """\
# Options

<!-- Written by docs/generate.py from runner/settings/options.py: change that, then `make docs`. -->

`python -m runner` takes every option of this Python's `python -m unittest`, in every form and with
the same meaning: `-v` `--verbose`, `-q` `--quiet`, `--locals`, `-f` `--failfast`, `-c` `--catch`,
`-b` `--buffer`, `-k`, from Python 3.12 on `--durations`, and after `discover` also `-s`
`--start-directory`, `-p` `--pattern` and `-t` `--top-level-directory`. `-h` or `--help` lists all.

The options below are its own. Their names are not abbreviated. Below each stand its key in a
[settings file](settings.md), its environment variable, and its opposite, if it has one.
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([_HEAD, *itertools.chain.from_iterable(map(_group, _groups()))])


def write() -> None:
    """Write the page, if it is not the same already."""
    text = page()
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        PAGE.write_text(text, encoding="utf-8")


def _groups() -> Iterator[tuple[str, list[Option]]]:
    for name, options in itertools.groupby(OPTIONS, key=lambda option: option.group):
        yield name, list(options)


def _group(group: tuple[str, list[Option]]) -> Iterator[str]:
    name, options = group
    yield f"## {_sentence(name)}\n"
    for option in options:
        value = f" {option.metavar}" if option.metavar else ""
        yield f"### `{option.flag}{value}`\n"
        yield f"{_sentence(option.help)}.\n"
        yield "".join(f"- {line}\n" for line in _small_print(option))


def _small_print(option: Option) -> Iterator[str]:
    if option.default not in (None, False, True, ()):
        yield f"default: `{_default(option)}`"
    if option.allowed == COMMAND_LINE:
        yield "on the command line only"
        return
    names = [f"`{option.variable}`"]
    if option.allowed == FILE:
        names.insert(0, f"`{option.name} = {_example(option)}`")
    if option.has_opposite and option.default is not True:
        names.append(f"opposite `--no-{option.name}`")
    elif option.has_opposite:
        names.append(f"opposite `--{option.name}`")
    yield ", ".join(names)


def _default(option: Option) -> str:
    return option.show(option.default)


def _example(option: Option) -> str:
    """Return a value of the right type as TOML has it: the default where there is one."""
    if option.is_switch:
        return "false" if option.default is True else "true"
    if int in option.type.toml_types and str not in option.type.toml_types:
        return "N" if option.default is None else _default(option)
    word = _default(option) if option.default else option.metavar.split("|")[0]
    return f'["{word}"]' if option.repeatable else f'"{word}"'


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    write()
