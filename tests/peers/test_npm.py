"""The openai package of npm under node: the same wire, read by other people's code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.browser.talk import idle
from tests.npm import fetched

pytestmark = pytest.mark.model
HERE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The script beside its packages, in a folder of its own."""
    return fetched(HERE, tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def peer(starter, installed):
    environment = os.environ | {
        "OPENAI_BASE_URL": f"{starter.url}/v1", "OPENAI_API_KEY": "any",
        "NODE_EXTRA_CA_CERTS": str(starter.folder / "certs" / "ca.pem"),
    }

    def run(task):
        command = ["node", "peer.mjs", task]
        ran = subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, timeout=90,
                             check=False)
        assert ran.returncode == 0, ran.stderr[-1500:]
        return json.loads(ran.stdout)

    return run


def test_the_models(peer):
    assert "llama" in peer("models")["names"]


def test_a_chat_as_a_stream(peer):
    told = peer("chat")
    assert "Paris" in told["text"]
    assert told["pieces"] > 3
    assert told["tokens"] > 0


def test_a_tool(peer):
    told = peer("tools")
    assert (told["reason"], told["name"]) == ("tool_calls", "get_weather")
    assert set(told["arguments"]) == {"city"}


def test_a_schema(peer):
    assert set(peer("schema")) == {"name", "age"}


def test_responses(peer):
    told = peer("responses")
    assert told["first"]
    assert "Zorbo" in told["text"]
    assert told["last"] == "response.completed"


def test_embeddings(peer):
    told = peer("embeddings")
    assert told["count"] == 2
    assert told["length"] == pytest.approx(1, abs=1e-3)


def test_a_reader_that_leaves_frees_the_model(peer, starter):
    peer("leaving")
    idle(starter, 2)


def test_refusals(peer):
    told = peer("refusals")
    assert told["model"] == {"kind": "NotFoundError", "status": 404, "code": "model_not_found", "param": "model"}
    assert told["temperature"]["kind"] == "BadRequestError"
    assert told["temperature"]["param"] == "temperature"
