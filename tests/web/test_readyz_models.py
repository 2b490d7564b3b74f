"""A model folder that cannot be used: /readyz names the file, and the site goes on with its history."""

import os
import time

import pytest

from tests.engines import small_llama

pytestmark = [pytest.mark.model, pytest.mark.slow]

JSON = {"Accept": "application/json"}


def failed_part(client):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        answer = client.get("/readyz")
        part = answer.json["parts"]["language"]
        if part["status"] == "failed":
            return answer.status_code, part["sentence"]
        time.sleep(0.05)
    raise AssertionError(answer.json)


def test_the_sentence_arrives_and_the_history_stays(make_app, tmp_path):
    client = make_app().test_client()
    key = client.post("/turns", data={"question": "remember the oak"}, headers=JSON).json["conversation"]
    services = client.application.extensions["services"]
    until = time.monotonic() + 10
    while services.chat._running and time.monotonic() < until:
        time.sleep(0.02)
    services.close()
    folder = small_llama.make(tmp_path / "evil")
    os.truncate(folder / "model.safetensors", 5000)
    app = make_app(engine="local", model=str(folder), offline=True)
    reader = app.test_client()
    for cookie in client._cookies.values():
        reader.set_cookie(cookie.key, cookie.value, domain=cookie.domain, path=cookie.path, secure=cookie.secure)
    status, sentence = failed_part(reader)
    assert status == 503
    assert f"{folder / 'model.safetensors'} is truncated" in sentence
    assert reader.get("/healthz").status_code == 200
    assert "remember the oak" in reader.get(f"/c/{key}", headers={"Accept": "text/html"}).text
    refused = reader.post(f"/c/{key}/turns", data={"question": "and now?"}, headers=JSON)
    assert refused.status_code == 503
    assert "model.safetensors" in refused.json["error"]["message"]
    assert app.extensions["services"].engine.state().status == "failed", "it is not started again and again"
