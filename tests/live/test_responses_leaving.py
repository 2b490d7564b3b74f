"""/v1/responses on the real server: a client that leaves frees the model, and what it began is stored."""

import json

import httpx
import pytest

from tests.live.conftest import LiveServer, until

pytestmark = pytest.mark.slow
LONG = "word " * 1000  # twenty seconds of the echo engine


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = LiveServer(tmp_path_factory.mktemp("responses"))
    yield server.start()
    server.stop()


@pytest.mark.parametrize("store", [True, False])
def test_who_leaves_a_stream_frees_the_model_soon(server, store):
    with httpx.Client(verify=False, base_url=server.url, timeout=20) as program:
        body = {"model": "llama", "input": LONG, "stream": True, "store": store}
        with program.stream("POST", "/v1/responses", json=body) as told:
            begun = next(json.loads(line[6:]) for line in told.iter_lines() if line.startswith("data: "))
        until(lambda: "webbot_answers_running 0.0" in program.get("/metrics").text, 8)
        stored = program.get(f"/v1/responses/{begun['response']['id']}")
        assert (stored.json()["status"] == "cancelled") if store else stored.status_code == 404


def test_who_leaves_a_whole_answer_frees_the_model_soon(server):
    with httpx.Client(verify=False, base_url=server.url) as program:
        with pytest.raises(httpx.ReadTimeout):
            program.post("/v1/responses", json={"model": "llama", "input": LONG}, timeout=1)
        until(lambda: "webbot_answers_running 0.0" in program.get("/metrics").text, 8)
