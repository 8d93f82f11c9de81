"""Convert records to dictionaries that JSON can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from types import NoneType
from typing import Any, Self, TypeVar, get_args, get_origin, get_type_hints

R = TypeVar("R")
Names = Mapping[str, Any] | None

_types: dict[type, dict[str, Any]] = {}


class Convertible:
    """A data class that can be converted to a dictionary and back."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a dictionary that JSON can hold."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the record that `to_dict` has converted.

        Raises:
            ValueError: a field has a wrong type or is missing.
        """
        return from_dict(cls, content)


def to_dict(record: Any) -> dict[str, Any]:
    """Return the fields of a record; nested records are dictionaries, tuples are lists."""
    return {name: _plain(getattr(record, name)) for name in _fields(type(record))}


def from_dict(cls: type[R], content: Mapping[str, Any], names: Names = None) -> R:
    """Return the record that `to_dict` has converted. Unknown keys are ignored.

    Args:
        cls: the class of the record.
        content: the dictionary.
        names: the classes that the annotations of `cls` name, where its module lacks them.

    Raises:
        ValueError: a field has a wrong type or is missing.
    """
    types = _types.get(cls)
    if types is None:  # remembered: this takes longer than all the rest
        types = _types[cls] = get_type_hints(cls, localns=dict(names or {}))
    try:
        values = {
            name: _value(types[name], content[name], names)
            for name in _fields(cls) if name in content
        }  # fmt: skip
        return cls(**values)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not a {cls.__name__}: {error}") from error


def _fields(cls: Any) -> Sequence[str]:
    return tuple(cls.__dataclass_fields__) if is_dataclass(cls) else cls._fields


def _plain(value: Any) -> Any:
    if _is_record(type(value)):
        return to_dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _value(hint: Any, value: Any, names: Names) -> Any:
    options = get_args(hint)
    if NoneType in options:
        return None if value is None else _value(options[0], value, names)
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{value!r} is not a list")
        return tuple(_value(options[0], item, names) for item in value)
    if _is_record(hint):
        return from_dict(hint, value, names)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint and value not in options:
        raise TypeError(f"{value!r} is not allowed")
    return value


def _is_record(hint: Any) -> bool:
    return is_dataclass(hint) or hasattr(hint, "_fields")
