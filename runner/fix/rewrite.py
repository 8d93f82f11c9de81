"""Rewrite source code with LibCST, which keeps its formatting and comments."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ..errors import UsageError
from .plan import Change

try:
    import libcst as cst
    from libcst.codemod import CodemodContext
    from libcst.codemod.visitors import AddImportsVisitor, RemoveImportsVisitor
    from libcst.metadata import MetadataWrapper, PositionProvider
except ImportError:
    raise UsageError('--fix needs LibCST: pip install "tidytest[fix]"') from None

Range = tuple[tuple[int, int], ...]
_ENTERING = ("enterContext", "enterClassContext", "enterModuleContext")


def rewritten(source: bytes, changes: Sequence[Change]) -> bytes:
    """Return a source file with changes of its lines, and with the imports that they need.

    Args:
        source: the file.
        changes: of this file; none is refused.

    Raises:
        ValueError: LibCST cannot parse the file.
    """
    try:
        module = cst.parse_module(source)
    except (cst.ParserSyntaxError, UnicodeDecodeError) as error:
        raise ValueError("LibCST cannot parse its file") from error
    module = MetadataWrapper(module).visit(_Rewriter(changes, module.code.split("\n")))
    context = CodemodContext()
    for name in sorted({name for change in changes for name in change.remedy.imports}):
        AddImportsVisitor.add_needed_import(context, name)
    for change in changes:
        if change.remedy.action == "instead" and change.site.creator:
            RemoveImportsVisitor.remove_unused_import(context, "tempfile", change.site.creator)
    module = AddImportsVisitor(context).transform_module(module)
    return RemoveImportsVisitor(context).transform_module(module).bytes


class _Rewriter(cst.CSTTransformer):
    """Makes the changes at their places, which are those of `ast` in the same source."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, changes: Iterable[Change], lines: Sequence[str]) -> None:
        super().__init__()
        self._lines = lines
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
        return self.get_metadata(PositionProvider, node).start.line

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Put the remedy instead of a call, with the arguments as they are written."""
        place = self.get_metadata(PositionProvider, original_node)
        ends = (place.start.line, place.start.column), (place.end.line, place.end.column)
        change = self._calls.get(ends)
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
