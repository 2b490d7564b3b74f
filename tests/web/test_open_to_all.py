"""A server that is open to everybody who reaches it: nobody is asked who they are, and nobody is believed to be somebody."""

import jwt
import pytest

from webbot import doctor, server
from webbot.settings import load
from webbot.web import access, leonid

OPEN = {"access": "open", "open_to_all": True}
SECRET = "a secret of Leonid's clients, 32+ bytes"


@pytest.fixture(autouse=True)
def local_network(monkeypatch):
    monkeypatch.setattr(access, "lan_addresses", lambda: ["192.168.1.5", "fd00::5"])
    monkeypatch.setattr(access, "lan_names", lambda: ["kitchen", "kitchen.local"])


@pytest.fixture(params=[{"lan": True}, {"hosts": ("chat.example",)}, {"host": "0.0.0.0"}], ids=["lan", "hosts", "host"])
def reached(request):
    """Settings of one that others than this machine reach."""
    return {**OPEN, **request.param}


def test_only_a_server_of_this_machine_that_asks_nobody_is_private(reached):
    assert load({}).private and load({}, **OPEN).private
    assert not load({}, **reached).private
    assert not load({}, access="invite").private and not load({}, access_code="abcdefghjkm2").private


def test_it_answers_to_its_names_in_the_local_network(make_app, reached):
    client = make_app(**reached).test_client()
    for name in ("192.168.1.5", "[fd00::5]", "kitchen", "kitchen.local"):
        assert client.get("/", base_url=f"https://{name}").status_code == 200, name
    assert client.get("/", base_url="https://192.168.1.6").status_code == 400


def test_one_of_this_machine_alone_answers_to_none_of_them(make_app):
    assert make_app(**OPEN).test_client().get("/", base_url="https://192.168.1.5").status_code == 400


def test_leonids_clients_have_to_prove_who_they_are(make_app, reached):
    token = jwt.encode({"user_name": "ann", "user_token": "t"}, SECRET, "HS256")
    client = make_app(**reached).test_client()
    for path in leonid.PATHS:
        assert client.post(path, json={"user_data": token}).status_code == 403


def test_signed_tokens_of_leonids_clients_are_believed(make_app):
    token = jwt.encode({"user_name": "ann", "user_token": "t"}, SECRET, "HS256")
    client = make_app(**OPEN, lan=True, leonid_secret=SECRET).test_client()
    assert client.post("/receive_prompt", json={"user_data": token, "user_prompt": "hello"}).text == "hello"


def test_the_id_of_a_conversation_is_not_enough_for_a_program(make_app, reached):
    app = make_app(**reached)
    anns = app.extensions["services"].store.create_conversation("s-ann")
    question = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
    asked = app.test_client().post("/v1/chat/completions", json=question, headers={"X-Conversation-Id": anns.id})
    assert (asked.status_code, asked.json["error"]["code"]) == (404, "conversation_not_found")


def test_who_starts_it_is_told(reached):
    (remark,) = server.remarks(load({}, **reached, leonid_port=5001))
    assert "nobody is let in" in remark
    assert "this machine only" not in doctor._phones(load({}, **reached)).what
    assert "this machine only" in doctor._phones(load({})).what
