"""Convert records to dictionaries that JSON can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from . import records, reports

R = TypeVar("R")


def to_dict(record: Any) -> dict[str, Any]:
    """Return the fields of a record; nested records are dictionaries, tuples are lists."""
    return {name: _plain(getattr(record, name)) for name in _types(type(record))}


def from_dict(cls: type[R], content: Mapping[str, Any]) -> R:
    """Return the record that `to_dict` has converted. Unknown keys are ignored.

    Raises:
        ValueError: a field has a wrong type or is missing.
    """
    types = _types(cls)
    try:
        values = {name: _value(types[name], content[name]) for name in types if name in content}
        return cls(**values)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not a {cls.__name__}: {error}") from error


def _plain(value: Any) -> Any:
    if _is_record(type(value)):
        return to_dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _value(hint: Any, value: Any) -> Any:
    options = get_args(hint)
    if NoneType in options:
        return None if value is None else _value(options[0], value)
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{value!r} is not a list")
        return tuple(_value(options[0], item) for item in value)
    if _is_record(hint):
        return from_dict(hint, value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint and value not in options:
        raise TypeError(f"{value!r} is not allowed")
    return value


def _is_record(hint: Any) -> bool:
    return is_dataclass(hint) or hasattr(hint, "_fields")


def _types(cls: type) -> dict[str, Any]:
    if cls not in _known:
        hints = get_type_hints(cls, localns={**vars(records), **vars(reports)})
        names: Any = getattr(cls, "_fields", None) or getattr(cls, "__dataclass_fields__", ())
        _known[cls] = {name: hints[name] for name in names}
    return _known[cls]


_known: dict[type, dict[str, Any]] = {}
