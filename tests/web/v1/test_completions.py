"""POST /v1/completions: texts that go on, in the old wire form."""

import itertools
import json

import pytest
from v1_client import events, refusal

from webbot.messages import Delta, Finished, Token, Usage
from webbot.web.v1.chunks import Head
from webbot.web.v1.continuations import Asked, chunks, completion

HEAD = Head(id="cmpl-1", created=1, model="llama", fingerprint="fp_1")


def texts(response):
    return [choice["text"] for choice in response.json["choices"]]


class TestAnswers:
    def test_a_whole_answer(self, program):
        told = program.complete("one two").json
        assert told.pop("id").startswith("cmpl-")
        assert told.pop("created") > 0
        assert told.pop("system_fingerprint").startswith("fp_")
        usage = told.pop("usage")
        assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (2, 2, 4)
        assert told == {
            "object": "text_completion", "model": "llama",
            "choices": [{"text": "one two", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        }

    def test_a_stream(self, program):
        told = events(program.complete("one two", stream=True, stream_options={"include_usage": True}))
        assert told[-1]["usage"]["total_tokens"] == 4
        choices = [chunk["choices"][0] for chunk in told[:-1]]
        assert "".join(choice["text"] for choice in choices) == "one two"
        assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
        assert {chunk["object"] for chunk in told} == {"text_completion"}

    def test_sixteen_tokens_where_nothing_is_said(self, program):
        told = program.complete("a " * 20).json
        assert (told["choices"][0]["finish_reason"], told["usage"]["completion_tokens"]) == ("length", 16)
        assert program.complete("a b c", max_tokens=1).json["choices"][0]["text"] == "a"

    def test_prompts_and_answers_are_numbered(self, program):
        response = program.complete(["one two", "three"], n=2, best_of=2)
        assert texts(response) == ["one two", "one two", "three", "three"]
        assert [choice["index"] for choice in response.json["choices"]] == [0, 1, 2, 3]
        assert response.json["usage"]["prompt_tokens"] == 3
        assert response.json["usage"]["completion_tokens"] == 6

    def test_more_prompts_than_are_in_work_at_once(self, program):
        prompts = [f"number {number}" for number in range(30)]
        assert texts(program.complete(prompts)) == prompts
        told = events(program.complete(prompts, stream=True))
        for number, prompt in enumerate(prompts):
            assert "".join(c["choices"][0]["text"] for c in told if c["choices"][0]["index"] == number) == prompt

    def test_echo(self, program):
        assert texts(program.complete(["a b", "c"], echo=True)) == ["a ba b", "cc"]
        told = events(program.complete("a b", echo=True, stream=True))
        assert "".join(chunk["choices"][0]["text"] for chunk in told) == "a ba b"

    def test_stop(self, program):
        assert texts(program.complete("one two three", stop=["two"])) == ["one "]


REFUSED = {
    "no prompt": ({}, ("prompt", "missing_required_parameter")),
    "null": ({"prompt": None}, ("prompt", "invalid_value")),
    "no prompts": ({"prompt": []}, ("prompt", "invalid_value")),
    "no ids": ({"prompt": [[]]}, ("prompt[0]", "invalid_value")),
    "mixed": ({"prompt": ["a", 1]}, ("prompt[1]", "invalid_value")),
    "a negative id": ({"prompt": [-1]}, ("prompt[0]", "invalid_value")),
    "truths": ({"prompt": [True]}, ("prompt[0]", "invalid_value")),
    "ids that the engine has not": ({"prompt": [1, 2]}, ("prompt", None)),
    "too many prompts": ({"prompt": ["a"] * 65}, ("prompt", "invalid_value")),
    "too many choices": ({"prompt": ["a"] * 64, "n": 3}, ("n", "invalid_value")),
    "the best of more": ({"prompt": "a", "best_of": 2}, ("best_of", "unsupported_parameter")),
    "the best of fewer": ({"prompt": "a", "n": 2, "best_of": 1}, ("best_of", "unsupported_parameter")),
    "suffix": ({"prompt": "a", "suffix": "b"}, ("suffix", "unsupported_parameter")),
    "six logprobs": ({"prompt": "a", "logprobs": 6}, ("logprobs", "invalid_value")),
    "logprobs as in a chat": ({"prompt": "a", "logprobs": True}, ("logprobs", "invalid_value")),
    "logprobs that the engine has not": ({"prompt": "a", "logprobs": 0}, ("logprobs", "unsupported_parameter")),
    "echoed ids": ({"prompt": [1], "echo": True}, ("echo", "unsupported_parameter")),
    "echoed logprobs": ({"prompt": "a", "echo": True, "logprobs": 1}, ("echo", "unsupported_parameter")),
    "messages": ({"prompt": "a", "messages": []}, ("messages", "unknown_parameter")),
    "a model that is not here": ({"prompt": "a", "model": "davinci-002"}, ("model", "model_not_found")),
}


@pytest.mark.parametrize(("parameters", "named"), list(REFUSED.values()), ids=list(REFUSED))
def test_refused(program, parameters, named):
    status = 404 if named[1] == "model_not_found" else 400
    assert refusal(program.post("completions", {"model": "llama", **parameters}), status) == named
    assert refusal(program.post("completions", {"model": "llama", "stream": True, **parameters}), status) == named


def test_too_long(program):
    told = refusal(program.complete(["a", "word " * 9000]), 413)
    assert told == ("prompt", "context_length_exceeded")
    assert refusal(program.complete("x" * 1_000_000), 413) == told
    assert refusal(program.complete([1] * 9000), 413) == told


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_what_prompts_took_does_not_depend_on_which_answer_ends_first(order):
    """Two answers to a prompt of two tokens and two to one of one."""
    asked = Asked(echoes=(), prompts=2, choices=4, logprobs=False)
    parts = [(number, Finished("stop", Usage(prompt_tokens=2 - number // 2, answer_tokens=number))) for number in order]
    assert completion(HEAD, parts, asked)["usage"]["prompt_tokens"] == 3
    *_, last = chunks(HEAD, parts, asked, usage=True)
    assert json.loads(last.removeprefix(b"data: "))["usage"]["total_tokens"] == 3 + 6


class TestLogprobs:
    """The old form, which the echo engine has no tokens for."""

    ASKED = Asked(echoes=(), prompts=1, choices=1, logprobs=True)
    PARTS = (
        (0, Delta("h\u00e9", (Token(b"h", -0.1, ((b"h", -0.1), (b"x", -3.0))), Token(b"\xc3", -0.2), Token(b"\xa9", -0.3)))),
        (0, Delta("", (Token(b"!", float("-inf"), ((b"?", -0.4),)),))),
        (0, Delta("!")),
        (0, Finished("stop", Usage(prompt_tokens=1, answer_tokens=4))),
    )
    WHOLE = {  # noqa: RUF012 - a table
        "tokens": ["h", "bytes:\\xc3", "bytes:\\xa9", "!"], "token_logprobs": [-0.1, -0.2, -0.3, -9999.0],
        "top_logprobs": [{"h": -0.1, "x": -3.0}, {"bytes:\\xc3": -0.2}, {"bytes:\\xa9": -0.3}, {"?": -0.4, "!": -9999.0}],
        "text_offset": [0, 1, 1, 2],
    }

    def test_of_a_whole_answer(self):
        choice = completion(HEAD, self.PARTS, self.ASKED)["choices"][0]
        assert choice["text"] == "h\u00e9!"
        assert choice["logprobs"] == self.WHOLE

    def test_of_a_stream_they_are_the_same(self):
        class Sent:
            mimetype = "text/event-stream"
            text = b"".join(chunks(HEAD, self.PARTS, self.ASKED, usage=False)).decode() + "data: [DONE]\n\n"

        told = [chunk["choices"][0]["logprobs"] for chunk in events(Sent)]
        assert told[2:] == [None, None]
        for name, values in self.WHOLE.items():
            assert told[0][name] + told[1][name] == values
