"""The official openai package, set up for a server of the tests."""

from __future__ import annotations

import openai
from pydantic import BaseModel, Field

from tests.peers.conftest import authority

MODEL = "llama"
GREEDY = {"model": MODEL, "temperature": 0}
CAPITAL = "What is the capital of France?"


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=130)


def client_of(server, key="any-key", **options):
    """A client that trusts the server's own authority and tries nothing twice."""
    trusting = openai.DefaultHttpxClient(verify=authority(server))
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, http_client=trusting, max_retries=0, timeout=60, **options)


def asked(text=CAPITAL):
    return [{"role": "user", "content": text}]
