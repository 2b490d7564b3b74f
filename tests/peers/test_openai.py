"""The official openai package against a live server with the starter: chat completions, as its users write them."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest

from tests.browser.talk import idle
from tests.peers.conftest import authority
from tests.peers.packages import GREEDY, MODEL, Person, asked, client_of
from tests.peers.schemas import TIME, WEATHER

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def client(starter):
    return client_of(starter)

def test_a_chat(client):
    answer = client.chat.completions.create(**GREEDY, messages=asked())
    assert "Paris" in answer.choices[0].message.content
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_chat_remembers_what_was_said_before(client):
    said = [
        {"role": "system", "content": "You are a helpful, friendly assistant."}, {"role": "user", "content": "My name is Zorbo."},
        {"role": "assistant", "content": "Hello Zorbo!"},
        {"role": "user", "content": [{"type": "text", "text": "What is my name?"}]},
    ]
    assert "Zorbo" in client.chat.completions.create(**GREEDY, messages=said).choices[0].message.content


def test_a_stream_with_its_usage(client):
    whole = client.chat.completions.create(**GREEDY, messages=asked())
    chunks = list(client.chat.completions.create(**GREEDY, messages=asked(), stream=True, stream_options={"include_usage": True}))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    told = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert told[0].delta.role == "assistant"
    assert "".join(choice.delta.content or "" for choice in told) == whole.choices[0].message.content
    assert [choice.finish_reason for choice in told if choice.finish_reason] == ["stop"]
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert not chunks[-1].choices
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_the_stream_helper_puts_the_answer_together(client):
    with client.chat.completions.stream(**GREEDY, messages=asked()) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert "Paris" in final.choices[0].message.content


def test_several_answers(client):
    options = {"model": MODEL, "messages": asked("Tell me a story"), "temperature": 1.2, "seed": 5, "max_tokens": 12}
    answer = client.chat.completions.create(**options, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1, "each has a chance of its own"
    chunks = client.chat.completions.create(**options, n=2, stream=True)
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1}


def test_the_same_seed_gives_the_same_answer(client):
    options = {"model": MODEL, "messages": asked("Tell me a story"), "temperature": 1.3, "max_completion_tokens": 30}
    texts = [client.chat.completions.create(**options, seed=seed).choices[0].message.content for seed in (7, 7, 8)]
    assert texts[0] == texts[1] != texts[2]


def test_stop_texts_and_limits(client):
    whole = client.chat.completions.create(**GREEDY, messages=asked()).choices[0].message.content
    cut = client.chat.completions.create(**GREEDY, messages=asked(), stop=["Paris"]).choices[0]
    assert cut.message.content == whole[: whole.index("Paris")]
    assert cut.finish_reason == "stop"
    short = client.chat.completions.create(**GREEDY, messages=asked(), max_tokens=2)
    assert short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens == 2


def test_log_probabilities(client):
    answer = client.chat.completions.create(**GREEDY, messages=asked(), logprobs=True, top_logprobs=3)
    tokens = answer.choices[0].logprobs.content
    assert b"".join(bytes(token.bytes) for token in tokens).decode().strip() == answer.choices[0].message.content.strip()
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in tokens)
    assert all(token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob for token in tokens)
    first = client.chat.completions.create(**GREEDY, messages=asked(), max_tokens=1, logprobs=True, top_logprobs=0)
    assert first.choices[0].logprobs.content[0].top_logprobs == []


def test_penalties_and_bias_change_what_is_said(client):
    plain_text = client.chat.completions.create(**GREEDY, messages=asked()).choices[0].message.content
    options = {"presence_penalty": 2.0, "frequency_penalty": 2.0, "logit_bias": {str(number): -100 for number in range(8, 300)}}
    assert client.chat.completions.create(**GREEDY, messages=asked(), **options).choices[0].message.content != plain_text


def test_json_that_fits_a_schema(client):
    answer = client.chat.completions.parse(**GREEDY, messages=asked("Tell me about a person"), response_format=Person)
    person = answer.choices[0].message.parsed
    assert isinstance(person, Person)
    assert answer.choices[0].finish_reason == "stop"
    kind = client.chat.completions.create(**GREEDY, messages=asked("A person as JSON"), response_format={"type": "json_object"},
                                          max_tokens=200)
    if kind.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(kind.choices[0].message.content), dict)


def test_a_tool_is_called_and_its_result_is_read(client):
    tools = [{"type": "function", "function": WEATHER}, {"type": "function", "function": TIME}]
    question = asked("What is the weather in Paris?")
    answer = client.chat.completions.create(**GREEDY, messages=question, tools=tools, tool_choice="required")
    assert answer.choices[0].finish_reason == "tool_calls"
    assert {call.function.name for call in answer.choices[0].message.tool_calls} <= {"get_weather", "get_time"}
    named = {"type": "function", "function": {"name": "get_weather"}}
    answer = client.chat.completions.create(**GREEDY, messages=question, tools=tools, tool_choice=named)
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    arguments = json.loads(call.function.arguments)
    assert set(arguments) == {"city", "unit"}
    assert arguments["unit"] in ("celsius", "fahrenheit")
    told = [*question, answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "It is sunny."}]
    again = client.chat.completions.create(**GREEDY, messages=told, tools=tools)
    assert again.choices[0].finish_reason in ("stop", "tool_calls", "length")
    free = client.chat.completions.create(**GREEDY, messages=question, tools=tools, tool_choice="none")
    assert not free.choices[0].message.tool_calls
    assert free.choices[0].message.content


def test_a_tool_call_as_a_stream(client):
    named = {"type": "function", "function": {"name": "get_weather"}}
    tools = [{"type": "function", "function": WEATHER}]
    chunks = list(client.chat.completions.create(**GREEDY, messages=asked("Weather in Rome?"), tools=tools, tool_choice=named,
                                                 stream=True))
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert calls[0].id
    assert calls[0].function.name == "get_weather"
    assert set(json.loads("".join(call.function.arguments or "" for call in calls))) == {"city", "unit"}
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "tool_calls"


def test_a_reader_that_leaves_frees_the_model(client, starter):
    stream = client.chat.completions.create(model=MODEL, messages=asked("Tell me a story"), temperature=1.5, stream=True)
    next(iter(stream))
    stream.close()
    idle(starter, 2)


async def _both(server):
    trusting = openai.DefaultAsyncHttpxClient(verify=authority(server))
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", http_client=trusting) as talking:
        return await asyncio.gather(*(talking.chat.completions.create(**GREEDY, messages=asked()) for _ in range(4)))


def test_the_asynchronous_client(starter):
    answers = asyncio.run(_both(starter))
    assert all("Paris" in answer.choices[0].message.content for answer in answers)
