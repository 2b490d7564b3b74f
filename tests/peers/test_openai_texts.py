"""The official openai package: completions, embeddings, responses and the list of models."""

from __future__ import annotations

import openai
import pytest

from tests.peers.packages import CAPITAL, GREEDY, MODEL, Person, client_of
from tests.peers.schemas import WEATHER

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def client(starter):
    return client_of(starter)



def test_a_text_goes_on(client):
    answer = client.completions.create(**GREEDY, prompt="The capital of France is", max_tokens=6)
    assert answer.object == "text_completion"
    assert answer.usage.completion_tokens <= 6
    several = client.completions.create(**GREEDY, prompt=["One two", "Red green"], max_tokens=3, echo=True)
    assert [choice.text[:7] for choice in several.choices] == ["One two", "Red gre"]
    streamed = client.completions.create(**GREEDY, prompt="The capital of France is", max_tokens=6, stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed if chunk.choices) == answer.choices[0].text


def test_vectors_of_texts(client):
    single = client.embeddings.create(model=MODEL, input="a dog")
    several = client.embeddings.create(model=MODEL, input=["a dog", "a large dog", "42"], encoding_format="float")
    vectors = [item.embedding for item in several.data]
    assert [item.index for item in several.data] == [0, 1, 2]
    assert several.usage.prompt_tokens > 0
    for vector in vectors:
        assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-3)
    assert single.data[0].embedding == pytest.approx(vectors[0], abs=0.02), "the package asks for base64 by itself"
    likeness = [sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:]]
    assert likeness[0] > likeness[1]


def test_responses_and_what_came_before(client):
    first = client.responses.create(**GREEDY, input="My name is Zorbo.", instructions="You are a helpful, friendly assistant.")
    assert first.status == "completed"
    assert first.output_text
    second = client.responses.create(**GREEDY, input="What is my name?", previous_response_id=first.id)
    assert "Zorbo" in second.output_text
    assert second.previous_response_id == first.id
    kept = client.responses.retrieve(second.id)
    assert kept.output_text == second.output_text
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)


def test_a_response_as_a_stream(client):
    with client.responses.stream(**GREEDY, input=CAPITAL) as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text
    assert "Paris" in text


def test_a_response_with_a_schema(client):
    parsed = client.responses.parse(**GREEDY, input="Tell me about a person", text_format=Person)
    assert isinstance(parsed.output_parsed, Person)
    tool = {"type": "function", "strict": False, **WEATHER}
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**GREEDY, input="What is the weather in Paris?", tools=[tool])
    assert refused.value.param == "tools", "what is not honoured is named"


def test_the_models(client):
    names = [model.id for model in client.models.list()]
    assert MODEL in names
    assert len(names) == len(set(names)) >= 2
    assert all(client.models.retrieve(name).id == name for name in names)
