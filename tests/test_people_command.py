"""`webbot people ...` as a person types it."""

import json
import re
from contextlib import closing

import pytest

from webbot import banner, cli
from webbot.people import People
from webbot.settings import load
from webbot.store.sql import SqlStore


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("WEBBOT_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(banner, "lan_addresses", lambda: [])
    return tmp_path / "data"


@pytest.fixture
def people(data):
    """Of a store that a server would have open."""
    data.mkdir()
    with closing(SqlStore(f"sqlite:///{data / 'webbot.db'}")) as store:
        yield People(store, load({}, access="invite"))


@pytest.fixture
def say(capsys):
    """Runs `people` with those words: (status, what it printed, what it complained about)."""

    def run(*words):
        status = cli.main(["people", *words])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_nobody_is_there_and_looking_makes_nothing(data, say):
    nobody = "Nobody is here yet. `./run_webbot.sh people invite NAME --owner` makes a link for the owner.\n"
    assert say("list") == (0, nobody, "")
    assert say("list", "--json")[:2] == (0, "[]\n")
    assert not data.exists()


def test_no_action_lists_and_a_usage_error_is_short(data, say, capsys):
    assert say() == say("list")
    with pytest.raises(SystemExit):
        say("rename", "Ann")
    assert capsys.readouterr().err.splitlines() == [
        "usage: webbot people rename NAME NEW", "webbot people rename: error: the following arguments are required: NEW",
    ]


def test_the_first_owner_can_be_invited_before_any_server_ran(data, say):
    status, out, _ = say("invite", "Ann", "--owner", "--port", "9443")
    token = re.search(r"^https://localhost:9443/join/(\S+)$", out, re.MULTILINE)[1]
    assert status == 0 and "█" in out and "as owner" in out
    with closing(SqlStore(f"sqlite:///{data / 'webbot.db'}")) as store:
        assert People(store, load({}, access="invite")).accept(token).is_owner
    assert "Ann" in say("list")[1]


def test_links_lead_to_the_server_that_runs_unless_options_say_otherwise(data, people, say):
    started = load({}, data=data, lan=True, port=9001, hosts=("box.example",))
    banner.keep(started, list(banner.addresses(started)))
    people.add("Ann", "owner")
    out = say("link", "ann")[1]
    assert re.findall(r"https://\S+(?=/join/)", out) == ["https://localhost:9001", "https://box.example:9001"]
    assert "https://localhost:9002/join/" in say("link", "Ann", "--port", "9002")[1]


def test_a_link_signs_in_whoever_is_locked_out(people, say):
    ann = people.add("Ann Lee", "owner")
    token = re.search(r"/join/(\S+)", say("link", "ann lee")[1])[1]
    assert people.accept(token) == ann


def test_the_list_says_who_has_what(people, say):
    ann, _ = people.add("Ann", "owner"), people.add("Bob 树")
    people.store.write_session("k1", b"{}", 60.0)
    people.devices.add(ann.id, "k1", "Firefox")
    people.keys.make(ann.id, "laptop", ("chat",))
    people.invitations.invite("Cleo", "member", ann.id)
    table = say("list")[1]
    assert re.search(r"^Ann +owner +invite +\d{4}-\d\d-\d\d +1 +1 +0$", table, re.MULTILINE), table
    assert re.search(r"^Bob 树 +member +invite +- +0 +0 +0$", table, re.MULTILINE) and "invited: Cleo (member)" in table
    first, second = json.loads(say("list", "--json")[1])
    assert (first["name"], first["devices"][0]["name"], first["keys"][0]["scopes"]) == ("Ann", "Firefox", ["chat"])
    assert first["seen_at"] > 0 and second["seen_at"] == 0 and second["id"].startswith("p-")
    assert "wb-" in first["keys"][0]["shown"] and len(first["keys"][0]["shown"]) == 9, "no secret"


def test_changes(people, say):
    people.add("Ann", "owner")
    bob = people.add("Bob")
    assert say("rename", "bob", "Robert")[0] == 0 and people.find(bob.id).name == "Robert"
    assert say("rename", "Robert", "ANN") == (1, "", "webbot: There is somebody here with that name already. Please choose "
                                              "another one.\n")
    assert say("rank", bob.id, "owner")[0] == 0 and people.find(bob.id).is_owner
    assert say("invite", "robert")[0] == 1 and say("invite", "\u202e")[0] == 1
    assert say("link", "Nobody")[0] == 1
    assert say("invite", "Cleo")[0] == 0 and say("invite", " cleo ")[2].startswith("webbot: There is an open invitation")


def test_the_last_owner_stays(people, say):
    people.add("Ann", "owner")
    for words in (("remove", "Ann", "--yes"), ("rank", "Ann", "member")):
        status, _, err = say(*words)
        assert status == 1 and "needs an owner" in err
    assert len(people.all()) == 1


def test_whoever_is_removed_has_nothing_left(people, say):
    people.add("Ann", "owner")
    bob = people.add("Bob")
    for title in ("one", "two"):
        people.store.create_conversation(bob.id, title=title)
    people.store.write_session("k1", b"{}", 60.0)
    people.devices.add(bob.id, "k1", "Firefox")
    _, secret = people.keys.make(bob.id, "laptop", ("chat",))
    assert say("remove", "Bob")[0] == 2, "without a terminal nobody can be asked"
    assert people.find(bob.id) is not None
    assert say("remove", "Bob", "--yes")[1] == "Bob is removed, with 2 conversations and everything else of theirs.\n"
    assert people.find(bob.id) is None and people.keys.find(secret) is None and people.store.read_session("k1") is None
    assert not people.store.conversations(bob.id)
    assert [record.kind for record in people.store.records()] == ["entry"], "Ann, and nothing of Bob"


def test_keys_are_listed_and_revoked(people, say):
    ann, bob = people.add("Ann", "owner"), people.add("Bob")
    key, secret = people.keys.make(ann.id, "laptop", ("chat", "speech"), 30)
    people.keys.make(ann.id, "other", ("chat",))
    listed = say("keys", "Ann")[1]
    assert key.id[:12] in listed and "chat,speech" in listed and secret not in listed
    assert say("keys", "Bob")[1] == "Bob has no keys.\n"
    for wrong in ("", key.id[:3], "0" * 12, secret):
        assert say("revoke", "Ann", wrong)[0] == 1
    assert say("revoke", "Bob", key.id[:12])[0] == 1
    assert people.keys.find(secret) is not None
    assert say("revoke", "Ann", key.id[:12])[0] == 0
    assert people.keys.find(secret) is None and len(people.keys.of(ann.id)) == 1 and not people.keys.of(bob.id)
