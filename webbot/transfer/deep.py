"""Reads JSON of any depth without recursion. Slower than Python's own reader, which gives up after some hundred levels."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from webbot.errors import BadInput

SPACE = re.compile(r"[ \t\n\r]*")
PLAIN = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
TWICE = "{name} stands twice in one object."
NAMED = {"true": True, "false": False, "null": None}


def parse_deep(text: str) -> Any:
    """Raises json.JSONDecodeError, ValueError for numbers that no computer holds, and BadInput for a name that stands twice."""
    outside: list[Any] = []  # the lists and objects that are open, each under the next
    names: list[str] = []  # of the members that are being read, one for each open object
    top: list[Any] = []
    place = _past(text, 0)
    while True:
        mark = text[place:place + 1]
        if mark in ("[", "{"):
            opened: Any = [] if mark == "[" else {}
            _put(outside, names, top, opened)
            place = _past(text, place + 1)
            if text[place:place + 1] == ("]" if mark == "[" else "}"):
                place += 1
            else:
                outside.append(opened)
                if mark == "{":
                    place = _name(text, place, names)
                continue
        elif mark == '"':
            value, place = scanstring(text, place + 1, True)
            _put(outside, names, top, value)
        else:
            match = PLAIN.match(text, place)
            if match is None:
                raise json.JSONDecodeError("Expecting value", text, place)
            _put(outside, names, top, _plain(match.group()))
            place = match.end()
        place, more = _closed(text, place, outside, names)
        if not more:
            return top[0]


def _closed(text: str, place: int, outside: list[Any], names: list[str]) -> tuple[int, bool]:
    """Past the brackets that close behind a value; False when the whole is at its end."""
    while True:
        place = _past(text, place)
        if not outside:
            if place < len(text):
                raise json.JSONDecodeError("Extra data", text, place)
            return place, False
        held, mark = outside[-1], text[place:place + 1]
        if mark == ",":
            place = _past(text, place + 1)
            return (_name(text, place, names) if isinstance(held, dict) else place), True
        if mark != ("}" if isinstance(held, dict) else "]"):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, place)
        outside.pop()
        place += 1


def _name(text: str, place: int, names: list[str]) -> int:
    if text[place:place + 1] != '"':
        raise json.JSONDecodeError("Expecting property name", text, place)
    name, place = scanstring(text, place + 1, True)
    place = _past(text, place)
    if text[place:place + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' delimiter", text, place)
    names.append(name)
    return _past(text, place + 1)


def _put(outside: list[Any], names: list[str], top: list[Any], value: Any) -> None:
    if not outside:
        top.append(value)
    elif isinstance(outside[-1], list):
        outside[-1].append(value)
    else:
        name = names.pop()
        if name in outside[-1]:
            raise BadInput(TWICE, name=repr(name[:60]))
        outside[-1][name] = value


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its members. Raises BadInput for a name that stands twice: readers disagree about what that means."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadInput(TWICE, name=repr(name[:60]))
        found[name] = value
    return found


def _plain(word: str) -> Any:
    if word in NAMED:
        return NAMED[word]
    return float(word) if any(mark in word for mark in ".eE") else int(word)


def _past(text: str, place: int) -> int:
    match = SPACE.match(text, place)
    return match.end() if match else place
