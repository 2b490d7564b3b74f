"""Messages and tools to token ids, piece by piece, so that what a person types can never become a control token.

The model's own chat template (rendered in a process of its own, see llama/template) says what stands between the texts: it
is rendered with placeholders and cut there. Its pieces are read with control tokens, the texts without. Tools, calls and their
results go through the template as they are, because it may write them as JSON: in them each control token's text has a
placeholder of its own.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain, zip_longest
from typing import Any

from webbot.engines.llama.template import TemplateError, renderer
from webbot.errors import BadInput, Problem, Unusable
from webbot.messages import Message, Tool, ToolCall

ROLES = ("system", "user", "assistant", "tool")
PLAIN_ROLES = ROLES[:3]
# The Llama 3 templates print a date. A fixed one (their own default) keeps the prompt, and so the prefix cache, stable.
DATE = "26 Jul 2024"
PLACEHOLDER = re.compile("\ue000([0-9]{1,9})\ue001")
NO_TEMPLATE = "The model has no chat template. Please use one that is made for conversations (Instruct)."
PROBE = Tool(name="probe_of_tools", parameters={"type": "object", "properties": {}})


class Prompts(ABC):
    """Makes prompts for one model; a subclass reads its tokens and renders its template.

    A prompt takes `opening` tokens, and for each message `frame` tokens and those of its text. A template that
    speaks for itself when there is no system message takes those tokens in addition then, and so do tools and calls.
    `control_ids` are the control tokens, `controls` the same by their text. `speaks_tools`: the template shows tools.
    """

    def __init__(self, controls: Mapping[str, int]) -> None:
        self.controls, self.control_ids = dict(controls), frozenset(controls.values())
        self._piece_ids = lru_cache(maxsize=256)(self.read_piece)
        self._measure()

    @abstractmethod
    def read_piece(self, piece: str) -> list[int]:
        """The token ids of a part of the template, its control tokens read as such."""

    @abstractmethod
    def read_text(self, text: str) -> list[int]:
        """The token ids of a text in which control tokens are the characters they are."""

    @abstractmethod
    def template(self, tools: list[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        """The chat template for a prompt with these tools, and the names that it finds beside DATE's and those of the
        conversation. May raise TypeError, ValueError or RecursionError."""

    def build(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """The token ids of the messages, of the tools that the model may ask for, and of the opening of an answer.

        An assistant's message at the end stays open, so that the model goes on exactly where its text stops: it stands behind
        the opening of an answer, as it was written, without the template's end of it. Raises BadInput for an unknown role, for
        tools or calls that the template cannot show, and for a tool's message that answers no call.
        """
        for message in messages:
            if message.role not in ROLES:
                raise BadInput("The role {role} is not known.", role=repr(message.role)[:40])
        if not is_begun(messages):
            return self._build_whole(messages, tools)
        if len(messages) == 1:
            raise BadInput("There is no question before the answer that is to be gone on with.", parameter="messages")
        # Not trimmed where the template trims: what was written is not changed.
        return [*self._build_whole(messages[:-1], tools), *self._read_as_text(messages[-1].text)]

    def _build_whole(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[int]:
        if tools or any(message.role == "tool" or message.tool_calls for message in messages):
            return self._build_with_tools(messages, tools)
        pieces = [self._piece_ids(piece) for piece in self._pieces(tuple(message.role for message in messages))]
        texts = [self._encode_text(message.text) for message in messages]
        return list(chain.from_iterable(chain.from_iterable(zip_longest(pieces, texts, fillvalue=()))))

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(self._encode_text(text)) for text in texts]

    def end_of_answer(self) -> int | None:
        """The control token that the template puts behind an answer, if any."""
        behind = self._piece_ids(self._pieces(("user", "assistant", "user"))[2])
        return behind[0] if behind and behind[0] in self.control_ids else None

    def render(self, chat: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = (), opening: bool = True) -> str:
        """What the template makes of messages and tools in transformers' form, with the opening of an answer or without."""
        try:
            source, names = self.template(list(tools))
            return renderer().render(source, {
                **names, "messages": list(chat), "tools": list(tools) or None, "documents": None,
                "add_generation_prompt": opening, "date_string": DATE,
            })
        except (TemplateError, TypeError, ValueError, RecursionError) as error:
            raise Unusable("The model's chat template cannot be used ({reason}).", reason=str(error)[:160]) from None

    @cached_property
    def shows_several_calls(self) -> bool:
        """Whether the template takes more than one call in a message. That of Llama 3 refuses."""
        words = ("first", "second")
        calls = [called(ToolCall(name=f"probe_{word}", arguments="{}"), _number(place)) for place, word in enumerate(words)]
        answer: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": calls}
        try:
            shown = self.render([{"role": "user", "content": "x"}, answer], [described(PROBE)])
        except Problem:
            return False
        return all(f"probe_{word}" in shown for word in words)

    def _build_with_tools(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[int]:
        self._refuse_calls(messages, tools)
        disguise = _Disguise(self, first=len(messages))
        try:
            chat = list(_entries(messages, disguise))
            shown = [disguise(described(tool)) for tool in tools]
        except RecursionError:
            raise BadInput("The functions are nested too deeply.", parameter="tools") from None
        parts = PLACEHOLDER.split(self.render(chat, shown))
        numbers = [int(number) for number in parts[1::2]]
        texts = [self._encode_text(message.text) if _is_plain(message) else [] for message in messages]
        texts += [self._read_as_text(text) for text in disguise.texts]
        plain = [number for number, message in enumerate(messages) if _is_plain(message)]
        if [number for number in numbers if number < len(messages)] != plain or max(numbers, default=0) >= len(texts):
            raise Unusable("The model's chat template does not show every message once, in order.")
        pieces = [self.read_piece(piece) for piece in parts[::2]]
        return list(chain.from_iterable(chain.from_iterable(
            zip_longest(pieces, (texts[number] for number in numbers), fillvalue=())
        )))

    def _refuse_calls(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        if not self.speaks_tools:
            raise BadInput("The model knows no functions: its chat template has no place for them.",
                           parameter="tools" if tools else "messages", code="unsupported_parameter")
        if any(len(message.tool_calls) > 1 for message in messages) and not self.shows_several_calls:
            raise BadInput("The model reads one function call in a message, not several.", parameter="messages")

    def _encode_text(self, text: str) -> list[int]:
        return self._read_as_text(text.strip() if self.trims else text)

    def _read_as_text(self, text: str) -> list[int]:
        ids = self.read_text(text)
        if not self.control_ids.isdisjoint(ids):
            raise BadInput("The text holds a control token of the model that cannot be read as text.")
        return ids

    def holds_control(self, text: str) -> bool:
        """Whether a control token would be read from this text if it stood in the template."""
        return not self.control_ids.isdisjoint(self.read_piece(text))

    def _pieces(self, roles: tuple[str, ...]) -> list[str]:
        """What the template puts before, between and behind the texts: len(roles) + 1 pieces."""
        rendered = self.render([{"role": role, "content": f"\ue000{number}\ue001"} for number, role in enumerate(roles)])
        parts = PLACEHOLDER.split(rendered)
        if [int(number) for number in parts[1::2]] != list(range(len(roles))):
            raise Unusable("The model's chat template does not show every message once, in order.")
        return parts[::2]

    def _measure(self) -> None:
        self.trims = " \ue000 " not in self.render([{"role": "user", "content": " \ue000 "}])
        short, long = (self._structure_tokens(roles) for roles in (PLAIN_ROLES[:2], (*PLAIN_ROLES, "user")))
        self.frame = -(-(long - short) // 2)
        self.opening = short - 2 * self.frame
        self._structure_tokens(("user",))
        try:
            self.speaks_tools = PROBE.name in self.render([{"role": "user", "content": "x"}], [described(PROBE)])
        except Problem:
            self.speaks_tools = False

    def _structure_tokens(self, roles: tuple[str, ...]) -> int:
        return sum(len(self._piece_ids(piece)) for piece in self._pieces(roles))


class _Disguise:
    """Strings as the template may see them: no control token's text and no placeholder of a person's own in them.

    `texts` are what the placeholders stand for; they are numbered from `first`.
    """

    def __init__(self, prompts: Prompts, first: int) -> None:
        self._prompts, self._first = prompts, first
        self.texts: list[str] = []
        words = sorted((text for text in prompts.controls if text), key=len, reverse=True)
        # Without regard to case: a template may change it.
        self._forbidden = re.compile("|".join(["[\ue000\ue001]", *map(re.escape, words)]), re.IGNORECASE)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, Mapping):
            return {self._string(str(key)): self(part) for key, part in value.items()}
        return [self(part) for part in value] if isinstance(value, list | tuple) else value

    def _string(self, text: str) -> str:
        if any(self._prompts.holds_control(part) for part in self._forbidden.split(text)):
            raise BadInput("The text holds a control token of the model that cannot be read as text.")
        return self._forbidden.sub(self._placeholder, text)

    def _placeholder(self, found: re.Match[str]) -> str:
        self.texts.append(found[0])
        return f"\ue000{self._first + len(self.texts) - 1}\ue001"


def is_begun(messages: Sequence[Message]) -> bool:
    """Whether the last message is an answer that is gone on with."""
    return bool(messages) and messages[-1].role == "assistant" and not messages[-1].tool_calls


def read_message(value: Mapping[str, Any]) -> Message:
    """A message as it comes over the socket."""
    calls = tuple(ToolCall(**call) for call in value.get("tool_calls", ()))
    return Message(role=value["role"], text=value["text"], tool_calls=calls, tool_call=value.get("tool_call", ""))


def described(tool: Tool) -> dict[str, Any]:
    """A tool as templates take it. One without a schema takes no arguments."""
    parameters = tool.parameters or PROBE.parameters
    return {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": parameters}}


def called(call: ToolCall, number: str) -> dict[str, Any]:
    """A call as templates take it, its arguments as an object where they are one."""
    try:
        arguments: Any = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = call.arguments  # a model wrote it, and a program may send it back
    return {"id": number, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _number(place: int) -> str:
    """Names a call in nine letters and digits: templates of Mistral take no other identifiers."""
    return f"call{place:05d}"


def _is_plain(message: Message) -> bool:
    """Whether a message is nothing but its text, which the template must show."""
    return message.role != "tool" and not message.tool_calls


def _entries(messages: Sequence[Message], disguise: _Disguise) -> Any:
    """The messages as the template takes them."""
    calls: dict[str, tuple[str, str]] = {}
    for place, message in enumerate(messages):
        if _is_plain(message):
            yield {"role": message.role, "content": f"\ue000{place}\ue001"}
        elif message.role == "tool":
            if message.tool_call not in calls:
                raise BadInput("A tool's message answers the call {call}, which no message before it made.",
                               call=repr(message.tool_call)[:60], parameter="messages")
            number, name = calls[message.tool_call]
            yield {"role": "tool", "tool_call_id": number, "name": disguise(name), "content": disguise(message.text)}
        else:
            asked = []
            for call in message.tool_calls:
                number = _number(len(calls))
                calls[call.id] = number, call.name
                asked.append(disguise(called(call, number)))
            yield {"role": message.role, "content": disguise(message.text), "tool_calls": asked}
