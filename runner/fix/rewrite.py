"""Rewrite source code with LibCST, which keeps its formatting and comments."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile

from ..advice.syntax import FUNCTIONS, Function
from ..errors import UsageError
from .plan import Change

try:
    import libcst as cst
    from libcst.metadata import MetadataWrapper, PositionProvider
except ImportError:
    raise UsageError('--fix needs LibCST: pip install "tidytest[fix]"') from None

Range = tuple[tuple[int, int], ...]
_ENTERING = ("enterContext", "enterClassContext", "enterModuleContext")


def rewritten(source: bytes, changes: Sequence[Change]) -> bytes:
    """Return a source file with changes of its lines, and with the imports that they need.

    LibCST takes seconds for a long file, so it is given the changed functions only.

    Args:
        source: the file.
        changes: of this file; none is refused.

    Raises:
        ValueError: the file is not in UTF-8, or LibCST cannot parse it.
    """
    if not changes:
        return source
    text = source.decode()
    has_dos_ends = "\r\n" in text and text.count("\r\n") == text.count("\n")
    lines = (text.replace("\r\n", "\n") if has_dos_ends else text).split("\n")
    functions: defaultdict[Function, list[Change]] = defaultdict(list)
    for change in changes:
        functions[change.site.functions[-1]].append(change)
    try:
        for function in sorted(functions, key=lambda node: -node.lineno):
            first, last = _first_line(function), function.end_lineno or function.lineno
            changed = _with_changes(lines[first - 1 : last], first, functions[function])
            lines[first - 1 : last] = changed.split("\n")
        text = _with_imports(lines, changes)
        return (text.replace("\n", "\r\n") if has_dos_ends else text).encode()
    except cst.ParserSyntaxError as error:
        raise ValueError("LibCST cannot parse it") from error


def _first_line(node: Function | ast.ClassDef) -> int:
    return min(each.lineno for each in (node, *node.decorator_list))


def _with_changes(lines: Sequence[str], first: int, changes: Sequence[Change]) -> str:
    """Return the lines of a function, of which the first has this number, with their changes."""
    head = "class _:\n" if lines[0][:1].isspace() else "\n"
    module = cst.parse_module(head + "\n".join(lines))
    rewriter = _Rewriter(changes, [*[""] * (first - 1), *lines], first - 2)
    return MetadataWrapper(module).visit(rewriter).code.removeprefix(head)


def _with_imports(lines: list[str], changes: Sequence[Change]) -> str:
    """Return a file with the imports that changes need, without those that they replace."""
    end = "\r" if lines[0].endswith("\r") else ""
    for name in sorted({name for change in changes for name in change.remedy.imports}):
        lines.insert(_place_of_import(lines, name), f"import {name}{end}")
    for change in changes:
        if change.remedy.action == "instead":
            _remove_import(lines, change.site.creator)
    return "\n".join(lines)


def _top(lines: Sequence[str]) -> list[ast.stmt]:
    """Return the statements above the first function or class."""
    body = ast.parse("\n".join(lines).removeprefix("\ufeff")).body
    return list(takewhile(lambda node: not isinstance(node, (*FUNCTIONS, ast.ClassDef)), body))


def _place_of_import(lines: Sequence[str], name: str) -> int:
    """Return how many lines are above a new import: it is sorted in among the others."""
    top = _top(lines)
    plain = [node for node in top if isinstance(node, ast.Import)]
    later = [node for node in plain if node.names[0].name > name]
    if plain and not later:
        return plain[-1].end_lineno or 0
    froms = [n for n in top if isinstance(n, ast.ImportFrom) and n.module != "__future__"]
    if later or froms:
        return min(node.lineno for node in later or froms) - 1
    first = takewhile(lambda node: isinstance(node, (ast.Expr, ast.ImportFrom)), top)
    return max((node.end_lineno or 0 for node in first), default=0)  # below the docstring


def _remove_import(lines: list[str], name: str) -> None:
    """Remove a function of `tempfile` from an import on one line, if nothing uses it any longer."""
    for node in _top(lines):
        if not isinstance(node, ast.ImportFrom) or node.module != "tempfile":
            continue
        others = [each for each in node.names if each.name != name]
        text = "\n".join(lines[: node.lineno - 1] + lines[node.end_lineno :])
        is_used = re.search(rf"(?<!\.)\b{name}\b", text) is not None
        if is_used or len(others) == len(node.names) or node.end_lineno != node.lineno:
            continue
        rest = lines[node.lineno - 1].encode()[node.end_col_offset :].decode()
        kept = f"from tempfile import {', '.join(map(ast.unparse, others))}{rest}"
        lines[node.lineno - 1 : node.lineno] = [kept] if others else []
        return


class _Rewriter(cst.CSTTransformer):
    """Makes the changes at their places, which are those of `ast` in the whole file.

    Args:
        changes: of one function.
        lines: of the file, as far as the function.
        above: how many lines of the file are above what is parsed.
    """

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, changes: Iterable[Change], lines: Sequence[str], above: int) -> None:
        super().__init__()
        self._lines = lines
        self._above = above
        self._calls: dict[Range, Change] = {}
        self._statements: defaultdict[int, list[str]] = defaultdict(list)
        self._functions: defaultdict[int, list[Change]] = defaultdict(list)
        for change in changes:
            site, action = change.site, change.remedy.action
            if action == "instead":
                assert site.call is not None
                self._calls[self._range_of(site.call)] = change
            elif action == "below":
                self._statements[site.statement.lineno].append(change.remedy.code)  # type: ignore[attr-defined]
            if change.remedy.arguments:
                self._functions[site.functions[-1].lineno].append(change)

    def _range_of(self, call: ast.Call) -> Range:
        """Return the place of a call as LibCST counts columns: in characters, not in bytes."""
        ends = (call.lineno, call.col_offset), (call.end_lineno or 0, call.end_col_offset or 0)
        return tuple(
            (line, len(self._lines[line - 1].encode()[:column].decode())) for line, column in ends
        )  # fmt: skip

    def _line(self, node: cst.CSTNode) -> int:
        return self.get_metadata(PositionProvider, node).start.line + self._above

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Put the remedy instead of a call, with the arguments as they are written."""
        place = self.get_metadata(PositionProvider, original_node)
        start, end = place.start, place.end
        change = self._calls.get((
            (start.line + self._above, start.column), (end.line + self._above, end.column)
        ))
        return updated_node if change is None else _instead(updated_node, change.remedy.code)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.FlattenSentinel[cst.BaseStatement]:
        """Put the remedies of a statement below it."""
        codes = self._statements.get(self._line(original_node), ())
        return cst.FlattenSentinel([updated_node, *map(cst.parse_statement, codes)])

    def leave_With(self, original_node: cst.With, updated_node: cst.With) -> cst.With:
        """Put the remedies of a `with` statement first into its block."""
        codes = self._statements.get(self._line(original_node), ())
        return updated_node.with_changes(body=_with_first(updated_node.body, codes))

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        """Add the arguments that remedies need, and those that are first in a function."""
        changes = self._functions.get(self._line(original_node), ())
        given = updated_node.params
        names = [name for change in changes for name in change.remedy.arguments]
        known = {param.name.value for param in (*given.params, *given.kwonly_params)}
        new = [cst.Param(cst.Name(name)) for name in dict.fromkeys(names) if name not in known]
        place = next((n for n, each in enumerate(given.params) if each.default), len(given.params))
        params = given.with_changes(params=[*given.params[:place], *new, *given.params[place:]])
        first = [change.remedy.code for change in changes if change.remedy.action == "first"]
        after = int(updated_node.get_docstring() is not None)
        body = _with_first(updated_node.body, dict.fromkeys(first), after)
        return updated_node.with_changes(params=params, body=body)


def _instead(call: cst.Call, code: str) -> cst.Call:
    template = cst.ensure_type(cst.parse_expression(code), cst.Call)
    if isinstance(template.func, cst.Attribute) and template.func.attr.value in _ENTERING:
        inner = cst.ensure_type(template.args[0].value, cst.Call)
        inner = inner.with_changes(
            args=call.args, whitespace_before_args=call.whitespace_before_args
        )
        return template.with_changes(args=[cst.Arg(inner)], lpar=call.lpar, rpar=call.rpar)
    given, added = list(call.args), template.args[-1]
    if given and isinstance(given[-1].comma, cst.Comma):  # on lines of their own
        added = added.with_changes(comma=given[-1].comma)
        comma = cst.Comma(whitespace_after=call.whitespace_before_args)
        given[-1] = given[-1].with_changes(comma=comma)
    return call.with_changes(args=[*given, added])


def _with_first(block: cst.BaseSuite, codes: Iterable[str], after: int = 0) -> cst.BaseSuite:
    """Return a block with lines before its others, or after its docstring."""
    new = [cst.parse_statement(code) for code in codes]
    body = list(block.body)
    return block.with_changes(body=[*body[:after], *new, *body[after:]]) if new else block
