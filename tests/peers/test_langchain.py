"""LangChain's ChatOpenAI and OpenAIEmbeddings: they differ from the bare package in what they send by themselves."""

from __future__ import annotations

import httpx2
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from tests.peers.conftest import authority
from tests.peers.packages import CAPITAL, MODEL, Person
from tests.peers.schemas import WEATHER

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def reach(starter):
    """How LangChain reaches the server."""
    return {"base_url": f"{starter.url}/v1", "api_key": "any", "http_client": httpx2.Client(verify=authority(starter))}


@pytest.fixture(scope="module")
def chat(reach):
    return ChatOpenAI(model=MODEL, temperature=0, max_retries=0, timeout=60, **reach)


def test_a_question_and_its_answer(chat):
    answer = chat.invoke([SystemMessage("You are a helpful, friendly assistant."), HumanMessage(CAPITAL)])
    assert "Paris" in answer.content
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata["output_tokens"] > 0


def test_a_conversation(chat):
    said = [HumanMessage("My name is Zorbo."), AIMessage("Hello Zorbo!"), HumanMessage("What is my name?")]
    assert "Zorbo" in chat.invoke(said).content


def test_a_stream(chat):
    pieces = list(chat.stream(CAPITAL, stream_usage=True))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert len(pieces) > 3
    assert "Paris" in whole.content
    assert whole.usage_metadata["output_tokens"] > 0


def test_structured_output(chat):
    assert isinstance(chat.with_structured_output(Person).invoke("Tell me about a person"), Person)
    by_function = chat.with_structured_output(Person, method="function_calling").invoke("Tell me about a person")
    assert isinstance(by_function, Person)


def test_tools_that_are_bound(chat):
    tool = {"type": "function", "function": WEATHER}
    answer = chat.bind_tools([tool], tool_choice="get_weather").invoke("What is the weather in Paris?")
    call = answer.tool_calls[0]
    assert call["name"] == "get_weather"
    assert set(call["args"]) == {"city", "unit"}
    told = [HumanMessage("What is the weather in Paris?"), answer, ToolMessage("It is sunny.", tool_call_id=call["id"])]
    assert chat.bind_tools([tool], tool_choice="none").invoke(told).content


def test_embeddings(reach):
    vectors = OpenAIEmbeddings(model=MODEL, check_embedding_ctx_length=False, **reach).embed_documents(["a dog", "a cat"])
    assert len(vectors) == 2
    assert sum(value * value for value in vectors[0]) == pytest.approx(1, abs=1e-3)
