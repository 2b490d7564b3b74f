"""A JSON body as programs send it: an object, read strictly. What JSON readers disagree about is refused."""

from __future__ import annotations

import json
from typing import Any

from flask import request

from webbot.errors import BadInput, TooLong
from webbot.web.forms import FORBIDDEN

LARGEST = 8 * 1024 * 1024  # bytes of a body
DEEPEST = 64  # values inside of values
LONGEST_NUMBER = 32  # digits


def json_body(largest: int = LARGEST) -> dict[str, Any]:
    """The object in the request's body. Raises BadInput for anything else, TooLong over `largest` bytes.

    Refused are: other encodings than UTF-8, NaN and Infinity, numbers of over 32 digits, names given twice, values over
    64 levels deep, and texts with NUL or half a surrogate pair.
    """
    if (request.content_length or 0) > largest:
        raise TooLong("The body of the request is longer than {limit} bytes.", limit=largest)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise BadInput("Compressed bodies are not read here.")
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise BadInput("The body must be JSON, with the header Content-Type: application/json.")
    return read_object(request.get_data(cache=False))


def read_object(data: bytes) -> dict[str, Any]:
    """An object in UTF-8 JSON. Raises BadInput."""
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole, parse_float=_float,
        )
    except UnicodeDecodeError:
        raise BadInput("The body is not valid UTF-8.") from None
    except RecursionError:
        raise BadInput("The JSON in the body is nested too deeply.") from None
    except ValueError:
        raise BadInput("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadInput("The body must be a JSON object.")
    _check(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadInput("The JSON in the body gives a name twice.")
    return found


def _constant(text: str) -> None:
    raise BadInput("The number {number} is not JSON.", number=text)


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise BadInput("The JSON in the body holds a number of over {limit} digits.", limit=LONGEST_NUMBER)
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise BadInput("The JSON in the body holds a number that is too large.")
    return number


def _check(value: dict[str, Any]) -> None:
    """Depth and texts, without recursion."""
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            if FORBIDDEN.search(item):
                raise BadInput("A text in the body holds a character that is no text (NUL or half a surrogate pair).")
        elif isinstance(item, dict | list):
            if depth > DEEPEST:
                raise BadInput("The JSON in the body is nested too deeply.")
            inside = [*item, *item.values()] if isinstance(item, dict) else item
            waiting.extend((part, depth + 1) for part in inside)
