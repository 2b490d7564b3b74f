"""The command line program llm, with this server as one of its models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.packages import CAPITAL
from tests.peers.schemas import PERSON

pytestmark = pytest.mark.model
PROGRAM = Path(sys.executable).parent / "llm"
MODELS = """
- model_id: webbot
  model_name: llama
  api_base: {url}/v1
  api_key_name: webbot
  supports_schema: true
"""


@pytest.fixture(scope="module")
def llm(starter, tmp_path_factory):
    """Runs llm with its own folder, and gives what it printed."""
    folder = tmp_path_factory.mktemp("llm")
    (folder / "extra-openai-models.yaml").write_text(MODELS.format(url=starter.url))
    (folder / "keys.json").write_text('{"webbot": "any-key"}')
    environment = os.environ | {
        "LLM_USER_PATH": str(folder), "SSL_CERT_FILE": str(starter.folder / "certs" / "ca.pem"), "LLM_LOAD_PLUGINS": "",
    }

    def run(*words):
        ran = subprocess.run([PROGRAM, *words], env=environment, capture_output=True, text=True, timeout=90, check=False,
                             stdin=subprocess.DEVNULL)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return run


def test_the_model_is_listed(llm):
    assert "webbot" in llm("models")


def test_a_prompt_with_and_without_a_stream(llm):
    streamed = llm("-m", "webbot", "-o", "temperature", "0", CAPITAL)
    assert "Paris" in streamed
    assert llm("-m", "webbot", "-o", "temperature", "0", "--no-stream", CAPITAL) == streamed


def test_a_chat_goes_on(llm):
    llm("-m", "webbot", "-o", "temperature", "0", "-s", "You are a helpful, friendly assistant.", "My name is Zorbo.")
    assert "Zorbo" in llm("-c", "-o", "temperature", "0", "What is my name?")
    assert "Zorbo" in llm("logs", "-n", "1")


def test_a_schema(llm):
    told = json.loads(llm("-m", "webbot", "-o", "temperature", "0", "--schema", json.dumps(PERSON), "Tell me about a person"))
    assert set(told) == {"name", "age"}
