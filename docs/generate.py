"""Write the generated parts of the documentation: `python docs/generate.py`.

These are `reference/options.md`, from the table of options, and, from the source, the API in
`reference/tempfiles.md` and `reference/runner.md`, `packages.svg`, and the trees in
`architecture.md`. `make docs` writes them too, and a test compares them.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import api  # noqa: E402
import packages  # noqa: E402

from runner.settings.options import COMMAND_LINE, FILE, OPTIONS, Option  # noqa: E402

PAGE = HERE / "reference" / "options.md"
ARCHITECTURE = HERE / "architecture.md"
DRAWING = HERE / "packages.svg"
_TREE = re.compile(r"(?<=<!-- tree: )(\w+)( -->\n```text\n).*?(?=```)", re.DOTALL)

_HEAD = """\
# Options

<!-- Written by docs/generate.py from runner/settings/options.py: change that, then `make docs`. -->

`python -m runner` accepts every option of `python -m unittest` of this Python version, in every
form and with the same meaning: `-v` `--verbose`, `-q` `--quiet`, `--locals`, `-f` `--failfast`,
`-c` `--catch`, `-b` `--buffer`, `-k`, from Python 3.12 on `--durations`, and after `discover` also
`-s` `--start-directory`, `-p` `--pattern` and `-t` `--top-level-directory`. `-h` or `--help` lists
all.

The options below are its own. Their names cannot be abbreviated. Each entry lists the key in a
[settings file](settings.md), the environment variable, and the opposite option if there is one.
"""


def page() -> str:
    """Return the text of the page of options."""
    return "\n".join([_HEAD, *itertools.chain.from_iterable(map(_group, _groups()))])


def architecture() -> str:
    """Return the text of the page about the architecture, with its trees as they are now."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    return _TREE.sub(lambda match: f"{match[1]}{match[2]}{packages.tree(match[1])}\n", text)


def reference(product: str) -> str:
    """Return the text of the page about `runner` or `tempfiles`, with its API as it is now."""
    return api.fill((HERE / "reference" / f"{product}.md").read_text(encoding="utf-8"), product)


def files() -> dict[Path, str]:
    """Return each generated file and its text."""
    products = {HERE / "reference" / f"{name}.md": reference(name) for name in packages.ORDER}
    return {PAGE: page(), ARCHITECTURE: architecture(), DRAWING: packages.svg(), **products}


def write() -> None:
    """Write each file whose content has changed."""
    for path, text in files().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


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
