"""Calls of functions in a model's text: how its template writes them, a grammar that forces one, and reading what it wrote.

What is read is what models really write, which is not always what their template shows. It knows nothing of sampling.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from webbot.engines.llama import fence
from webbot.engines.llama.fence import MOST_CHARACTERS
from webbot.engines.prompts import Prompts, called, described
from webbot.errors import BadInput, Problem
from webbot.messages import Tool, ToolCall

# What models put before a call by themselves, whatever their template shows.
MARKS = ("<|python_tag|>", "<tool_call>", "[TOOL_CALLS]")
WRAPPERS = re.compile(r"<\|python_tag\|>|</?tool_call>|\[/?TOOL_CALLS\]")
ANYTHING = ("function", "parameters", "arguments", "id")  # keys that a call may begin with, besides its name and its type
OPENING = re.compile(
    r'(?:\[\s*)?(?:\{\s*(?:"(?P<key>\w*)(?:(?P<closed>")\s*(?::\s*(?:"(?P<value>[^"]*)(?P<ended>")?)?)?)?)?)?'
)
JOINING = ("allOf", "anyOf", "oneOf", "$ref", "if", "patternProperties", "unevaluatedProperties")
# As the templates' own JSON. Without it a small model could write spaces for ever.
LAYOUT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
SIGNS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Shape:
    """How a call is written: `before` name `between` arguments `behind`. The first and the last may hold control tokens."""

    before: str = '{"name": "'
    between: str = '", "parameters": '
    behind: str = "}"


class Calls:
    """The calls of one answer. `grammar` (Lark, for llguidance) forces one call, "" when none is forced.

    Raises BadInput for a forced tool that is not there and for a schema that no grammar can be made of.
    """

    def __init__(self, prompts: Prompts, tools: Sequence[Tool],
                 choice: Literal["none", "auto", "required"] = "auto", tool: str = "") -> None:
        allowed = [each for each in tools if not tool or each.name == tool]
        forced = bool(tool) or choice == "required"
        if forced and not allowed:
            raise BadInput("A function must be called that is not among the tools.", parameter="tool_choice")
        shape = shape_of(prompts)
        self.grammar = grammar(prompts, shape, allowed) if forced else ""
        self._names = tuple(each.name for each in allowed) if forced or choice == "auto" else ()
        self._wrappers, self._marks = _marks(prompts, shape)
        self._held = ""
        self._certain = forced  # that what is held is kept until the end
        self._passed = False

    def push(self, text: str) -> str:
        """The part of the text so far that cannot belong to a call."""
        if not self._names:
            return text
        self._held += text
        if self._certain or (not self._passed and may_open(self._held.lstrip(), self._names)):
            return ""
        if not self._passed and self._held.lstrip().startswith(("{", "[")):
            self._marks = self._wrappers  # an answer in JSON; what stands inside of it is its own
        places = [place for place in map(self._held.find, self._marks) if place >= 0]
        self._certain = bool(places)
        end = min(places) if places else len(self._held) - _begun(self._held, self._marks)
        if not self._passed and not self._held[:end].strip():
            return ""
        free, self._held, self._passed = self._held[:end], self._held[end:], True
        return free

    def finish(self) -> tuple[str, list[ToolCall]]:
        """The text that was held back and belongs to no call, and the calls."""
        held, self._held = self._held, ""
        text, found = read(held, self._names)
        return text, [ToolCall(name=name, arguments=arguments, id=_new_id()) for name, arguments in found]


@lru_cache(maxsize=4)
def shape_of(prompts: Prompts) -> Shape:
    """What the model's template puts around the name and the arguments of a call; plain JSON where it cannot be told."""
    name, arguments = "name_of_it", '{"key_of_it": "value_of_it"}'
    asked: list[dict[str, Any]] = [{"role": "user", "content": "x"}]
    call = called(ToolCall(name=name, arguments=arguments), "call00000")
    tools = [described(Tool(name=name))]
    try:
        opening = prompts.render(asked, tools)
        whole = prompts.render([*asked, {"role": "assistant", "content": "", "tool_calls": [call]}], tools, opening=False)
    except Problem:
        return Shape()
    written = re.fullmatch(
        rf'(.*?){name}(.*?)\{{\s*"key_of_it"\s*:\s*"value_of_it"\s*\}}(.*)', whole.removeprefix(opening), re.DOTALL
    )
    if not written or not whole.startswith(opening):
        return Shape()
    shape = Shape(written[1], written[2], _until_the_end(prompts, written[3]))
    sample = _without_controls(prompts, shape.before + name + shape.between + arguments + shape.behind)
    return shape if read(sample, (name,)) == ("", [(name, arguments)]) else Shape()


def grammar(prompts: Prompts, shape: Shape, tools: Sequence[Tool]) -> str:
    """Exactly one call of one of the tools, with arguments that fit its schema."""
    for tool in tools:
        _refuse_giants(tool)
    rules = [_rule(prompts, shape, tool, number) for number, tool in enumerate(tools)]
    # llguidance reads text that it forces with control tokens: where one's text stands in a tool, nothing is forced ahead.
    names = json.dumps([[tool.name, dict(tool.parameters)] for tool in tools], ensure_ascii=False)
    options = json.dumps({"no_forcing": prompts.holds_control(names)})
    return "\n".join([f"%llguidance {options}", "start: " + " | ".join(f"call_{number}" for number in range(len(rules))), *rules])


def may_open(text: str, names: Collection[str]) -> bool:
    """Whether a text that goes on may be a call written as JSON, or a list of calls."""
    found = OPENING.match(text)
    assert found is not None  # every part of it is optional
    whole = found.end() == len(text)
    key, value = found["key"], found["value"]
    known = {"name": names, "type": ("function",)}
    if key is None:
        return whole
    if not found["closed"]:
        return whole and any(word.startswith(key) for word in (*known, *ANYTHING))
    if key not in known or value is None:
        return key in ANYTHING or (key in known and whole)
    return value in known[key] if found["ended"] else any(word.startswith(value) for word in known[key])


def read(text: str, names: Collection[str]) -> tuple[str, list[tuple[str, str]]]:
    """The text without its calls, and the calls as (name, JSON text of the arguments). A name not in `names` is no call."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    left: list[str] = []
    calls: list[tuple[str, str]] = []
    at = 0
    for start in (found.start() for found in re.finditer(r"[\[{]", text)):
        if start < at:
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        found_here = [_call_in(part, names) for part in (value if isinstance(value, list) else [value])]
        whole = [call for call in found_here if call]
        left.append(text[at:start] if whole and len(whole) == len(found_here) else text[at:end])
        calls += whole if len(whole) == len(found_here) else []
        at = end
    if not calls:
        return text, []
    return WRAPPERS.sub("", "".join([*left, text[at:]])).strip("; \t\r\n"), calls


def _rule(prompts: Prompts, shape: Shape, tool: Tool, number: int) -> str:
    name = json.dumps(tool.name, ensure_ascii=False)[1:-1] if shape.before.endswith('"') else tool.name
    for lenient in (False, True):
        schema = closed(tool.parameters)
        whole = _whole_schema(shape, tool.name, schema)
        guided = json.dumps({**(whole or schema), "x-guidance": {**LAYOUT, "lenient": lenient}})
        # The control tokens of the rule are known only to a tokenizer, so the schema is tried by itself.
        reason = fence.check(f"start: %json {guided}")
        if not reason and whole:
            return f"call_{number}: %json {guided}"
        if not reason:
            ends = [_literal(prompts, shape.before), json.dumps(name), _literal(prompts, shape.between)]
            return " ".join([f"call_{number}:", *ends, "%json", guided, _literal(prompts, shape.behind)])
    raise _refusal(tool, " ".join(reason.split())[:160])


def _whole_schema(shape: Shape, name: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema of a call that is nothing but JSON: llguidance tells it from another schema's JSON as it is written. None
    where there is more around it, or where the schema refers to parts of itself by their place."""
    text = shape.before + json.dumps(name)[1:-1] + shape.between + "{}" + shape.behind
    try:
        parts = json.loads(text)
    except ValueError:
        return None
    if json.dumps(parts) != text or not isinstance(parts, dict) or "$ref" in json.dumps(schema):
        return None
    properties = {key: schema if value == {} else {"const": value} for key, value in parts.items()}
    return {"type": "object", "properties": properties, "required": list(parts), "additionalProperties": False}


def _refuse_giants(tool: Tool) -> None:
    try:
        if len(json.dumps(dict(tool.parameters))) > MOST_CHARACTERS:
            raise _refusal(tool, "it is too large")
    except RecursionError:
        raise _refusal(tool, "it is nested too deeply") from None


def _refusal(tool: Tool, reason: str) -> BadInput:
    return BadInput("The parameters of the function {name} are no schema that can be used ({reason}).", name=tool.name[:64],
                    reason=reason, parameter="tools")


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object; without arguments that it does not name, unless it says that there may be others."""
    whole: dict[str, Any] = {"type": "object", **(schema or {"properties": {}})}
    if "properties" in whole and not any(word in whole for word in JOINING):
        whole.setdefault("additionalProperties", False)
    return whole


def _literal(prompts: Prompts, text: str) -> str:
    """A text of the template in Lark: control tokens by their number, the rest as strings."""
    words = sorted((word for word in prompts.controls if word), key=len, reverse=True)
    parts = re.split("(" + "|".join(map(re.escape, words)) + ")", text) if words else [text]
    return " ".join(f"<[{prompts.controls[part]}]>" if part in prompts.controls else json.dumps(part) for part in parts if part)


def _without_controls(prompts: Prompts, text: str) -> str:
    for word in prompts.controls:
        text = text.replace(word, "") if word else text
    return text


def _until_the_end(prompts: Prompts, behind: str) -> str:
    """What stands behind a call, before the control token that ends an answer (or, where there is none, any control token)."""
    ends = [word for word, number in prompts.controls.items() if number == prompts.end_of_answer() and word in behind]
    ends = ends or [word for word in prompts.controls if word and word in behind]
    return behind[:min(map(behind.index, ends), default=len(behind))].rstrip()


def _marks(prompts: Prompts, shape: Shape) -> tuple[frozenset[str], frozenset[str]]:
    """The texts that begin a call wherever they stand, as they come from the model (without control tokens): those around its
    JSON alone, and all."""
    before = _without_controls(prompts, shape.before)
    start = next((place for place, sign in enumerate(before) if sign in "[{"), len(before))
    wrappers = frozenset(mark for mark in (before[:start].strip(), *MARKS) if mark)
    return wrappers, wrappers | frozenset(mark for mark in (before[start:], Shape().before) if mark)


def _begun(text: str, marks: Collection[str]) -> int:
    """How many characters at the end of the text may be the beginning of a mark."""
    longest = max(map(len, marks))
    return next((size for size in range(min(longest, len(text)), 0, -1)
                 if any(mark.startswith(text[-size:]) for mark in marks)), 0)


def _call_in(value: Any, names: Collection[str]) -> tuple[str, str] | None:
    if not isinstance(value, dict):
        return None
    function = value.get("function")
    inside = function if isinstance(function, dict) else value
    name = inside.get("name", function)
    arguments: Any = next((inside[key] for key in ("parameters", "arguments") if inside.get(key) is not None), {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}", parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return None
    if not isinstance(name, str) or name not in names or not isinstance(arguments, dict):
        return None
    written = json.dumps(arguments, ensure_ascii=False)
    return name, written if written.isascii() or _is_whole(written) else json.dumps(arguments)


def _is_whole(text: str) -> bool:
    """Whether the text can be sent: half of a surrogate pair cannot."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _new_id() -> str:
    return "call_" + "".join(secrets.choice(SIGNS) for _ in range(24))
