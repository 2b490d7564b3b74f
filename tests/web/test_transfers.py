"""Conversations go out as files and come in: over HTTP, through a real store."""

import dataclasses
import json
import re
import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings

from tests.transfer.samples import as_bytes, chatgpt, librechat, open_webui
from tests.transfer.test_round_trip import talks
from tests.web.listing import JSON, key_of, put_in, send, talk, titles
from webbot import transfer
from webbot.errors import DiskFull
from webbot.messages import Message
from webbot.news import Listed, list_of
from webbot.transfer import webbot_json


@pytest.fixture(scope="module")
def app(shared_app):
    return shared_app(max_upload=1)


def bare(talk):
    """Without what belongs to one store: ids become places, numbers count from one, marks move along."""
    places = {message.id: str(place) for place, message in enumerate(talk.messages, 1)}
    numbers = sorted(message.number for message in talk.messages)

    def mark(number):
        return 0 if not number else sum(other < number for other in numbers) + 1

    messages = tuple(
        dataclasses.replace(
            message, id=places[message.id], parent=places.get(message.parent, ""), number=int(places[message.id]),
            remembers_from=mark(message.remembers_from),
        ) for message in talk.messages
    )
    files = tuple((dataclasses.replace(file, id=""), text, data) for file, text, data in talk.files)
    about = dataclasses.replace(
        talk.about, id="", owner="", version=1, tip=places.get(talk.about.tip, ""), remembers_from=0, cut_for="",
    )
    return transfer.Talk(about, messages, files)


def stored(store, owner, key):
    files = [(f, store.file_text(owner, key, f.id), store.file_data(owner, key, f.id)) for f in store.files(owner, key)]
    return transfer.Talk(store.conversation(owner, key), tuple(store.tree(owner, key)), tuple(files))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(talks())
def test_out_of_a_store_and_in_again_loses_nothing(services, made):
    store = services.store
    first = store.add_conversation("x", made.about, made.messages, made.files)
    before = stored(store, "x", first.id)
    data = "".join(webbot_json.whole([webbot_json.written(before.about, before.messages, before.files)])).encode()
    [read] = transfer.read(data)
    second = store.add_conversation("x", read.about, read.messages, read.files)
    after = stored(store, "x", second.id)
    assert bare(after) == bare(before)
    assert (after.about.remembers_from, after.about.cut_for) == (before.about.remembers_from, before.about.cut_for)
    kept = [m for m in made.messages if m.status != "streaming"]
    assert [m.text for m in after.messages if m.status != "stopped"] == [m.text for m in kept if m.status != "stopped"]
    for each in (first, second):
        store.delete_conversation("x", each.id, at_once=True)


def test_export_delete_import_and_it_is_back_with_its_branches(ann, services):
    put_in(ann, talk("A dragon", "first", "second"))
    key = key_of(ann, "A dragon")
    owner = services.store.owner(key)
    answer = services.store.tree(owner, key)[1]
    services.store.begin_turn(owner, key, Message(role="user", text="another first"), after="")
    services.store.change_message(owner, key, answer.id, pinned=True, feedback="up")
    exported = ann.get(f"/c/{key}/export.json")
    assert exported.headers["Content-Type"] == "application/json"
    ann.post(f"/c/{key}/delete")
    taken = send(ann, exported.data).json
    assert (taken["conversations"], taken["messages"], taken["broken"]) == (1, 4, 0)
    [back] = [stored(services.store, owner, each["id"]) for each in taken["taken"]]
    assert [(m.text, m.parent == "", m.pinned, m.feedback) for m in back.messages] == [
        ("first", True, False, ""), ("second", False, True, "up"), ("another first", True, False, ""), ("", False, False, ""),
    ]
    assert back.messages[3].status == "stopped"


def test_markdown_goes_out_and_in(ann):
    put_in(ann, talk("A dragon", "What?", "```\nopen", role="You help."))
    exported = ann.get(f"/c/{key_of(ann, 'A dragon')}/export.md")
    assert exported.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "# A dragon\n" in exported.text
    assert send(ann, exported.data, "a.md").json["messages"] == 2
    again = ann.get(f"/c/{key_of(ann, 'A dragon')}/export.md")
    assert again.text == exported.text


@pytest.mark.parametrize(("title", "plain", "whole"), [
    ("A dragon", "A dragon.json", "A dragon.json"), ("北京", ".json", "北京.json"),
    ('a"b\r\nSet-Cookie: x', "a b Set-Cookie x.json", None), ("../../x", "x.json", "x.json"),
    ("Ärger", "Arger.json", "Ärger.json"),
])
def test_names_of_files(ann, title, plain, whole):
    put_in(ann, talk(title))
    listed = ann.get("/list").text
    key = listed.split('data-conversation="')[1].split('"')[0]
    given_name = ann.get(f"/c/{key}/export.json").headers["Content-Disposition"]
    expected = plain if not plain.startswith(".") else f"conversation{plain}"
    assert f'filename="{expected}"' in given_name
    if whole:
        assert f"filename*=UTF-8''{quote(whole, safe='')}" in given_name


def test_everything_goes_out_as_a_stream(ann, bob):
    put_in(ann, *(talk(f"number {number}") for number in range(12)))
    put_in(bob, talk("his"))
    answer = ann.get("/export.json", buffered=False)
    assert answer.is_streamed
    found = list(transfer.read(answer.data))
    assert sorted(each.about.title for each in found) == sorted(f"number {number}" for number in range(12))
    assert json.loads(bob.get("/export.json").data)["conversations"][0]["title"] == "his"


def test_roles_go_out_and_come_in_once(ann, visitor):
    cook = {"title": "Cook", "prompt": "You cook.\nWell.", "description": "Cooks", "openings": "Dinner?\nLunch?"}
    assert ann.post("/roles", data=cook, headers=JSON).status_code == 201
    put_in(ann, talk("A dragon"))
    out = ann.get("/export.json").data
    assert json.loads(out)["roles"] == [
        {"title": "Cook", "prompt": "You cook.\nWell.", "description": "Cooks", "openings": ["Dinner?", "Lunch?"]},
    ]
    assert "roles" not in json.loads(ann.get(f"/c/{key_of(ann, 'A dragon')}/export.json").data)
    other = visitor()
    page = send(other, out, headers={})
    assert "Conversations that came in: 1" in page.text
    assert "Roles that came in: 1." in page.text
    assert json.loads(other.get("/export.json").data)["roles"] == json.loads(out)["roles"]
    assert send(other, out).json["roles"] == 0, "it is there already"
    assert other.get("/roles").text.count("<bdi>Cook</bdi>") == 1


def test_roles_that_do_not_come_in_say_why(ann):
    def put_roles(*roles, headers=JSON):
        return send(ann, json.dumps({"format": "webbot", "version": 1, "roles": roles, "conversations": []}).encode(),
                    headers=headers)

    good, bad = {"title": "Cook", "prompt": "You cook."}, {"title": "<b>Nobody</b>", "prompt": " "}
    told = put_roles(good, bad)
    assert (told.status_code, told.json["roles"], told.json["roles_broken"]) == (200, 1, 1)
    assert told.json["roles_reasons"][0]["sentence"] == "Say what the model is to be: a role needs its instructions."
    page = put_roles(bad, {"title": 5}, headers={})
    assert page.status_code == 422
    assert "Roles that did not come in: 2." in page.text
    assert "(<bdi>&lt;b&gt;Nobody&lt;/b&gt;</bdi>): Say what" in page.text
    assert "roles[1].title is no text." in page.text
    assert put_roles({"title": 5}, bad).json["roles_reasons"][1]["number"] == 2


def test_what_comes_in_takes_its_place_by_its_age(ann, visitor):
    now, day = time.time(), 86400
    mine = talk("mine", updated_at=now)
    years = [talk(f"year {number}", updated_at=now - number * 365 * day) for number in (3, 1, 2)]
    put_in(ann, mine)
    put_in(ann, talk("pinned", pinned=True, updated_at=now - 900 * day), *years, talk("now", updated_at=now + 1))
    wanted = ["pinned", "now", "mine", "year 1", "year 2", "year 3"]
    listed = ann.get("/list").text
    assert titles(listed) == wanted
    assert re.findall(r"<h2>(\w+)", listed) == ["Pinned", "Today", "Earlier"]
    put_in(ann, talk("half", updated_at=now - 180 * day), talk("quarter", updated_at=now - 90 * day))
    assert titles(ann.get("/list").text) == ["pinned", "quarter", "half", *wanted[1:]], "newest first also above others"

    other = visitor()
    send(other, ann.get("/export.json").data)
    again = titles(other.get("/list").text)
    assert again == ["pinned", "now", "mine", "quarter", "half", "year 1", "year 2", "year 3"], "each in its place"
    third = visitor()
    send(third, other.get("/export.json").data)
    assert titles(third.get("/list").text) == again


def test_who_has_nothing_exports_nothing(visitor):
    assert list(transfer.read(visitor().get("/export.json").data)) == []


@pytest.mark.parametrize(("value", "title"), [([chatgpt()], "Rolling back"), ([open_webui()], "Sums"), (librechat(), "Stories")])
def test_exports_of_other_programs_come_in_and_can_be_gone_on_with(ann, services, value, title):
    page = send(ann, as_bytes(value), headers={})
    assert page.status_code == 200
    assert "Conversations that came in: 1" in page.text
    key = key_of(ann, title)
    assert ann.get(f"/c/{key}").status_code == 200
    assert services.chat.ask(services.store.owner(key), key, "and now?").wait(10)
    assert "and now?" in ann.get(f"/c/{key}").text


def test_good_ones_come_in_and_the_page_tells_of_the_others(ann):
    value = [chatgpt("one"), {"title": "Corrupted <b>"}, chatgpt("two")]
    page = send(ann, as_bytes(value), headers={})
    assert "Conversations that came in: 2" in page.text
    assert "Conversations that could not be read: 1. Nothing of them is stored." in page.text
    assert "No. 2 (<bdi>Corrupted &lt;b&gt;</bdi>): This is no conversation of a known form." in page.text
    assert titles(ann.get("/list").text) == ["one", "two"], "as old as each other: as in the file"
    assert send(ann, as_bytes([{"a": 1}, {"b": 2}]), headers={}).status_code == 422


@pytest.mark.parametrize(("data", "status"), [
    (b"", 422), (b"hello", 422), (b"[", 422), (b'{"a"', 400), (b"PK\x03\x04broken", 400), (b'{"mapping": {"a": 5}}', 400),
])
def test_what_cannot_be_read_stores_nothing(ann, data, status):
    for headers in ({}, JSON):
        refused = send(ann, data, headers=headers)
        assert refused.status_code == status
    assert 'id="import-file"' in send(ann, data, headers={}).text, "the form is there again"
    assert titles(ann.get("/list").text) == []


def test_too_large_a_file(ann):
    refused = send(ann, b"[" + b" " * 1_200_000 + b"]")
    assert refused.status_code == 413


def test_without_a_file(ann):
    assert ann.post("/import", headers=JSON).json["error"]["message"] == "Please choose a file."


def test_a_full_disk_ends_it_and_the_page_says_what_came_in(ann, services, monkeypatch):
    add, added = services.store.add_conversation, []

    def full(*given):
        if added:
            raise DiskFull("The disk is full.")
        added.append(add(*given))
        return added[0]

    monkeypatch.setattr(services.store, "add_conversation", full)
    told = put_in(ann, talk("one"), talk("two"), talk("three")).json
    assert (told["conversations"], told["broken"]) == (1, 1)
    assert told["reasons"][0]["sentence"] == "The disk is full."


def test_other_tabs_hear_of_what_came_in(ann, services):
    put_in(ann, talk("one"))
    owner = services.store.owner(key_of(ann, "one"))
    with services.chat.channels.listen(list_of(owner)) as (listener, _):
        put_in(ann, talk("two"))
        assert isinstance(listener.next(5), Listed)
