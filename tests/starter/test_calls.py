"""Functions with the chat starter: a call that is forced is a call, and ordinary questions beside functions stay ordinary."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from webbot.engines.llama.grammar import Constraint
from webbot.engines.llama.prompt import PromptBuilder
from webbot.engines.llama.tools import Calls
from webbot.engines.llama.vocabulary import Vocabulary
from webbot.messages import Message, Tool
from webbot.models.catalog import STARTER

pytestmark = [pytest.mark.model, pytest.mark.slow]
WEATHER = Tool(name="get_weather", description="Get the weather in a place", parameters={
    "type": "object", "properties": {"location": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}},
    "required": ["location", "unit"],
})
TABLE = Tool(name="book_table", description="Book a table", parameters={
    "type": "object", "properties": {"guests": {"type": "integer", "minimum": 1, "maximum": 12}, "outside": {"type": "boolean"}},
    "required": ["guests", "outside"],
})


@pytest.fixture(scope="module")
def answer():
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    model = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32).eval()
    prompts, vocabulary = PromptBuilder(tokenizer), Vocabulary(tokenizer, model.config.vocab_size, model.config.eos_token_id)

    def ask(question, tools, *choice):
        """(text, [(name, arguments)]) of the greedy answer."""
        unread, seen = prompts.build([Message(role="user", text=question)], tools), None
        calls, written = Calls(prompts, tools, *choice), []
        constraint = Constraint.of_calls(vocabulary.grammatical, calls.grammar) if calls.grammar else None
        while len(written) < 120:
            with torch.no_grad():
                computed = model(torch.tensor([unread]), past_key_values=seen, use_cache=True)
            logits, seen = computed.logits[0, -1], computed.past_key_values
            if constraint:
                logits = logits.masked_fill(~constraint.allowed()[:len(logits)], -torch.inf)
            token = int(logits.argmax())
            if token in vocabulary.ends:
                break
            written.append(token)
            unread = [token]
            if constraint and constraint.accept(token):
                break
        text = calls.push(prompts.decode(written))
        left, found = calls.finish()
        return text + left, [(call.name, json.loads(call.arguments)) for call in found]

    return ask


@pytest.mark.parametrize(("choice", "names"), [
    (("required",), {"get_weather", "book_table"}), (("auto", "get_weather"), {"get_weather"}),
    (("auto", "book_table"), {"book_table"}),
])
def test_a_forced_call_is_one_that_fits(answer, choice, names):
    text, calls = answer("What is the weather in Paris?", [WEATHER, TABLE], *choice)
    (name, arguments), = calls
    assert not text and name in names
    if name == "get_weather":
        assert set(arguments) == {"location", "unit"} and len(arguments["location"]) <= 20 and arguments["unit"] in ("C", "F")
    else:
        assert 1 <= arguments["guests"] <= 12 and isinstance(arguments["outside"], bool)


@pytest.mark.parametrize(("question", "word"), [
    ("Hello!", "H"), ("What is the capital of France?", "Paris"), ("What is 12 + 30?", "42"),
])
def test_it_calls_nothing_for_an_ordinary_question(answer, question, word):
    text, calls = answer(question, [WEATHER])
    assert word in text and not calls
