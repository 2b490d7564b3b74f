"""What is refused arrives as the openai package's own exceptions; and the first steps of a stranger."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx
import openai
import pytest

from tests.peers.conftest import CODE, authority
from tests.peers.packages import CAPITAL, MODEL, asked, client_of
from tests.speech.recordings import spoken, wav

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def client(starter):
    return client_of(starter)


@pytest.fixture(scope="module")
def plain(echo):
    return client_of(echo)



def test_refusals_are_the_exceptions_of_the_package(client, locked):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-99", messages=asked())
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=MODEL, messages=asked(), temperature=7)
    assert wrong.value.param == "temperature"
    assert wrong.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError) as unknown:
        client.chat.completions.create(model=MODEL, messages=asked(), extra_body={"wishes": 3})
    assert unknown.value.param == "wishes"
    with pytest.raises(openai.BadRequestError) as role:
        client.chat.completions.create(model=MODEL, messages=[{"role": "wizard", "content": "x"}])
    assert "messages[0]" in role.value.param
    with pytest.raises(openai.AuthenticationError) as key:
        client_of(locked, "wrong").models.list()
    assert key.value.code == "invalid_api_key"
    let_in = client_of(locked, CODE)
    assert next(iter(let_in.models.list())).id == MODEL
    with pytest.raises(openai.RateLimitError) as many:
        for _ in range(4):
            let_in.chat.completions.create(model=MODEL, messages=asked("hello"))
    assert many.value.code == "rate_limit_exceeded"
    assert 0 < int(many.value.response.headers["retry-after"]) <= 60
    assert many.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert many.value.request_id


def test_what_the_engine_cannot_honour_is_named(plain):
    for name, value in {"logprobs": True, "presence_penalty": 1.0, "frequency_penalty": -1.0}.items():
        with pytest.raises(openai.BadRequestError) as refused:
            plain.chat.completions.create(model=MODEL, messages=asked(), **{name: value})
        assert refused.value.param == name


def test_a_recording_where_there_is_no_speech(plain):
    with pytest.raises((openai.InternalServerError, openai.NotFoundError)) as refused:
        plain.audio.transcriptions.create(model="whisper-1", file=("x.wav", wav(spoken()[:1600])))
    assert refused.value.status_code in (503, 404)



def test_with_the_address_and_the_key_from_the_environment(starter):
    program = (
        "import openai\n"
        "stream = openai.OpenAI().chat.completions.create(model='llama', temperature=0, stream=True,\n"
        f"    messages=[{{'role': 'user', 'content': {CAPITAL!r}}}])\n"
        "print(''.join(chunk.choices[0].delta.content or '' for chunk in stream if chunk.choices))\n"
    )
    environment = os.environ | {
        "OPENAI_BASE_URL": f"{starter.url}/v1", "OPENAI_API_KEY": "any",
        "SSL_CERT_FILE": str(starter.folder / "certs" / "ca.pem"),
    }
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "Paris" in ran.stdout, ran.stderr[-800:]


def test_nothing_of_a_request_is_in_the_log(starter):
    httpx.post(f"{starter.url}/v1/chat/completions", verify=authority(starter), headers={"Authorization": "Bearer canary-key"},
               json={"model": MODEL, "messages": asked("canary-question"), "max_tokens": 2})
    log = starter.log.read_text()
    assert "canary" not in log
    assert "Traceback" not in log
