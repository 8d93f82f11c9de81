"""Ways by name: what a name may hold, and how the report shows it."""

from __future__ import annotations

import os

from tests.campaigns.zoo.rows import BY_CHILD, EVERYWHERE, SCANNED, USUAL, Way, way

_NAMES = {
    "spaces": "a b  c ",
    "a newline": "a\nb",
    "a carriage return": "a\rb",
    "a tab": "a\tb",
    "a leading dash": "-rf",
    "two leading dashes": "--help",
    "a leading dot": ".hidden",
    "glob characters": "[a]*?",
    "quotes": "it's \"so\"",
    "a backslash": "a\\b",
    "braces and percent": "{0} %s %(x)s",
    "html": "<b>&amp;",
    "a tilde": "~root",
    "umlauts": "ä ö 漢字",
    "decomposed": "a\u0308",
    "right to left override": "a\u202eb",
    "an escape sequence": "\x1b[31mred\x1b[0m",
    "a title sequence": "\x1b]0;title\x07",
    "a C1 control": "a\x9b31mb",
    "a bell and delete": "a\x07\x7fb",
    "a colon and a number": "test.py:12",
    "non-UTF-8 bytes": "a\udcff\udcfeb",
    "only non-UTF-8": "\udc80",
}
_RAW = ("\x1b", "\x07", "\x9b", "\x7f", "\u202e")


def _named(label: str, name: str) -> tuple[Way, ...]:
    full = name if len(os.fsencode(name)) > 250 else f"{name}{{stem}}"
    raw = tuple(c for c in _RAW if c in name)
    code = f"name = {name!r}" + ("" if name == full else " + SLUG") + "\n"
    body = code + "open(os.path.join(place(), name), 'w').close()  # LEAK"
    touch = code + "import subprocess\n" \
        "subprocess.check_call(['touch', '--', os.path.join(place(), name)])  # LEAK"
    return (
        way(f"name with {label}", body, name=full, silent=raw, alone=True,
            places=EVERYWHERE if "escape" in label else USUAL),
        way(f"name with {label} by a child", touch, name=full, silent=raw, evidence=SCANNED,
            call=("subprocess touch",), limits=BY_CHILD, alone=True),
    )


WAYS: tuple[Way, ...] = (
    *(row for label, name in _NAMES.items() for row in _named(label, name)),
    *_named("255 bytes", "n" * 255),
    *_named("255 bytes of non-ASCII", "n" + "ä" * 127),
    way("a path of 3000 bytes",
        "here = os.getcwd()\nself.addCleanup(os.chdir, here)\nos.mkdir(leaf())  # LEAK\n"
        "os.chdir(leaf())\nfor _ in range(20):\n    os.mkdir('d' * 150)\n    os.chdir('d' * 150)",
        call=("os.mkdir",), type="directory", entries=21, alone=True),
    way("an escape sequence in a directory",
        "d = leaf() + '\\x1b[2J'\nos.mkdir(d)  # LEAK\nopen(d + '/\\x1b[31m', 'w').close()",
        name="{stem}\x1b[2J", type="directory", call=("os.mkdir",), entries=2, silent=("\x1b",),
        alone=True),
    way("a file named like a cache but not",
        "open(os.path.join(place(), SLUG + '.pyc.txt'), 'w').close()  # LEAK",
        name="{stem}.pyc.txt"),
    way("a file named tmp", "open(leaf() + '.tmp', 'w').close()  # LEAK", name="{stem}.tmp"),
)
