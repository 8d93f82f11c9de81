"""Immutable records whose classes cost next to nothing to define.

Defining a named tuple of five fields takes longer than importing a small module, a data class five
times that, and the first of either imports more: the start of a run defines fifteen records.
"""

from __future__ import annotations

from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inspect import Signature
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**options):  # noqa: D103
        return lambda cls: cls


class _Signature:
    """What a record takes, for documentation; who asks has imported `inspect` already."""

    def __get__(self, record: Record | None, owner: type[Record]) -> Signature:
        from inspect import Parameter, Signature

        kind, none = Parameter.POSITIONAL_OR_KEYWORD, Parameter.empty
        types = owner.__annotations__
        return Signature([
            Parameter(name, kind, default=getattr(owner, name, none), annotation=types[name])
            for name in owner._fields
        ])


@dataclass_transform(frozen_default=True)
class Record:
    """A record with the fields that its class annotates, in their order.

    A value in the class is the field's default. Records of one class are equal if all their fields
    are; they can be pickled.
    """

    __signature__ = _Signature()
    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self._fields
        given = dict(zip(fields, values, strict=False))
        known = len(values) == len(given) and named.keys() <= set(fields[len(values) :])
        given.update(named)
        missing = (field for field in fields if field not in given)
        if not (known and all(hasattr(type(self), field) for field in missing)):
            raise TypeError(f"{type(self).__name__} takes {', '.join(fields)}")
        self.__dict__.update(given)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed: {name}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return tuple(self._values()) == tuple(other._values())

    def __hash__(self) -> int:
        return hash(tuple(self._values()))

    def __repr__(self) -> str:
        pairs = zip(self._fields, self._values(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"

    def __replace__(self, **changes: Any) -> Self:
        return type(self)(**{**self._asdict(), **changes})

    _replace = __replace__

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self._values(), strict=True))

    def _values(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._fields)
