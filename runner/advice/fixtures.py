"""Suggest the fixture of pytest that would have prevented a leak."""

from __future__ import annotations

from collections.abc import Sequence

from tempfiles import Leak


def is_of_pytest(leak: Leak) -> bool:
    """Return whether pytest ran the context of a leak: its id is a node id."""
    return "::" in leak.context or leak.scope in ("session", "package")


def fixture_remedy(leaks: Sequence[Leak]) -> str:
    """Return a line for the test or fixture that left the leaks of one line of code.

    Args:
        leaks: of one line; the first one is looked at.
    """
    leak = leaks[0]
    if leak.scope != "test":
        return _of_fixture(leak)
    if leak.where == "outside":
        return "monkeypatch.chdir(tmp_path)  # first in the test, which takes both as arguments"
    if leak.origin is not None and _is_in_test(leak) and leak.origin.call.startswith("tempfile."):
        return f"{leak.origin.call}(dir=tmp_path)  # the test takes the argument tmp_path"
    return (
        'monkeypatch.setattr("tempfile.tempdir", str(tmp_path))'
        "  # first in the test; takes both"
    )


def _of_fixture(leak: Leak) -> str:
    if leak.where == "outside":
        return "pytest.MonkeyPatch().chdir(...)  # in the fixture; undo it after its yield"
    if leak.origin is not None and leak.origin.call.startswith("tempfile."):
        return f'{leak.origin.call}(dir=tmp_path_factory.mktemp("data"))  # the fixture takes it'
    return 'tmp_path_factory.mktemp("data")  # create it in there'


def _is_in_test(leak: Leak) -> bool:
    return leak.origin is not None and leak.origin.file == leak.context.partition("::")[0]
