"""The settings of a run that another test tool hosts, from its own options."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ..errors import UsageError
from ..settings import load
from ..settings.config import VARIABLES, Config

OPTIONS = (
    "leaks", "leak-json", "gitlab-quality", "sarif", "leak-lines", "leak-ignore", "leak-baseline",
    "update-baseline", "leak-trace", "clean-outside", "keep",
)
"""Options of the runner that other tools have on their command lines, under the same names."""
SETTINGS = (
    *OPTIONS, "watch-modified", "strict-baseline", "late-grace", "reap", "guard", "keep-dir",
    "keep-runs", "keep-bytes", "temp-root", "temp-root-min-free", "detect", "html",
    "leaks-shown", "show-unattributed", "summary",
)
"""Settings that hold in other tools; the others are about how the runner runs tests."""


HTML_OR_JSON = "--html-leaks or --leak-json"
"""The options that list all leaks, where the tool has an option `--html` of its own."""


def config_of(given: Mapping[str, object], ini: Mapping[str, str] | None = None) -> Config:
    """Return the settings: settings file < the tool's own file < environment < command line.

    Args:
        given: the values of options on the tool's command line; None or missing is not given, True
            is a switch, and a list is an option that was given several times.
        ini: the values in the tool's own settings file, by the names of the settings.

    Raises:
        UsageError: a value is not valid.
    """
    words = []
    for name in SETTINGS:
        value = given.get(name)
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            values = value if isinstance(value, list) else [value]
            words += (f"--{name}={each}" for each in values)
    variables = {_variable(name): value for name, value in (ini or {}).items() if value}
    loaded = _load(words, variables)
    fields = (name.replace("-", "_") for name in SETTINGS)
    return Config()._replace(**{field: getattr(loaded, field) for field in fields})


def _variable(name: str) -> str:
    return VARIABLES + name.replace("-", "_").upper()


def _load(words: Sequence[str], ini: Mapping[str, str]) -> Config:
    try:
        return load.load(words, cwd=os.getcwd(), environ={**ini, **os.environ}).config
    except UsageError as error:
        message = str(error)
        for variable in ini.keys() - os.environ.keys():
            message = message.replace(variable, variable.lower())
        raise UsageError(message.replace("--html", "--html-leaks")) from None
