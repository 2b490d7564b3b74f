"""Every option of an answer, honoured by the local engine over its socket."""

import json
import threading

import pytest
import torch
from test_grammar import closed, fits
from transformers import AutoModelForCausalLM

from tests.engines.conftest import messages, until
from webbot.errors import BadInput, TooLong
from webbot.messages import Called, Delta, Finished, Options, Tool
from webbot.models.catalog import STARTER

pytestmark = pytest.mark.model
FRANCE = "What is the capital of France?"


def told(events):
    """Text, tokens, calls and Finished of an answer."""
    events = list(events)
    deltas = [event for event in events if isinstance(event, Delta)]
    assert isinstance(events[-1], Finished)
    tokens = [token for delta in deltas for token in delta.tokens]
    calls = [event.call for event in events if isinstance(event, Called)]
    return "".join(delta.text for delta in deltas), tokens, calls, events[-1]


def test_log_probabilities_are_those_of_transformers(local, loaded):
    asked = messages(FRANCE)
    text, tokens, _, finished = told(local.answer(asked, Options(temperature=0, logprobs=5)))
    assert b"".join(token.data for token in tokens).decode() == text
    assert len(tokens) == finished.usage.answer_tokens
    prompt, written = loaded.prompts.build(asked), loaded.prompts._text.encode(text, add_special_tokens=False).ids
    assert len(written) == len(tokens)
    model = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32).eval()
    with torch.inference_mode():
        own = model(torch.tensor([prompt + written])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    for row, number, token in zip(own, written, tokens, strict=True):
        assert token.logprob == pytest.approx(row[number].item(), abs=2e-3)
        best = row.topk(5)
        assert [logprob for _, logprob in token.likeliest] == pytest.approx(best.values.tolist(), abs=1e-2)
        assert token.likeliest[0][0] == loaded.vocabulary.bytes_of(best.indices[0].item())


@pytest.mark.slow
def test_log_probabilities_change_nothing(local):
    for options in ({"temperature": 0}, {"temperature": 1.0, "seed": 5, "max_tokens": 30}):
        plain = told(local.answer(messages("Tell me a story."), Options(**options)))[0]
        assert told(local.answer(messages("Tell me a story."), Options(logprobs=3, **options)))[0] == plain


def test_a_stop_text_ends_the_answer_over_the_borders_of_tokens(local):
    whole, *_ = told(local.answer(messages(FRANCE), Options(temperature=0)))
    assert "Paris" in whole
    for stop in (whole[4:11], whole[7:18], "i", whole[-10:], whole[-2:]):
        text, tokens, _, finished = told(local.answer(messages(FRANCE), Options(temperature=0, stop=("never", stop), logprobs=0)))
        assert text == whole[: whole.index(stop)]
        assert finished.reason == "stop"
        data = b"".join(token.data for token in tokens).decode()
        assert data.startswith(text)
        assert len(data) < len(whole)
    text, *_ = told(local.answer(messages(FRANCE), Options(temperature=0, stop=("Paris!",))))
    assert text == whole


def test_a_stop_text_frees_the_model_at_once(local):
    options = Options(temperature=1.5, top_p=1.0, seed=3, stop=("e",))
    told(local.answer(messages("Tell me a very long story."), options))
    until(lambda: local.load() == {"in_work": 0, "waiting": 0}, 10)


@pytest.mark.slow
def test_penalties_change_what_is_said_again(local):
    asked = messages("Tell me a very long story about a dog.")

    def repeats(**penalties):
        words = told(local.answer(asked, Options(temperature=0, max_tokens=80, **penalties)))[0].split()
        return len(words) - len(set(words))

    assert repeats(frequency_penalty=2.0, presence_penalty=2.0) < repeats() < repeats(frequency_penalty=-2.0)
    assert repeats(repetition_penalty=1.3) < repeats() < repeats(repetition_penalty=0.7)


@pytest.mark.parametrize("options", [{"top_k": 1}, {"min_p": 1.0}, {"top_p": 0.0}], ids=["top_k", "min_p", "top_p"])
def test_one_token_to_choose_from_is_the_likeliest(local, options):
    def answered(**wishes):
        return told(local.answer(messages(FRANCE), Options(max_tokens=12, **wishes)))[0]

    assert answered(temperature=1.9, seed=1, **options) == answered(temperature=0)


def test_a_bias_forbids_and_forces(local, loaded):
    def begun(bias):
        return told(local.answer(messages(FRANCE), Options(temperature=0, max_tokens=4, logit_bias=bias)))[0]

    letter = begun({})[0]
    token = loaded.vocabulary.read(letter, "text")[0]
    assert not begun({token: -100}).startswith(letter)
    assert begun({token: 100}) == 4 * letter


@pytest.mark.parametrize(("parameter", "options"), [
    ("logit_bias", {"logit_bias": {4096: 1}}), ("logit_bias", {"logit_bias": {-1: 1}}), ("logit_bias", {"logit_bias": {9: 101}}),
    ("logit_bias", {"logit_bias": {9: float("nan")}}), ("logprobs", {"logprobs": 21}), ("top_p", {"top_p": 1.5}),
    ("temperature", {"temperature": float("nan")}), ("temperature", {"temperature": -1}), ("max_tokens", {"max_tokens": 0}),
    ("presence_penalty", {"presence_penalty": 3}), ("frequency_penalty", {"frequency_penalty": float("inf")}),
    ("top_k", {"top_k": -1}), ("min_p", {"min_p": 1.5}), ("repetition_penalty", {"repetition_penalty": 0}),
    ("repetition_penalty", {"repetition_penalty": float("nan")}), ("stop", {"stop": ("\ud800",)}),
    ("response_format", {"schema": {"type": "nonsense"}}), ("response_format", {"schema": {"$ref": "#"}}),
])
def test_an_option_that_cannot_be_used_is_named(local, parameter, options):
    with pytest.raises(BadInput) as refusal:
        list(local.answer(messages("Hello!"), Options(**options)))
    assert refusal.value.parameter == parameter
    assert local.busy() == 0


TEXT = {"type": "string", "maxLength": 12}
FITTED = [
    {"type": "integer", "minimum": 3, "maximum": 90}, {"type": "boolean"}, {"type": "null"}, {"enum": ["yes", "no", 3]}, TEXT,
    {"type": "array", "items": {"enum": [1, 2]}, "minItems": 2, "maxItems": 4},
    closed({}), closed({"name": TEXT}), closed({"名字": TEXT, "a \"b\"": {"type": "boolean"}}),
    closed({"person": closed({"name": TEXT, "age": {"type": "integer", "minimum": 0, "maximum": 120}})}),
    {"anyOf": [closed({"cat": TEXT}), closed({"dog": {"type": "null"}})]},
    closed({"rows": {"type": "array", "maxItems": 3, "items": closed({"x": {"enum": [0, 1]}, "y": {"type": "boolean"}})}}),
]


@pytest.mark.parametrize("temperature", [0.0, 1.2])
@pytest.mark.parametrize("schema", FITTED, ids=lambda schema: json.dumps(schema)[:40])
def test_an_answer_with_a_schema_fits_it(local, schema, temperature):
    options = Options(temperature=temperature, seed=4, schema=schema, max_tokens=400)
    text, _, _, finished = told(local.answer(messages("Give me some JSON about a person."), options))
    assert finished.reason == "stop"
    assert fits(json.loads(text), schema)


def test_a_schema_may_be_cut_by_max_tokens(local):
    options = Options(temperature=0, schema=closed({"name": {"type": "string", "minLength": 50}}), max_tokens=8)
    text, _, _, finished = told(local.answer(messages("Hello!"), options))
    assert finished.reason == "length"
    assert text.startswith('{"name": "')


@pytest.mark.slow
def test_wishes_do_not_touch_others_and_seeds_hold_in_any_batch(local):
    every = [
        {}, {"logprobs": 2}, {"presence_penalty": 1.0}, {"schema": closed({"a": TEXT, "b": TEXT})}, {"logit_bias": {300: 5}},
        {"stop": ("the",)}, {"temperature": 0}, {"frequency_penalty": 1.0, "logprobs": 0},
    ]
    options = [Options(**{"temperature": 0.9, "seed": 7, "max_tokens": 40, **each}) for each in every]
    alone = [told(local.answer(messages("Tell me a story."), each))[0] for each in options]
    together = [""] * len(every)

    def ask(number):
        together[number] = told(local.answer(messages("Tell me a story."), options[number]))[0]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(every))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    assert len(set(alone)) > 4


def test_text_goes_on_from_ids_as_from_text(local, loaded):
    options = Options(temperature=0, max_tokens=10)
    ids = loaded.vocabulary.read("The capital of France", "prompt")
    text, _, _, finished = told(local.complete("The capital of France", options))
    assert text
    assert finished.usage.prompt_tokens == len(ids) + 1  # with the beginning of every text
    assert told(local.complete(ids, options))[0] == text


@pytest.mark.parametrize("prompt", ["", [], [4], [4096], [-1], "\ud800"])
def test_prompts_that_are_no_text_are_refused_by_name(local, prompt):
    with pytest.raises(BadInput) as refusal:
        list(local.complete(prompt, Options()))
    assert refusal.value.parameter == "prompt"


def test_control_tokens_in_a_plain_text_are_characters(local):
    *_, finished = told(local.complete("<|eot_id|>", Options(temperature=0, max_tokens=1)))
    assert finished.usage.prompt_tokens > 4


def test_a_plain_text_over_the_context_is_refused(local):
    with pytest.raises(TooLong):
        list(local.complete("word " * 3000, Options()))


def test_a_forced_call_comes_whole(local):
    if "tools" not in local.state().abilities:
        pytest.skip("the starter's template knows no tools")
    tool = Tool(name="get_weather", description="The weather in a city.", parameters=closed({"city": TEXT}))
    text, _, (call,), finished = told(local.answer(
        messages("What is the weather in Paris?"), Options(temperature=0, tools=(tool,), tool_choice="required", max_tokens=200)))
    assert (text, finished.reason, call.name) == ("", "tool_calls", "get_weather")
    assert fits(json.loads(call.arguments), tool.parameters)


def test_functions_beside_a_schema_give_one_or_the_other(local):
    if "tools" not in local.state().abilities:
        pytest.skip("the starter's template knows no tools")
    tool, schema = Tool(name="f", parameters=closed({"city": TEXT})), closed({"answer": TEXT})
    options = Options(temperature=0, tools=(tool,), schema=schema, max_tokens=200)
    text, _, calls, _ = told(local.answer(messages("Hello!"), options))
    assert fits(json.loads(text), schema) if not calls else (text == "" and calls[0].name == "f")
