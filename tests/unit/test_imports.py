"""The direction of imports, read from the source of both packages."""

from __future__ import annotations

import ast
import sys
import unittest
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import tempfiles

ROOT = Path(__file__).parents[2]
ONLY_IN = {
    "colorama": {"runner.output.colour"},
    "coverage": {"runner.listeners.coverage"},
    "junitparser": {"runner.formats.junit"},
    "jinja2": {"runner.formats.html"},
    "markupsafe": {"runner.formats.html"},  # which comes with it
    "tqdm": {"runner.listeners.progress", "tempfiles.commands.progress"},
    "shtab": {"runner.settings.help"},
    "libcst": {"runner.fix.rewrite"},
    "pytest": {f"runner.integrations.pytest.{name}" for name in (
        "plugin", "run", "contexts", "reports", "xdist", "anyio", "forked",
    )},
    "distributed": {"runner.engines.dask_engine"},
    "dask": {"runner.engines.dask_engine"},  # which it needs
    "nose2": {"runner.integrations.nose2"},
    "django": {f"runner.integrations.django.{name}" for name in (
        "boundaries", "discover_runner", "parallel",
    )},
    "_pytest": {f"runner.integrations.pytest.{name}" for name in (
        "contexts", "reports", "run", "subtests",
    )},
}
BY_NAME_ONLY = {
    ("runner.integrations.pytest.subtests", "_pytest.subtests"),
    ("runner.listeners.progress", "tqdm"), ("runner.hosting.exit_steps", "_signal"),
    ("tempfiles.system.termination", "_signal"),
    ("tempfiles.roots.flock", "msvcrt"),
}
"""Where a module is imported by `import_module`, which type checkers do not look into."""


def modules() -> dict[str, Path]:
    found = {}
    for package in ("tempfiles", "runner"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "child_site" in parts:
                continue  # loaded by the interpreters of children, and by nothing here
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(name: str, path: Path, source: str | None = None) -> Iterator[str]:
    """Yield the absolute names that a module imports, anywhere in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8") if source is None else source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in MODULES else base
        elif (found := by_name(node)) is not None:
            yield found


def by_name(node: ast.AST) -> str | None:
    """Return the absolute name that a call of `import_module` imports, if it is written there."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = ast.unparse(node.func).rpartition(".")[2]
    name = node.args[0]
    if called not in ("import_module", "__import__") or not isinstance(name, ast.Constant):
        return None
    return str(name.value)


GRAPH = {name: set(imported(name, path)) for name, path in MODULES.items()}


def importers(library: str) -> set[str]:
    return {
        name for name, targets in GRAPH.items()
        if any(target.split(".")[0] == library for target in targets)
    }


def used_of_tempfiles(source: str) -> set[str]:
    """Return the names of `tempfiles` that a source uses, and the modules of it that it imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "tempfiles":
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tempfiles."):
            found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found.update(a.name for a in node.names if a.name.startswith("tempfiles."))
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tempfiles":
            found.add(node.attr)
    return found


class ImportTests(unittest.TestCase):
    def test_the_reader_sees_all_forms(self) -> None:
        source = (
            "import a.b\ndef f():\n    from . import errors, x\n    from ..runner import y\n"
            "importlib.import_module('c').d\nimport_module(name)\n"
        )
        path = ROOT / "tempfiles" / "some.py"
        self.assertEqual(
            sorted(imported("tempfiles.some", path, source)),
            ["a.b", "c", "runner", "tempfiles", "tempfiles.errors"],
        )
        self.assertIn("tempfiles.registry.contexts", GRAPH["tempfiles.registry.cleanup"])

    def test_tempfiles_never_imports_runner(self) -> None:
        wrong = [n for n in importers("runner") if n.split(".")[0] == "tempfiles"]
        self.assertEqual(wrong, [])

    def test_runner_uses_exported_names_of_tempfiles_only(self) -> None:
        wrong = {
            f"{name}: {used}"
            for name, path in MODULES.items() if name.split(".")[0] == "runner"
            for used in used_of_tempfiles(path.read_text("utf-8")) - {*tempfiles.__all__}
        }  # fmt: skip
        self.assertEqual(wrong, set())

    def test_private_names_of_tempfiles_are_seen_in_all_forms(self) -> None:
        source = (
            "import tempfiles\nimport tempfiles.a\nfrom tempfiles import b\n"
            "from tempfiles.c import d\ntempfiles.e.f()\n"
        )
        self.assertEqual(used_of_tempfiles(source), {"tempfiles.a", "b", "tempfiles.c", "e"})

    def test_tempfiles_uses_the_standard_library_only(self) -> None:
        allowed = {*sys.stdlib_module_names, "tempfiles"}
        wrong = {
            name: extra
            for name, targets in GRAPH.items()
            if name.split(".")[0] == "tempfiles"
            and (extra := {t for t in targets if t.split(".")[0] not in {*allowed, *OPTIONAL}})
        }
        self.assertEqual(wrong, {})

    def test_each_optional_library_has_its_one_module_in_a_package(self) -> None:
        self.assertEqual({library: importers(library) for library in ONLY_IN}, ONLY_IN)

    def test_what_is_imported_by_its_name_is_known(self) -> None:
        found = {
            (name, imported_name)
            for name, path in MODULES.items()
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if (imported_name := by_name(node)) is not None
        }
        self.assertEqual(found, BY_NAME_ONLY)

    def test_runner_uses_no_other_library(self) -> None:
        known = {*sys.stdlib_module_names, *ONLY_IN, "tempfiles", "runner"}
        wrong = {name: targets for name in MODULES
                 if (targets := {t for t in GRAPH[name] if t.split(".")[0] not in known})}
        self.assertEqual(wrong, {})

    def test_only_platform_asks_which_system_this_is(self) -> None:
        asked = {
            name for name, path in MODULES.items()
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute)
            and ast.unparse(node) in ("os.name", "sys.platform")
        }
        self.assertEqual(asked, {"tempfiles.system.platform"})

    def test_there_is_no_cycle(self) -> None:
        own = {
            name: {target for target in targets if target in MODULES and target != name}
            for name, targets in GRAPH.items()
        }
        try:
            TopologicalSorter(own).prepare()
        except CycleError as error:
            self.fail(f"imports in a circle: {' -> '.join(error.args[1])}")


class LayerTests(unittest.TestCase):
    """Packages import only from the layers below them; lazy and typing imports count as well."""

    def test_every_package_has_its_layer(self) -> None:
        unplaced = {name for name in MODULES if name not in LAYERS and layer_of(name) is None}
        self.assertEqual(unplaced, set())

    def test_imports_run_downwards(self) -> None:
        self.assertEqual(upward_imports(GRAPH), set())

    def test_an_upward_import_is_found(self) -> None:
        graph = {
            "tempfiles.fileops.copy": {"tempfiles.registry.move", "tempfiles.errors", "os"},
            "tempfiles.registry.move": {"tempfiles.fileops.copy", "tempfiles"},
            "tempfiles.roots.root": {"tempfiles.registry.move"},
            "tempfiles": {"tempfiles.roots.root"},
        }
        self.assertEqual(upward_imports(graph), {
            ("tempfiles.fileops.copy", "tempfiles.registry.move"),
            ("tempfiles.registry.move", "tempfiles"),
        })


class NameTests(unittest.TestCase):
    def test_every_class_has_a_name_of_its_own(self) -> None:
        names = [
            node.name for path in MODULES.values()
            for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)
        ]
        self.assertEqual({name for name in names if names.count(name) > 1}, set())


LAYERS = {
    **dict.fromkeys(("tempfiles", "tempfiles.__main__", "runner", "runner.__main__"), -1),
    **{
        f"tempfiles.{name}": number
        for number, names in enumerate((
            "commands", "run", "detection", "observation", "processes", "events", "recovery",
            "monitor", "roots", "api", "registry", "fileops", "reports", "records",
            "serialize formatting errors", "system",
        ))
        for name in names.split()
    },
    **{
        f"runner.{name}": number
        for number, names in enumerate((
            "cli", "integrations", "fix", "dependence", "cluster", "engines", "remote",
            "parallel", "recording", "pool", "workers", "scheduling", "hosting", "listeners",
            "reporting", "formats",
            "execution tracked_testcase",
            "session", "baseline", "selection", "settings", "advice", "output",
            "unittest_api interpreter source_code cache marks errors",
        ))
        for name in names.split()
    },
}
"""The layer of each package, counted from the top; modules of one layer may use each other."""


def layer_of(module: str) -> int | None:
    """Return the layer of a module; None where its package has none."""
    known = LAYERS.get(module)
    return known if known is not None else LAYERS.get(".".join(module.split(".")[:2]))


def upward_imports(graph: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return each module that imports one of a higher layer of its own package, and that one."""
    found = set()
    for name, targets in graph.items():
        here = layer_of(name)
        for target in targets & graph.keys():
            there = layer_of(target)
            same = name.split(".")[0] == target.split(".")[0]
            if same and here is not None and there is not None and there < here:
                found.add((name, target))
    return found


# The progress bar of `python -m tempfiles clean` is an optional extra.
OPTIONAL = {"tqdm"}
