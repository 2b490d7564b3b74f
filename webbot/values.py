"""Frozen values as JSON and back, for whatever crosses from one process to another: `pack` and `unpack` are inverse.

A dataclass becomes an object with its fields, without those that are as their defaults; where a type leaves several classes
open, `is` names the one. Bytes become base64. Reading goes by the type: what it does not allow raises ValueError.
"""

from __future__ import annotations

import base64
import dataclasses
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

IS = "is"


def pack(value: Any) -> Any:
    """What json.dumps takes."""
    if value is None or isinstance(value, str | int | float):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = {name: pack(part) for name, default in _fields(type(value)) if (part := getattr(value, name)) != default}
        return {IS: type(value).__name__, **told}
    if isinstance(value, Mapping):
        return {str(name): pack(part) for name, part in value.items()}
    if isinstance(value, PurePath | bytes):
        return str(value) if isinstance(value, PurePath) else base64.b64encode(value).decode("ascii")
    return [pack(part) for part in (sorted(value) if isinstance(value, frozenset | set) else value)]


def unpack(kind: Any, packed: Any) -> Any:
    """The value of that type. Raises ValueError when `packed` is none."""
    try:
        return _reader(kind)(packed)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no {kind}: {error}") from error


@cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    """The fields of a dataclass with their defaults; MISSING equals no value."""
    told = []
    for field in dataclasses.fields(kind):
        made = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        told.append((field.name, made))
    return tuple(told)


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if dataclasses.is_dataclass(kind):
        return _object(kind)
    if origin in (Union, types.UnionType):
        return _either(arguments)
    if origin is Literal:
        return lambda packed: _one_of(packed, arguments)
    return _gathered(kind, origin or kind, arguments)


def _gathered(kind: Any, origin: Any, arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Reads lists and mappings of what `arguments` say."""
    if isinstance(origin, type) and issubclass(origin, Mapping):
        name, part = map(_reader, arguments or (Any, Any))
        key = (lambda text: name(int(text))) if arguments and arguments[0] is int else name
        return lambda packed: {key(text): part(value) for text, value in _checked(packed, dict).items()}
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        readers = [_reader(argument) for argument in arguments]
        return lambda packed: tuple(read(value) for read, value in zip(readers, _checked(packed, list), strict=True))
    if isinstance(origin, type) and issubclass(origin, Collection):
        make = {tuple: tuple, frozenset: frozenset, list: list}.get(origin, tuple if issubclass(origin, Sequence) else None)
        if make is not None:
            read = _reader(arguments[0] if arguments else Any)
            return lambda packed: make(map(read, _checked(packed, list)))
    raise TypeError(f"{kind} does not cross from process to process")


def _object(kind: Any) -> Callable[[Any], Any]:
    readers: dict[str, Callable[[Any], Any]] = {}

    def read(packed: Any) -> Any:
        if not readers:  # not before it is needed: a class may hold another of its own kind
            readers.update({name: _reader(hint) for name, hint in get_type_hints(kind).items()})
        return kind(**{name: readers[name](part) for name, part in _checked(packed, dict).items() if name != IS})

    return read


def _either(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Reads a value of any of these types: classes by their names, the rest by the first that takes it."""
    classes = {kind.__name__: kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind)}
    others = [kind for kind in kinds if not dataclasses.is_dataclass(kind)]

    def read(packed: Any) -> Any:
        if isinstance(packed, dict) and packed.get(IS) in classes:
            return _reader(classes[packed[IS]])(packed)
        for kind in others:
            try:
                return _reader(kind)(packed)
            except (ValueError, TypeError):
                continue
        raise ValueError(f"none of {', '.join(map(str, kinds))}")

    return read


def _checked(packed: Any, *kinds: type) -> Any:
    if not isinstance(packed, kinds) or (isinstance(packed, bool) and bool not in kinds):
        raise ValueError(f"{type(packed).__name__} in place of {kinds[0].__name__}")
    return packed


def _one_of(packed: Any, choices: typing.Collection[Any]) -> Any:
    if packed not in choices:
        raise ValueError("not one of the choices")
    return packed


_PLAIN: dict[Any, Callable[[Any], Any]] = {
    Any: lambda packed: packed,
    object: lambda packed: packed,
    types.NoneType: lambda packed: _one_of(packed, (None,)),
    str: lambda packed: _checked(packed, str),
    int: lambda packed: _checked(packed, int),
    bool: lambda packed: _checked(packed, bool),
    float: lambda packed: float(_checked(packed, int, float)),
    Path: lambda packed: Path(_checked(packed, str)),
    bytes: lambda packed: base64.b64decode(packed, validate=True),
}
