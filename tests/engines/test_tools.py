"""Calls of functions: the shape each family's template gives them, grammars that force one, and reading what models write."""

import json
import re

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer

from tests.engines.tool_templates import FAMILIES, tokenizer_of
from webbot.engines.llama.grammar import Constraint
from webbot.engines.llama.prompt import PromptBuilder
from webbot.engines.llama.tools import Calls, Shape, shape_of
from webbot.engines.llama.vocabulary import Vocabulary
from webbot.errors import BadInput
from webbot.messages import Tool

pytestmark = pytest.mark.model
WEATHER = Tool(name="get_weather", description="The weather in a place", parameters={
    "type": "object", "properties": {"location": {"type": "string"}, "unit": {"enum": ["C", "F"]}}, "required": ["location"],
})
CLOCK = Tool(name="clock")
TOOLS = [WEATHER, CLOCK]
SHAPES = {
    "starter": Shape(),
    "llama": Shape(),
    "llama-system": Shape(),
    "hermes": Shape('<tool_call>\n{"name": "', '", "arguments": ', "}\n</tool_call>"),
    "mistral": Shape('[TOOL_CALLS] [{"name": "', '", "arguments": ', ', "id": "call00000"}]'),
}


def nested(depth):
    schema = {"type": "object"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    tokenizer = tokenizer_of(request.param)
    return request.param, PromptBuilder(tokenizer), tokenizer


@pytest.fixture(scope="module")
def prompts():
    return PromptBuilder(tokenizer_of("starter"))


def written(calls, text, size=3):
    """What comes out while `text` is written a few characters at a time, and what at the end."""
    free = "".join(calls.push(text[at:at + size]) for at in range(0, len(text), size))
    rest, found = calls.finish()
    return free, rest, [(call.name, call.arguments) for call in found]


def test_the_template_says_how_a_call_is_written(family):
    name, prompts, _ = family
    assert shape_of(prompts) == SHAPES[name]


@pytest.mark.parametrize("template", [
    "{{ messages[0]['content'] }}{% for m in messages[1:] %}{{ m['content'] }}{% endfor %}",
    "{% for m in messages %}{{ m['content'] }}{% if m['tool_calls'] %}{{ raise_exception('no') }}{% endif %}{% endfor %}",
    "{% for m in messages %}{{ m['content'] }}{% if m['tool_calls'] %}<call>{{ m['tool_calls'][0].function.name }}"
    "{% for key, value in m['tool_calls'][0].function.arguments.items() %}<{{ key }}>{{ value }}{% endfor %}{% endif %}"
    "{% endfor %}",
])
def test_plain_json_where_the_template_cannot_say(template):
    tokenizer = tokenizer_of("starter")
    tokenizer.chat_template = template
    assert shape_of(PromptBuilder(tokenizer)) == Shape()


def accepts(grammar, tokenizer, text):
    """Whether the grammar takes the whole text and nothing must follow; control tokens in it are control tokens."""
    matcher = LLMatcher(from_tokenizer(tokenizer), grammar)
    assert not matcher.is_error(), matcher.get_error()
    ids = tokenizer.encode(text, add_special_tokens=False)
    return all(matcher.consume_token(token) for token in ids) and matcher.is_accepting()


def as_call(shape, name, arguments):
    return shape.before + name + shape.between + arguments + shape.behind


def test_a_forced_call_is_one_of_the_tools_and_fits_its_schema(family):
    _, prompts, tokenizer = family
    shape, grammar = shape_of(prompts), Calls(prompts, TOOLS, "required").grammar
    for name, arguments in (
        ("get_weather", '{"location": "Ulm"}'), ("get_weather", '{"location": "Ulm é\\"", "unit": "C"}'), ("clock", "{}"),
    ):
        assert accepts(grammar, tokenizer, as_call(shape, name, arguments))
    for name, arguments in (
        ("get_weather", "{}"), ("get_weather", '{"location": 3}'), ("clock", '{"location": "Ulm"}'), ("other", "{}"),
        ("get_weather", '{"location": "Ulm", "unit": "K"}'), ("get_weather", '{"location": "Ulm", "more": 1}'),
    ):
        assert not accepts(grammar, tokenizer, as_call(shape, name, arguments))
    assert not accepts(grammar, tokenizer, "Hello!")
    assert not accepts(grammar, tokenizer, as_call(shape, "clock", "{}") + as_call(shape, "clock", "{}"))


def test_a_named_tool_is_the_only_one_allowed(family):
    _, prompts, tokenizer = family
    shape, calls = shape_of(prompts), Calls(prompts, TOOLS, "auto", "clock")
    assert accepts(calls.grammar, tokenizer, as_call(shape, "clock", "{}"))
    assert not accepts(calls.grammar, tokenizer, as_call(shape, "get_weather", '{"location": "Ulm"}'))


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_nothing_is_forced_otherwise(prompts, choice):
    assert Calls(prompts, TOOLS, choice).grammar == ""


def test_what_is_forced_is_read_back(family):
    _, prompts, _ = family
    text = prompts.decode(prompts.read_piece(as_call(shape_of(prompts), "get_weather", '{"location": "Ulm"}')))
    for options in (("required",), ("auto", "get_weather"), ("auto",)):
        assert written(Calls(prompts, TOOLS, *options), text) == ("", "", [("get_weather", '{"location": "Ulm"}')])


@pytest.mark.parametrize(("parameters", "yes", "no"), [
    ({}, "{}", '{"a": 1}'),
    ({"type": "object"}, '{"a": [1, null, "b"]}', "[]"),
    ({"properties": {"n": {"type": "integer", "minimum": 3}}}, '{"n": 12}', '{"n": 2}'),
    ({"type": "object", "properties": {"a": {"$ref": "#/$defs/one"}}, "$defs": {"one": {"const": 1}}}, '{"a": 1}', '{"a": 2}'),
    ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, '{"a": 1, "b": 2}', "3"),
    ({"type": "object", "properties": {"day": {"type": "string", "format": "of my own"}}}, '{"day": "x"}', '{"day": 1}'),
    ({"allOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "string"}}}]}, '{"a": "1"}', "1"),
])
def test_many_schemas(prompts, parameters, yes, no):
    tokenizer = prompts._tokenizer
    grammar = Calls(prompts, [Tool(name="f", parameters=parameters)], "required").grammar
    assert accepts(grammar, tokenizer, as_call(Shape(), "f", yes))
    assert not accepts(grammar, tokenizer, as_call(Shape(), "f", no))


@pytest.mark.parametrize("parameters", [
    {"type": "nothing"}, {"type": "object", "properties": {"a": {"$ref": "https://example.org/x"}}}, {"properties": 3},
    {"properties": {"a": {"type": "string", "pattern": "("}}}, {"title": "x" * 300_000}, nested(200), nested(5000),
])
def test_schemas_that_are_none(prompts, parameters):
    with pytest.raises(BadInput, match="no schema") as refused:
        _ = Calls(prompts, [Tool(name="f", parameters=parameters)], "required").grammar
    assert refused.value.parameter == "tools"


def test_a_call_or_an_answer_that_fits_a_schema(family):
    _, prompts, tokenizer = family
    vocabulary = Vocabulary(tokenizer, len(tokenizer), [tokenizer.eos_token_id])
    answer = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    for text in ('{"n": 3}', as_call(shape_of(prompts), "clock", "{}")):
        constraint = Constraint.of_calls(vocabulary.grammatical, Calls(prompts, TOOLS, "required").grammar, answer)
        for token in tokenizer.encode(text, add_special_tokens=False):
            assert constraint.allowed()[token]
            constraint.accept(token)
        assert constraint.allowed()[tokenizer.eos_token_id]


def followed(grammar, tokenizer):
    """A text that the grammar allows: always the longest of the tokens that may come."""
    matcher, ids = LLMatcher(from_tokenizer(tokenizer), grammar), []
    while not matcher.is_stopped() and len(ids) < 400:
        assert not matcher.is_error(), matcher.get_error()
        bits = numpy.unpackbits(numpy.frombuffer(matcher.compute_bitmask(), numpy.uint8), bitorder="little")
        ids.append(max(numpy.flatnonzero(bits).tolist(), key=lambda token: len(tokenizer.decode([token]))))
        assert matcher.consume_token(ids[-1])
    return ids


@pytest.mark.parametrize("word", ['"', "\\", "<|eot_id|>", "\n", "a b", "</tool_call>", "日本", "{", '" %json {} "'])
def test_strange_words_stay_words(family, word):
    """A name, a key and an enum of any characters can neither break the grammar nor become a control token."""
    _, prompts, tokenizer = family
    strange = Tool(name=word, parameters={"properties": {word: {"enum": [word]}}, "required": [word]})
    calls = Calls(prompts, [strange], "required")
    ids = followed(calls.grammar, tokenizer)
    assert written(calls, prompts.decode(ids)) == ("", "", [(word, json.dumps({word: word}, ensure_ascii=False))])
    expected = [prompts.controls[found] for found in re.findall(r"\[TOOL_CALLS\]", shape_of(prompts).before)]
    assert [i for i in ids if i in prompts.control_ids and i != tokenizer.eos_token_id] == expected


def test_a_forced_tool_must_be_there(prompts):
    for tools, choice, tool in ((TOOLS, "auto", "other"), ([], "required", "")):
        with pytest.raises(BadInput) as refused:
            Calls(prompts, tools, choice, tool)
        assert refused.value.parameter == "tool_choice"


CLOCKED = ("clock", "{}")
ULM = ("get_weather", '{"location": "Ulm"}')


@pytest.mark.parametrize(("text", "left", "calls"), [
    ('{"name": "get_weather", "parameters": {"location": "Ulm"}}', "", [ULM]),
    ('\n {"name":"get_weather","arguments":{"location":"Ulm"}}\n', "", [ULM]),
    ('{"name": "get_weather", "arguments": "{\\"location\\": \\"Ulm\\"}"}', "", [ULM]),
    ('{"type": "function", "name": "get_weather", "parameters": {"location": "Ulm"}}', "", [ULM]),
    ('{"type": "function", "function": {"name": "get_weather", "arguments": {"location": "Ulm"}}}', "", [ULM]),
    ('{"function": "get_weather", "parameters": {"location": "Ulm"}}', "", [ULM]),
    ('{"parameters": {"location": "Ulm"}, "name": "get_weather"}', "", [ULM]),
    ('<|python_tag|>{"name": "get_weather", "parameters": {"location": "Ulm"}}', "", [ULM]),
    ('{"name": "get_weather", "parameters": {"location": "Ulm"}}; {"name": "clock", "parameters": {}}', "", [ULM, CLOCKED]),
    ('[{"name": "get_weather", "arguments": {"location": "Ulm"}}, {"name": "clock"}]', "", [ULM, ("clock", "{}")]),
    ('[TOOL_CALLS] [{"name": "clock", "arguments": {}, "id": "abc"}]', "", [("clock", "{}")]),
    ('<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>\n<tool_call>\n{"name": "get_weather", "arguments": '
     '{"location": "Ulm"}}\n</tool_call>', "", [("clock", "{}"), ULM]),
    ('Let me look. <tool_call>{"name": "clock", "arguments": {}}</tool_call>', "Let me look. ", [("clock", "{}")]),
    ('Let me look: {"name": "clock", "parameters": {}} There.', "Let me look: There.", [("clock", "{}")]),
    ('{"name": "clock", "parameters": null}', "", [("clock", "{}")]),
])
def test_calls_as_models_write_them(prompts, text, left, calls):
    for size in (1, 3, 1000):
        free, rest, found = written(Calls(prompts, TOOLS), text, size)
        assert (free + rest, found) == (left, calls)


@pytest.mark.parametrize("text", [
    "Hello!", "", " ", "\n\nHi {there}", '{"answer": 42}', "[1, 2]", "{", "<tool", "a < b <tool_call", "[TOOL_CALLS]", "[" * 3000,
    '{"name": ' * 900, '{"name": "other", "parameters": {}}', '{"name": "Anna", "age": 3}', '{"name": {"name": "clock"}}',
    '{"name": "get_weather", "parameters": {"location": "Ul', '{"name": "get_weather", "parameters": [1]}',
    '{"name": "get_weather", "parameters": {"location": NaN}}', '{"name": ["get_weather"], "parameters": {}}',
    '{"name": "get_weather", "arguments": "{"}', '{"name": "get_weather", "arguments": "[]"}',
    '<tool_call>{"name": "x"}</tool_call>', '[{"name": "clock"}, {"name": "unknown"}]', '{"type": "function", "function": 3}',
    '[{"question": 1}, {"name": "clock"}]',
])
def test_what_is_no_call_is_text(prompts, text):
    for size in (1, 3, 1000):
        free, rest, found = written(Calls(prompts, TOOLS), text, size)
        assert (free + rest, found) == (text, [])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([
    '{"name": "', "get_weather", '"', "{", "}", "[", "]", ", ", ": ", '"parameters"', '"arguments"', "<tool_call>",
    "</tool_call>", "Hi ", "\\", "<|python_tag|>", "[TOOL_CALLS]", "\n", '"location": "Ulm"', "é",
]), max_size=14), st.integers(1, 9))
def test_nothing_is_lost(prompts, parts, size):
    """Without a call every character comes out, whatever the pieces; with one, what came out early is the text's beginning."""
    text = "".join(parts)
    free, rest, found = written(Calls(prompts, TOOLS), text, size)
    assert text.startswith(free)
    assert found or free + rest == text


@pytest.mark.parametrize(("text", "early"), [
    ("Hello there", "Hello there"), ('{"answer": 42', '{"answer": 42'), ("I <b", "I <b"), ("a <tool", "a "),
    ('{"name": "get', ""), ('{"name": "got', '{"name": "got'), ('x {"nam', "x "),
    ("\n\n", ""), ('{"type": "f', ""), ('{"type": "g', '{"type": "g'),
])
def test_only_what_may_be_a_call_is_held_back(prompts, text, early):
    calls = Calls(prompts, TOOLS)
    assert "".join(calls.push(sign) for sign in text) == early


def test_without_a_choice_everything_is_text(prompts):
    text = '{"name": "clock", "parameters": {}}'
    assert written(Calls(prompts, TOOLS, "none"), text) == (text, "", [])
    assert written(Calls(prompts, []), text) == (text, "", [])


def test_identifiers_are_like_others(prompts):
    calls = Calls(prompts, TOOLS)
    calls.push('{"name": "clock", "parameters": {}}; {"name": "clock", "parameters": {}}')
    ids = [call.id for call in calls.finish()[1]]
    assert len(set(ids)) == 2
    assert all(re.fullmatch("call_[A-Za-z0-9]{24}", each) for each in ids)


def test_half_a_surrogate_can_be_sent(prompts):
    (_, arguments), = written(Calls(prompts, TOOLS), '{"name": "clock", "parameters": {"a": "\\ud800 é"}}')[2]
    assert json.loads(arguments) == {"a": "\ud800 é"} and arguments.encode()
