"""Messages and options as the JSON that OpenAI's API takes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from webbot.errors import BadInput
from webbot.messages import Message, Options, Tool, ToolCall

ROLES = ("system", "user", "assistant", "tool")
MOST_STOPS = 4  # OpenAI takes no more; the rest are found here
# What OpenAI does anyway. Its newer models refuse these parameters, but not their absence.
USUAL = {"temperature": 1.0, "top_p": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}

# What OpenAI's API does not know, but servers of these kinds (About.kind) do, under their own names.
MORE = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
KNOWING = ("vllm", "sglang", "llama.cpp", "webbot")
LONG = 2**17  # tokens: its newer versions know no number for all of them
NAMES = {"llama.cpp": {"repetition_penalty": "repeat_penalty"}}


class Dialect:
    """What one server takes of the API, as far as it has shown. `openai`: it is OpenAI itself; `kind` is that of About.

    `unsaid` are parameters that it refused and that can be done without: the limit has a second name, stop texts are found
    here, and usage can be estimated.
    """

    def __init__(self, openai: bool = False) -> None:
        self.openai, self.kind = openai, ""
        self.unsaid: set[str] = {"max_tokens"} if openai else set()

    def learn(self, parameter: str) -> bool:
        """Whether a request may be sent again without this parameter, which was refused. Each is learnt once."""
        name = {"max_completion_tokens": "max_completion_tokens"}.get(parameter, parameter.partition(".")[0])
        if name not in ("max_tokens", "max_completion_tokens", "stop", "stream_options") or name in self.unsaid:
            return False
        other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(name)
        if other in self.unsaid:
            return False  # it takes neither name
        self.unsaid.add(name)
        return True

    def limit(self, chat: bool) -> str:
        """The name of the limit of an answer in tokens."""
        return "max_completion_tokens" if chat and "max_tokens" in self.unsaid else "max_tokens"


def chat(messages: Sequence[Message], options: Options, stops: Sequence[str], dialect: Dialect) -> dict[str, Any]:
    """The body for /chat/completions but for its model. Raises BadInput that names what cannot be sent."""
    body = {"messages": _messages(messages), **_sampling(options, stops, dialect, chat=True)}
    if options.logprobs is not None:
        # Some servers tell nothing of the token itself when no others are asked for.
        body |= {"logprobs": True, "top_logprobs": max(1, options.logprobs)}
    if options.schema is not None:
        body["response_format"] = _format(dict(options.schema))
    if options.tools and options.tool_choice != "none":
        body["tools"] = [_tool(tool) for tool in options.tools]
        body["tool_choice"] = (
            {"type": "function", "function": {"name": options.tool}} if options.tool else options.tool_choice
        )
    return _checked(body)


def completion(prompt: str | Sequence[int], options: Options, stops: Sequence[str], dialect: Dialect) -> dict[str, Any]:
    """The body for /completions but for its model. Raises BadInput that names what cannot be sent."""
    if len(prompt) == 0:
        raise BadInput("The text is empty.", parameter="prompt")
    body = {"prompt": prompt if isinstance(prompt, str) else list(prompt), **_sampling(options, stops, dialect, chat=False)}
    for given, name in ((options.schema is not None, "response_format"), (options.tools, "tools")):
        if given:
            raise BadInput("{name} cannot be used with plain text.", name=name, parameter=name, code="unsupported_parameter")
    if options.logprobs is not None:
        body["logprobs"] = max(1, options.logprobs)
    return _checked(body)


def embeddings(texts: Sequence[str | Sequence[int]]) -> dict[str, Any]:
    """The body for /embeddings but for its model. Raises BadInput."""
    return _checked({"input": [text if isinstance(text, str) else list(text) for text in texts],
                     "encoding_format": "float"})


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Raises BadInput for a role that is not known and for a result without its call."""
    if not messages:
        raise BadInput("There is no message to answer.", parameter="messages")
    sent: list[dict[str, Any]] = []
    calls: set[str] = set()
    for message in messages:
        if message.role not in ROLES:
            raise BadInput("The role {role} is not known.", role=repr(message.role)[:40], parameter="messages")
        one: dict[str, Any] = {"role": message.role, "content": message.text}
        if message.role == "tool":
            if message.tool_call not in calls:
                raise BadInput("No message before it asks for the call that this one answers.", parameter="messages")
            one["tool_call_id"] = message.tool_call
        elif message.tool_calls:
            one |= {"content": message.text or None, "tool_calls": [_call(call) for call in message.tool_calls]}
            calls.update(call.id for call in message.tool_calls)
        sent.append(one)
    return sent


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _sampling(options: Options, stops: Sequence[str], dialect: Dialect, *, chat: bool) -> dict[str, Any]:
    values = {name: getattr(options, name) for name in USUAL}
    for name, value in values.items():
        if not math.isfinite(value):
            raise BadInput("{name} is no number that can be used.", name=name, parameter=name)
    body: dict[str, Any] = {
        name: value for name, value in values.items()
        if value != USUAL[name] or (not dialect.openai and name in ("temperature", "top_p"))
    }
    body |= _more(options, dialect)
    if options.seed is not None:
        body["seed"] = options.seed
    if options.max_tokens is not None:
        if options.max_tokens < 1:
            raise BadInput("max_tokens must be 1 or more.", parameter="max_tokens")
        body[dialect.limit(chat)] = options.max_tokens
    if stops and "stop" not in dialect.unsaid:
        body["stop"] = list(stops[:MOST_STOPS])
    if options.logit_bias:
        if not all(math.isfinite(bias) for bias in options.logit_bias.values()):
            raise BadInput("{name} is no number that can be used.", name="logit_bias", parameter="logit_bias")
        body["logit_bias"] = {str(token): bias for token, bias in options.logit_bias.items()}
    body["stream"] = True
    if "stream_options" not in dialect.unsaid:
        body["stream_options"] = {"include_usage": True}
    return body


def _more(options: Options, dialect: Dialect) -> dict[str, Any]:
    """What is asked for beyond OpenAI's API. llama.cpp's server looks at the last 64 tokens only where it is not told."""
    asked = {name: getattr(options, name) for name, usual in MORE.items() if getattr(options, name) != usual}
    for name, value in asked.items():
        if not math.isfinite(value):
            raise BadInput("{name} is no number that can be used.", name=name, parameter=name)
    if dialect.kind == "llama.cpp" and "repetition_penalty" in asked:
        asked["repeat_last_n"] = LONG
    return {NAMES.get(dialect.kind, {}).get(name, name): value for name, value in asked.items()}


def _format(schema: dict[str, Any]) -> dict[str, Any]:
    if schema == {"type": "object"}:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.parameters) or {"type": "object", "properties": {}}}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The body, every part of which must be JSON without half a character. Raises BadInput that names the part."""
    for name, value in body.items():
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:
            raise BadInput("The text holds half a character that cannot be encoded.", parameter=name) from None
        except (TypeError, ValueError, RecursionError):
            raise BadInput("This is no value that JSON can hold, or it is nested too deeply.", parameter=name) from None
    return body
