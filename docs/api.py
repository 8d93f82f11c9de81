"""Write the reference of the public names as Markdown, from their signatures and docstrings.

A page names what it describes between two comments, and `fill` writes the text between them:

    <!-- api: temp_tree, TempDirectory.* -->
    <!-- end of api -->

`.*` adds the public methods of a class. The source is read and not imported, so the text is the
same on every Python version.
"""

from __future__ import annotations

import ast
import contextlib
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_PART = re.compile(r"<!-- api: ([^>]*?) -->\n.*?<!-- end of api -->", re.DOTALL)
_HEADING = re.compile(r"^(#+) ", re.MULTILINE)
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):\n((?:    .*\n|\n)+)", re.M)
_TITLES = {"Args": "Arguments", "Attributes": "Attributes", "Raises": "Raises"}
_WIDTH = 88  # of a signature on one line

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


class Found(NamedTuple):
    """A definition and the module that contains it."""

    module: Path
    node: Definition
    doc: str

    def text(self, node: ast.AST) -> str:
        """Return the source of a part of the module, on one line."""
        lines = self.module.read_text("utf-8")
        return " ".join((ast.get_source_segment(lines, node) or "").split())


def fill(page: str, product: str) -> str:
    """Return a page with the text of each name that its comments list.

    Args:
        page: the text of the page.
        product: `runner` or `tempfiles`.

    Raises:
        LookupError: a listed name is not defined.
    """

    def part(match: re.Match[str]) -> str:
        level = len(_HEADING.findall(page[: match.start()])[-1]) + 1
        names = match[1].replace(",", " ").split()
        text = "\n".join(line for name in names for line in _entry(product, name, "#" * level))
        return f"<!-- api: {match[1]} -->\n\n{text}\n<!-- end of api -->"

    return _PART.sub(part, page)


def _entry(product: str, name: str, heading: str) -> Iterator[str]:
    name, _, members = name.partition(".")
    found = _find(ROOT / product / "__init__.py", name)
    yield f"{heading} `{name}`\n"
    yield from _body(found, name)
    if members:
        for member in _members(found):
            assert isinstance(member.node, ast.FunctionDef)
            yield f"{heading}# `{name}.{member.node.name}`\n"
            yield from _body(member, f"{name}.{member.node.name}")


def _body(found: Found, name: str) -> Iterator[str]:
    yield f"```py\n{_signature(found, name)}\n```\n"
    yield _markdown(found.doc)


# Find definitions


@cache
def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


@cache
def _find(module: Path, name: str) -> Found:
    """Return the definition of a name in a module, or in the one that it is imported from."""
    body = [*_tree(module).body]
    for statement in body:
        if isinstance(statement, ast.If):  # `if TYPE_CHECKING`
            body += statement.body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, Definition) and name in _names(node):
            return Found(module, node, _doc(node, after))
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.level:
            for alias in node.names:
                if alias.name == "*" or (alias.asname or alias.name) == name:
                    target = _module(module, node)
                    try:
                        return _find(target, name if alias.name == "*" else alias.name)
                    except LookupError:
                        continue
    raise LookupError(f"{module}: {name} is not defined")


def _module(module: Path, node: ast.ImportFrom) -> Path:
    path = module.parents[node.level - 1].joinpath(*(node.module or "").split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _names(node: Definition) -> list[str]:
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    return [node.name]


def _doc(node: Definition, after: ast.stmt | None) -> str:
    """Return the docstring of a definition; of a constant, the string in the line below it."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return ast.get_docstring(node) or ""
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
        return str(after.value.value)
    return ""


def _members(found: Found) -> Iterator[Found]:
    """Yield the public methods of a class, then those of its base classes in this project."""
    assert isinstance(found.node, ast.ClassDef)
    for node in found.node.body:
        if isinstance(node, ast.FunctionDef) and node.name[0] != "_" and not _is_setter(node):
            yield Found(found.module, node, ast.get_docstring(node) or "")
    for base in found.node.bases:
        if isinstance(base, ast.Name):
            with contextlib.suppress(LookupError):  # a class of another library
                yield from _members(_find(found.module, base.id))


def _is_setter(node: ast.FunctionDef) -> bool:
    attributes = [part for part in node.decorator_list if isinstance(part, ast.Attribute)]
    return any(part.attr == "setter" for part in attributes)


# Signatures


def _signature(found: Found, name: str) -> str:
    node = found.node
    if isinstance(node, ast.ClassDef):
        return _class(found, node)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return ast.get_source_segment(found.module.read_text("utf-8"), node) or ""
    kinds = {found.text(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    result = f" -> {_type(found, node.returns)}" if node.returns is not None else ""
    if "contextmanager" in kinds:
        result = result.replace("Iterator[", "AbstractContextManager[")
    if "property" in kinds:
        return name + result.replace(" ->", ":")
    bound = "." in name and "staticmethod" not in kinds
    return _call(name, _parameters(found, node.args)[bound:], result)


def _class(found: Found, node: ast.ClassDef) -> str:
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
    if _is_record(found, node):
        lines = [f"    {_field(found, part)}" for part in fields if _names(part)[0][0] != "_"]
        return "\n".join([f"class {node.name}:", *lines])
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return _call(f"class {node.name}", _parameters(found, part.args)[1:], "")
    bases = [found.text(base) for base in node.bases]
    public = ", ".join(base for base in bases if base[0] != "_").replace("type(Path())", "Path")
    return f"class {node.name}({public})" if public else f"class {node.name}"


def _is_record(found: Found, node: ast.ClassDef) -> bool:
    words = " ".join(found.text(part) for part in [*node.decorator_list, *node.bases])
    return "dataclass" in words or "NamedTuple" in words


def _field(found: Found, part: ast.AnnAssign) -> str:
    value = f" = {found.text(part.value)}" if part.value is not None else ""
    return f"{found.text(part.target)}: {_type(found, part.annotation)}{value}"


def _parameters(found: Found, arguments: ast.arguments) -> list[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(positional) - len(arguments.defaults))
    parts = [
        _parameter(found, argument, default)
        for argument, default in zip(positional, [*missing, *arguments.defaults], strict=True)
    ]
    if arguments.posonlyargs:
        parts.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg is not None:
        parts.append("*" + _parameter(found, arguments.vararg, None))
    elif arguments.kwonlyargs:
        parts.append("*")
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parts.append(_parameter(found, argument, value))
    if arguments.kwarg is not None:
        parts.append("**" + _parameter(found, arguments.kwarg, None))
    return parts


def _parameter(found: Found, argument: ast.arg, default: ast.expr | None) -> str:
    if argument.annotation is None:
        return argument.arg + (f"={found.text(default)}" if default is not None else "")
    text = f"{argument.arg}: {_type(found, argument.annotation)}"
    return text + (f" = {found.text(default)}" if default is not None else "")


def _type(found: Found, annotation: ast.expr) -> str:
    """Return an annotation, with the private names of types replaced by what they stand for."""
    text = found.text(annotation)
    for part in ast.walk(annotation):
        if isinstance(part, ast.Name):
            try:
                alias = _find(found.module, part.id)
            except LookupError:
                continue
            if _stands_for_a_type(alias.node) and not _is_public(part.id):
                assert isinstance(alias.node, ast.Assign)
                text = re.sub(rf"\b{part.id}\b", _type(alias, alias.node.value), text)
    return text


def _stands_for_a_type(node: Definition) -> bool:
    return isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call)  # a TypeVar


@cache
def _is_public(name: str) -> bool:
    return any(
        re.search(rf"\b{name}\b", (ROOT / product / "__init__.py").read_text("utf-8"))
        for product in ("runner", "tempfiles")
    )


def _call(name: str, parameters: list[str], result: str) -> str:
    line = f"{name}({', '.join(parameters)}){result}"
    if len(line) <= _WIDTH:
        return line
    listed = "".join(f"    {parameter},\n" for parameter in parameters)
    return f"{name}(\n{listed}){result}"


# Docstrings


def _markdown(doc: str) -> str:
    """Return a docstring with its sections as lists."""
    text = _SECTION.sub(_section, doc.rstrip() + "\n")
    return text.rstrip() + "\n" if text.strip() else ""


def _section(match: re.Match[str]) -> str:
    text = textwrap.dedent(match[2]).strip("\n")
    if match[1] not in _TITLES:
        return f"{match[1]}: {text}\n\n"
    items = re.sub(
        r"^(\w[\w., *]*): ",
        lambda item: f"- {', '.join(f'`{name}`' for name in item[1].split(', '))}: ",
        text, flags=re.MULTILINE,
    )  # fmt: skip
    items = re.sub(r"\n +", "\n  ", items)
    return f"{_TITLES[match[1]]}:\n\n{items}\n\n"
