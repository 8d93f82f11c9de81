"""The commands `tidytest` and `tidytest-files`.

They stand in no package of ours: one of the user's with its name, which PYTHONPATH puts before
ours, would be imported in its place.
"""

import os
import sys
from importlib.util import find_spec

_HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Run `tidytest`."""
    _require("runner")
    from runner.__main__ import main

    main()


def files() -> int:
    """Run `tidytest-files`, and return its exit code."""
    _require("tempfiles")
    from tempfiles.__main__ import main

    return main()


def _require(name: str) -> None:
    """Refuse, in one line, if another package is found under the name of ours."""
    spec = find_spec(name)
    found = "nothing" if spec is None else spec.origin or f"a directory {name}"
    ours = os.path.join(_HERE, name, "__init__.py")
    if os.path.exists(found) and os.path.samefile(found, ours):
        return
    print(
        f"tidytest: error: {found} hides the package `{name}` that tidytest brings: give it another"
        " name, or take its directory out of PYTHONPATH",
        file=sys.stderr,
    )
    sys.exit(2)
