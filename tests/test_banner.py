"""What is said when a server begins: the owner's link while there is no owner, and where everybody comes in."""

import re

import pytest

from webbot import banner
from webbot.addresses import in_url
from webbot.people import People
from webbot.settings import load
from webbot.store.sql import SqlStore


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(banner, "lan_addresses", lambda: ["192.168.1.5", "fd00::5"])

    def make(**given):
        return load({}, data=tmp_path / "data", certs=tmp_path / "certs", **{"lan": True, **given})

    return make


@pytest.fixture
def people(tmp_path):
    """What the store has, once the banner has made it."""
    stores = []

    def opened():
        (tmp_path / "data").mkdir(exist_ok=True)
        stores.append(SqlStore(f"sqlite:///{tmp_path / 'data' / 'webbot.db'}"))
        return People(stores[-1], load({}, access="invite"))

    yield opened
    for store in stores:
        store.close()


def test_the_first_start_prints_the_owners_link_for_every_address(settings, people, capsys):
    banner.announce(settings(hosts=("chat.example",), port=9443))
    said = capsys.readouterr().out
    links = re.findall(r"(https://\S+)/join/(\S+)", said)
    assert [url for url, _ in links] == [
        "https://localhost:9443", "https://chat.example:9443", "https://192.168.1.5:9443", "https://[fd00::5]:9443",
    ]
    assert len({token for _, token in links}) == 1 and "█" in said and "http://192.168.1.5:8080/" in said
    owner = people().accept(links[0][1], "Ann")
    assert owner.is_owner and owner.name == "Ann"


def test_the_link_of_an_earlier_start_works_no_more(settings, people, capsys):
    for _ in range(2):
        banner.announce(settings())
    first, second = dict.fromkeys(re.findall(r"/join/(\S+)", capsys.readouterr().out))
    assert people().invitations.look(first) is None and people().invitations.look(second).first


def test_with_an_owner_no_link_is_made(settings, people, capsys):
    people().add("Ann", "owner")
    banner.announce(settings())
    said = capsys.readouterr().out
    assert "/join/" not in said and "https://192.168.1.5:8443/" in said and "invitations" in said
    assert not people().store.entries("invitation")


def test_a_member_is_no_owner(settings, people, capsys):
    people().add("Bob")
    banner.announce(settings())
    assert "/join/" in capsys.readouterr().out


def test_a_store_that_is_away_does_not_hold_the_start_up(settings, monkeypatch, capsys):
    monkeypatch.setattr(banner, "PATIENCE_SECONDS", 0.0)
    banner.announce(settings(store="redis://127.0.0.1:1/0"))
    said = capsys.readouterr().out
    assert "/join/" not in said and "people invite NAME --owner" in said


@pytest.mark.parametrize("given", [{"lan": False}, {"access": "header"}, {"access": "oidc"}, {"access": "open"}])
def test_other_modes_have_a_plain_link(settings, tmp_path, capsys, given):
    banner.announce(settings(**given))
    said = capsys.readouterr().out
    assert "https://localhost:8443/ " in said and "/join/" not in said and "code=" not in said
    assert not (tmp_path / "data" / "webbot.db").exists()


def test_the_access_code_comes_with_its_link(settings, tmp_path, capsys):
    banner.announce(settings(access="code"))
    code = (tmp_path / "data" / "access_code").read_text().strip()
    said = capsys.readouterr().out
    assert f"https://192.168.1.5:8443/enter?code={code}\n" in said and "█" in said


def test_where_the_server_is_is_kept_for_the_command(settings):
    assert banner.kept(settings()) is None
    banner.announce(settings(port=9443))
    mode, places = banner.kept(settings())
    assert mode == "invite" and places[0].url == "https://localhost:9443"
    assert banner.best(places).url == "https://192.168.1.5:9443"
    (settings().data / "run" / "reached.json").write_text("[")
    assert banner.kept(settings()) is None


@pytest.mark.parametrize(("name", "host"), [
    ("localhost", "localhost"), ("192.168.1.2", "192.168.1.2"), ("fd00::1", "[fd00::1]"), ("[fd00::1]", "[fd00::1]"),
])
def test_an_address_in_a_link_has_one_pair_of_brackets(name, host):
    assert in_url(name) == host
