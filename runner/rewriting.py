"""A statement of the user's written anew, in one line, with some of its parts replaced."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from .sources import text_of
from .statements import Spot, called, source, spots

_LONGEST = 200


def rewritten(spot: Spot, changes: Mapping[ast.expr, str], then: str = "") -> str | None:
    """Return the statement of a call with expressions replaced, None if that is not one line.

    Args:
        spot: the call; of a statement with a body only the part before that is returned.
        changes: what to write instead of each.
        then: what follows, which takes a statement without a body.
    """
    statement, text = spot.statement, text_of(spot.file).encode()
    body = getattr(statement, "body", None)
    if body and then:
        return None
    start = _offset(text, statement.lineno, statement.col_offset)
    end = _end(text, statement) if not body else _offset(text, body[0].lineno, body[0].col_offset)
    pieces, at = [], start
    for node in sorted(changes, key=lambda node: (node.lineno, node.col_offset)):
        pieces += [text[at : _offset(text, node.lineno, node.col_offset)], changes[node].encode()]
        at = _end(text, node)
    pieces.append(text[at:end])
    written = b"".join(pieces).decode()
    if body and body[0].lineno == statement.lineno:
        written += "; ".join(map(ast.unparse, body))
    elif body:
        written += "pass"
    return _in_one_line(written, bool(body), then)


def wrapped(spot: Spot, function: str, enter: str) -> str | None:
    """Return the statement with `enter` around its calls; they call another function then."""
    like = spots(spot.file, called(spot.call))
    calls: list[ast.expr] = [each.call for each in like if each.statement is spot.statement]
    return rewritten(
        spot, {call: f"{enter}({function}{_given(spot.file, call)})" for call in calls}
    )


def in_new_directory(spot: Spot, enter: str) -> str | None:
    """Return the statement with a directory of its own for what a call of `tempfile` makes."""
    call = spot.call
    is_taken = any(keyword.arg in (None, "dir") for keyword in call.keywords)
    if is_taken or len(call.args) > 2 or any(isinstance(each, ast.Starred) for each in call.args):
        return None
    there = ast.keyword("dir", _parsed(f"{enter}(tempfile.TemporaryDirectory())"))
    moved = ast.Call(call.func, call.args, [*call.keywords, there])
    return rewritten(spot, {call: ast.unparse(moved)})


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _given(file: str, call: ast.expr) -> str:
    function = call.func if isinstance(call, ast.Call) else call
    return source(file, call).removeprefix(source(file, function)).strip()


def _in_one_line(written: str, has_body: bool, then: str) -> str | None:
    try:
        parsed = ast.parse(written)
    except SyntaxError:  # an `elif`
        return None
    one_line = "\n" not in written
    if not one_line:
        text = ast.unparse(parsed).splitlines()
        if not has_body and len(text) > 1:
            return None
        written = text[0]
    written = f"{written}; {then}" if then else written
    return written if len(written) <= _LONGEST else None


def _offset(text: bytes, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index(b"\n", start) + 1
    return start + column


def _end(text: bytes, node: ast.expr | ast.stmt) -> int:
    return _offset(text, node.end_lineno or node.lineno, node.end_col_offset or 0)
