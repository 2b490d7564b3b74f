"""Answers held to a schema: whatever is chosen of what is allowed, the text is JSON that fits; hostile schemas are refused."""

import json
import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from webbot.engines.llama import fence
from webbot.engines.llama.grammar import MOST_CHARACTERS, Constraint
from webbot.engines.llama.vocabulary import Vocabulary
from webbot.errors import BadInput
from webbot.models.catalog import STARTER

pytestmark = pytest.mark.model
ENDS = (1, 4)
VOCABULARY = Vocabulary(AutoTokenizer.from_pretrained(STARTER), 4096, ENDS)
TYPES = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}


def fits(value, schema):  # noqa: PLR0911 - one for each kind
    """Whether a value is one of the schema, for the words that are used here."""
    if "anyOf" in schema:
        return any(fits(value, each) for each in schema["anyOf"])
    if "enum" in schema:
        return any(value == each and type(value) is type(each) for each in schema["enum"])
    kind = schema.get("type")
    if kind in ("integer", "number"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return (whole or (kind == "number" and isinstance(value, float))) and \
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if kind and not isinstance(value, TYPES[kind]):
        return False
    if kind == "string":
        return schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    if kind == "array":
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)) and \
            all(fits(item, schema.get("items", {})) for item in value)
    if kind == "object":
        known = schema.get("properties", {})
        return set(schema.get("required", ())) <= set(value) and all(fits(value[key], known.get(key, {})) for key in value) and \
            (schema.get("additionalProperties", True) or set(value) <= set(known))
    return True


def write(schema, seed, most=3000):
    """Chooses tokens at random among the allowed ones, sooner such that end something, until the text is complete."""
    constraint, generator, ids = Constraint.of_schema(VOCABULARY.grammatical, schema), random.Random(seed), []
    while len(ids) < most:
        allowed = constraint.allowed().nonzero()[:, 0].tolist()
        assert allowed
        if set(allowed) & set(ENDS):
            break
        ending = [token for token in allowed if VOCABULARY.bytes_of(token)[:1] in (b'"', b"}", b"]", b",")]
        ids.append(generator.choice(ending if ending and generator.random() < 0.3 else allowed))
        if constraint.accept(ids[-1]):
            break
    return b"".join(map(VOCABULARY.bytes_of, ids)).decode()


def closed(properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


LEAVES = st.one_of(
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": "number"}]),
    st.integers(-200, 200).flatmap(lambda low: st.integers(low, 300).map(
        lambda high: {"type": "integer", "minimum": low, "maximum": high})),
    st.integers(0, 4).flatmap(lambda low: st.integers(low, 8).map(
        lambda high: {"type": "string", "minLength": low, "maxLength": high})),
    st.lists(st.one_of(st.text(max_size=5), st.integers(-9, 9)), min_size=1, max_size=4).map(lambda parts: {"enum": parts}),
)
SCHEMAS = st.recursive(LEAVES, lambda inner: st.one_of(
    st.tuples(inner, st.integers(0, 2)).map(lambda made: {
        "type": "array", "items": made[0], "minItems": made[1], "maxItems": made[1] + 2}),
    st.dictionaries(st.text(max_size=6), inner, max_size=3).map(closed),
    st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
), max_leaves=6)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEMAS, st.integers(0, 1000))
def test_whatever_is_chosen_the_text_fits_its_schema(schema, seed):
    assert fits(json.loads(write(schema, seed)), schema)


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"type": "array"}, {"type": ["string", "null"]}])
def test_open_schemas_give_json(schema):
    for seed in range(5):
        text = write(schema, seed)
        kinds = {"object": [dict], "array": [list]}.get(str(schema.get("type")), [*TYPES.values(), int, float])
        assert type(json.loads(text)) in kinds
        assert text == text.strip()


def test_there_is_no_endless_white_space():
    constraint = Constraint.of_schema(VOCABULARY.grammatical, {"type": "object", "x-guidance": {"whitespace_flexible": True}})
    assert VOCABULARY.read("{", "text")[0] in constraint.allowed().nonzero()
    for space in (" ", "\n"):
        assert not constraint.allowed()[VOCABULARY.read(space, "text")[0]]


def test_the_end_is_allowed_only_when_the_text_is_complete():
    constraint = Constraint.of_schema(VOCABULARY.grammatical, {"type": "integer"})
    assert not constraint.allowed()[list(ENDS)].any()
    assert not constraint.accept(VOCABULARY.read("7", "text")[0])
    assert constraint.allowed()[list(ENDS)].all()
    whole = Constraint.of_schema(VOCABULARY.grammatical, {"const": True})
    assert [whole.accept(token) for token in VOCABULARY.read("true", "text")][-1] is True


def nested(depth, wrap):
    schema = {}
    for _ in range(depth):
        schema = wrap(schema)
    return schema


HOSTILE = {
    "endless": {"$ref": "#"},
    "endless by a property": {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    "round and round": {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    "both ways": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
    "deep": nested(400, lambda inner: {"type": "array", "items": inner}),
    "very deep": nested(100_000, lambda inner: {"type": "array", "items": inner}),
    "from elsewhere": {"$ref": "https://example.com/schema.json"},
    "a file": {"$ref": "file:///etc/passwd"},
    "long": {"enum": ["x" * MOST_CHARACTERS]},
    "many values": {"enum": [f"value {number}" for number in range(100_000)]},
    "many properties": {"type": "object", "properties": {f"p{number}": {"type": "integer"} for number in range(4000)}},
    "many ways": {"allOf": [{"anyOf": [{"properties": {f"a{one}_{two}": {}}} for two in range(6)]} for one in range(12)]},
    "brackets": {"type": "string", "pattern": "(" * 50_000 + "a" + ")" * 50_000},
    "patterns of names": {"type": "object", "patternProperties": {f"^p{number}x": {"type": "integer"} for number in range(400)}},
    "patterns": {"allOf": [{"type": "string", "pattern": f".*a{number}.*b"} for number in range(500)]},
    "looking ahead": {"type": "string", "pattern": "(?=a)b"},
    "no pattern": {"type": "string", "pattern": "(["},
    "multiples": {"type": "integer", "multipleOf": 10**9 + 7},
    "nothing": {"enum": []},
    "less than more": {"type": "integer", "minimum": 5, "maximum": 3},
    "unknown type": {"type": "nonsense"},
    "wrong kind": {"properties": [1]},
    "unknown words": {"not": {}},
    "no number": {"type": "number", "minimum": float("nan")},
    "half a character": {"const": "\ud800"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_are_refused_quickly_with_a_short_reason(name):
    began = time.monotonic()
    with pytest.raises(BadInput) as refusal:
        Constraint.of_schema(VOCABULARY.grammatical, HOSTILE[name])
    assert time.monotonic() - began < fence.PATIENCE + 5  # 2 s of the processor, most take less than 0.2
    assert refusal.value.parameter == "response_format"
    assert len(str(refusal.value)) < 300
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("schema", [
    {"type": "string", "pattern": "^(a{1,1000}){1,1000}$"}, {"type": "string", "pattern": "^(.*a.{40}|.*b.{41}|.*[a-f].{90})*$"},
    {"type": "array", "items": {"type": "integer"}, "minItems": 10**9}, {"type": "string", "minLength": 10**6},
    {"type": "array", "items": {"anyOf": [{"properties": {f"k{number}": {"$ref": "#"}}} for number in range(200)]}},
])
def test_hard_schemas_cost_little_at_each_token(schema):
    constraint, generator, slowest = Constraint.of_schema(VOCABULARY.grammatical, schema), random.Random(1), 0.0
    try:
        for _ in range(150):
            began = time.monotonic()
            allowed = constraint.allowed().nonzero()[:, 0].tolist()
            slowest = max(slowest, time.monotonic() - began)
            if set(allowed) & set(ENDS) or constraint.accept(generator.choice(allowed)):
                break
    except BadInput as refusal:
        assert refusal.parameter == "response_format"
    assert slowest < 1  # about 10 ms on a machine with nothing else to do
