"""Chat and completions over the small model in the box: what the echo engine has no tokens, grammar or functions for."""

import json
import math
import time

import pytest
from v1_client import Program, events, refusal

pytestmark = [pytest.mark.model, pytest.mark.slow]

DIGIT = {"type": "integer", "minimum": 0, "maximum": 9}  # a small model may write digits for ever
ADD = {"type": "function", "function": {
    "name": "add", "description": "Adds two numbers.", "parameters": {
        "type": "object", "properties": {"a": DIGIT, "b": DIGIT}, "required": ["a", "b"],
        "additionalProperties": False,
    },
}}
SHAPE = {
    "type": "object", "properties": {"colour": {"enum": ["red", "green"]}}, "required": ["colour"], "additionalProperties": False,
}
NAMED = {"type": "json_schema", "json_schema": {"name": "shape", "schema": SHAPE, "strict": True}}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    from webbot.factory import create_app
    from webbot.services import Services
    from webbot.settings import load

    data = tmp_path_factory.mktemp("starter")
    paths = {name: data / name for name in ("data", "certs", "models")}
    services = Services.open(load({}, speech=False, offline=True, **paths))
    until = time.monotonic() + 60
    while services.engine.state().status != "ready" and time.monotonic() < until:
        time.sleep(0.05)
    app = create_app(services)
    app.extensions["services"] = services
    yield Program(app)
    services.close()


def test_seeds_and_several_answers(program):
    asked = {"n": 3, "seed": 7, "temperature": 1.5, "max_completion_tokens": 12}
    first = [choice["message"]["content"] for choice in program.chat("Tell me of the sea.", **asked).json["choices"]]
    again = [choice["message"]["content"] for choice in program.chat("Tell me of the sea.", **asked).json["choices"]]
    assert first == again
    assert len(set(first)) > 1


def test_logprobs(program):
    told = program.chat("Hello", logprobs=True, top_logprobs=3, temperature=0, max_tokens=8).json
    choice = told["choices"][0]
    tokens = choice["logprobs"]["content"]
    assert b"".join(bytes(token["bytes"]) for token in tokens).decode().startswith(choice["message"]["content"])
    for token in tokens:
        assert token["logprob"] <= 0
        assert len(token["top_logprobs"]) == 3
        assert math.isclose(token["logprob"], token["top_logprobs"][0]["logprob"], abs_tol=1e-4)
    growing = events(program.chat("Hello", logprobs=True, top_logprobs=3, temperature=0, max_tokens=8, stream=True))
    streamed = [t for c in growing if c["choices"][0]["logprobs"] for t in c["choices"][0]["logprobs"]["content"]]
    assert [t["bytes"] for t in streamed] == [t["bytes"] for t in tokens]


def test_logprobs_of_a_text(program):
    choice = program.complete("The sea is", logprobs=2, temperature=0, max_tokens=6).json["choices"][0]
    told = choice["logprobs"]
    assert 1 <= len(told["tokens"]) == len(told["token_logprobs"]) == len(told["text_offset"]) <= 6
    assert "".join(told["tokens"]).startswith(choice["text"])
    assert told["text_offset"][0] == 0


def test_a_bias_forces_a_token(program):
    free = program.chat("Hello", logprobs=True, temperature=0, max_tokens=4).json["choices"][0]["message"]["content"]
    forced = program.chat("Hello", logit_bias={"70": 100}, temperature=0, max_tokens=4).json["choices"][0]["message"]["content"]
    assert forced != free
    assert len(set(forced)) == 1 or len(set(forced.split())) == 1
    assert refusal(program.chat("Hello", logit_bias={"999999999": 1}))[0] == "logit_bias"


@pytest.mark.parametrize("stream", [False, True])
def test_json_that_fits_a_schema(program, stream):
    told = program.chat("A colour, please.", response_format=NAMED, temperature=2, seed=3, stream=stream)
    if stream:
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in events(told))
    else:
        text = told.json["choices"][0]["message"]["content"]
    assert json.loads(text)["colour"] in ("red", "green")


def test_a_schema_that_is_none_is_named(program):
    broken = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "unicorn"}}}
    assert refusal(program.chat("Hello", response_format=broken))[0] == "response_format"
    assert refusal(program.chat("Hello", response_format=broken, stream=True))[0] == "response_format"


def test_a_function_that_must_be_called(program):
    for choice in ("required", {"type": "function", "function": {"name": "add"}}):
        told = program.chat("What is 3 plus 4?", tools=[ADD], tool_choice=choice, parallel_tool_calls=True).json["choices"][0]
        assert told["finish_reason"] == "tool_calls"
        asked = told["message"]["tool_calls"][0]
        assert asked["function"]["name"] == "add"
        assert set(json.loads(asked["function"]["arguments"])) == {"a", "b"}
    result = {"role": "tool", "tool_call_id": asked["id"], "content": "7"}
    question = {"role": "user", "content": "What is 3 plus 4?"}
    answer = program.chat(question, told["message"], result, tools=[ADD], tool_choice="none").json["choices"][0]
    assert (answer["finish_reason"] in ("stop", "length")) and answer["message"]["content"]
    growing = events(program.chat("What is 3 plus 4?", tools=[ADD], tool_choice="required", stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in growing]
    assert [d["tool_calls"][0]["function"]["name"] for d in deltas if "tool_calls" in d] == ["add"]
    assert growing[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_instructions_alone_are_answered(program):
    assert program.chat({"role": "system", "content": "Say hello."}, max_tokens=5).status_code == 200


def test_ten_thousand_messages_are_found_before_they_are_read(program):
    began = time.monotonic()
    assert refusal(program.chat(*["Hello"] * 10_000), 413) == ("messages", "context_length_exceeded")
    assert time.monotonic() - began < 10


def test_a_stored_conversation_holds_to_a_schema_too(program):
    services = program.http.application.extensions["services"]
    talk = services.chat.create("s-ann", "")
    metadata = {"conversation_id": talk.id}
    told = program.chat("A colour, please.", response_format=NAMED, metadata=metadata).json["choices"][0]["message"]["content"]
    assert json.loads(told)["colour"] in ("red", "green")
    assert services.store.messages("s-ann", talk.id)[-1].text == told
