"""Whose conversations a program reaches, in the open mode and on a server that asks for its access code."""

import pytest
from flask import g

from webbot.errors import BadInput, NotFound
from webbot.web.sessions import COOKIE
from webbot.web.v1.joining import joined_conversation, named_conversation

CODE = "abcdefghjkm2"


def join(app, conversation, *, owner="k-program", headers=None):
    """The conversation as a request of `owner` gets it."""
    with app.test_request_context("/v1/chat/completions", method="POST", headers=headers):
        g.owner = owner
        return joined_conversation(app.extensions["services"], conversation)


def test_any_program_of_this_machine_joins_by_the_id(app, services):
    anns = services.store.create_conversation("s-ann")
    assert join(app, anns.id) == anns


def test_a_browsers_session_reaches_its_own_only(app, services):
    anns, bobs = services.store.create_conversation("s-ann"), services.store.create_conversation("s-bob")
    cookie = {"Cookie": f"{COOKIE}=anything"}
    assert join(app, anns.id, owner="s-ann", headers=cookie) == anns
    with pytest.raises(NotFound) as others:
        join(app, bobs.id, owner="s-ann", headers=cookie)
    with pytest.raises(NotFound) as unknown:
        join(app, "nowhere", owner="s-ann", headers=cookie)
    with pytest.raises(NotFound) as open_unknown:
        join(app, "nowhere")
    told = {(str(e.value), e.value.parameter, e.value.code) for e in (others, unknown, open_unknown)}
    assert told == {("This conversation is not here. It may have been deleted.", "metadata", "conversation_not_found")}


@pytest.mark.parametrize("settings", [{"access_code": CODE}, {"lan": True}, {"hosts": ("chat.example",)}, {"host": "0.0.0.0"}])
def test_where_others_reach_the_server_the_id_is_not_enough(make_app, settings):
    app = make_app(**settings)
    store = app.extensions["services"].store
    anns, own = store.create_conversation("s-ann"), store.create_conversation("k-program")
    assert join(app, own.id) == own
    with pytest.raises(NotFound):
        join(app, anns.id)


def test_the_id_comes_in_metadata_or_in_the_header(app):
    def named(metadata, header=None):
        with app.test_request_context("/v1", headers={"X-Conversation-Id": header} if header else {}):
            return named_conversation(metadata)

    assert named(None) == named({}) == named({"topic": "trees"}) == ""
    assert named({"conversation_id": "one"}) == named(None, "one") == named({"conversation_id": "one"}, "one") == "one"
    with pytest.raises(BadInput) as refused:
        named({"conversation_id": "one"}, "two")
    assert refused.value.parameter == "metadata"
