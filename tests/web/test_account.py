"""The settings of whoever is there: what holds on every device, keys, devices, and the end of an account."""

import html
import json
import re

import pytest

from tests.web.house import HOME, JSON, Household
from webbot.web.browsers import browser_name

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
SECRET = re.compile(r"wb-[A-Za-z0-9_-]{43}")


@pytest.fixture(scope="module")
def house(shared_app):
    made = Household(shared_app(access="invite"))
    made.person("Olga", "owner")
    return made


@pytest.fixture
def ann(house, request):
    return house.person(f"Ann {request.node.name}"[:100])


@pytest.fixture
def browser(house, ann):
    return house.client(ann)


def post(client, path, headers=(), **fields):
    return client.post(path, base_url=HOME, data=fields, headers={"Origin": HOME, **dict(headers)})


def page(client, path="/preferences", **more):
    answer = client.get(path, base_url=HOME, **more)
    assert answer.status_code == 200, answer.text
    return answer.text


def key_of(client, name="my editor", scopes=("chat",), days="30"):
    answer = post(client, "/preferences/keys", name=name, scopes=list(scopes), days=days)
    assert answer.status_code == 201, answer.text
    return SECRET.search(answer.text)[0]


def test_choices_hold_on_every_device(house, ann, browser):
    other = house.client(ann)
    assert post(browser, "/preferences", language="zh", theme="dark", speaks="on", role="socrates",
                speech_language="de").status_code == 303
    shown = page(other)
    assert 'lang="zh"' in shown
    assert 'data-theme="dark"' in shown
    assert '<option value="socrates" selected>' in shown
    assert '<option value="de" selected>' in shown
    assert re.search(r'name="speaks" value="on" checked', shown)
    assert 'lang="zh"' in page(other, "/")
    assert 'data-theme="auto"' in page(house.client(house.person(f"not {ann.name}"[:100])))


def test_new_conversations_begin_as_chosen(house, ann, browser):
    post(browser, "/preferences", speaks="on", role="socrates")
    assert 'data-speaks="on"' in page(browser, "/")
    made = post(browser, "/turns", JSON, question="hello").json["conversation"]
    about = house.services.store.conversation(ann.id, made)
    assert about.speaks
    assert "Socrates" in about.role


def test_without_persons_the_session_keeps_them(shared_app):
    app = shared_app()
    ann, bob = app.test_client(), app.test_client()
    assert post(ann, "/preferences", theme="dark", speaks="on").status_code == 303
    assert 'data-theme="dark"' in page(ann)
    assert 'data-speaks="on"' in page(ann, "/")
    assert 'data-theme="auto"' in page(bob)
    shown = page(ann)
    for part in ("keys", "devices", "passkeys", "delete"):
        assert f'id="{part}"' not in shown
    for path in ("keys", "keys/x/revoke", "devices/x/sign_out", "devices/sign_out", "devices/link", "delete"):
        assert post(ann, f"/preferences/{path}", name="x", scopes="chat").status_code == 404, path


@pytest.mark.parametrize("fields", [{"theme": "pink"}, {"speaks": "loud"}, {"speech_language": "tlh"}, {"colour": "red"}])
def test_other_choices_are_refused(browser, fields):
    assert post(browser, "/preferences", **fields).status_code == 400


def test_a_role_that_is_not_here_cannot_be_chosen(browser):
    assert post(browser, "/preferences", role="r-nowhere").status_code == 404


# keys

def test_a_key_is_shown_once_and_lets_a_program_in(house, ann, browser):
    secret = key_of(browser, scopes=("chat", "speech"))
    example = post(browser, "/preferences/keys", name="two", scopes="chat", days="").text
    body = json.loads(html.unescape(re.search(r"-d '(.*)'", example)[1]))
    listed = page(browser)
    assert secret not in listed
    assert secret[:9] in listed
    program = house.stranger()
    headers = {"Authorization": f"Bearer {secret}"}
    assert program.post("/v1/chat/completions", base_url=HOME, headers=headers, json=body).status_code == 200
    key = next(key for key in house.people.keys.of(ann.id) if key.name == "my editor")
    assert key.used_at
    assert post(browser, f"/preferences/keys/{key.id}/revoke").location.endswith("/preferences#keys")
    assert program.get("/v1/models", base_url=HOME, headers=headers).status_code == 401


def test_a_program_gets_its_key_as_json(browser):
    answer = post(browser, "/preferences/keys", JSON, name="script", scopes="conversations", days="")
    assert answer.status_code == 201
    assert SECRET.fullmatch(answer.json["secret"])
    assert answer.json["ends_at"] is None


@pytest.mark.parametrize("fields", [
    {"name": "x"}, {"name": "", "scopes": "chat"}, {"name": "x", "scopes": "everything"}, {"name": "x", "scopes": "operation"},
    {"name": "x", "scopes": "chat", "days": "soon"}, {"name": "x", "scopes": "chat", "days": "0"},
    {"name": "x", "scopes": "chat", "days": "99999"}, {"name": "x\u202e", "scopes": "chat"},
    {"name": "x", "scopes": "chat", "a": "b"},
])
def test_what_is_no_key_comes_back_with_a_sentence(house, ann, browser, fields):
    answer = post(browser, "/preferences/keys", **fields)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text.split('id="keys"')[1].split("</section>")[0]
    assert not house.people.keys.of(ann.id)


def test_an_owner_s_key_may_watch_the_server(house):
    assert key_of(house.client(house.person("Omar", "owner")), scopes=("operation",))


# devices

def test_devices_are_shown_in_plain_words(house, ann):
    client = house.stranger()
    client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    _, token = house.people.invitations.link(ann.id)
    post(client, f"/join/{token}")
    shown = page(client)
    assert "Firefox on Linux" in shown
    assert "this one" in shown


@pytest.mark.parametrize(("agent", "name"), [
    (FIREFOX, "Firefox on Linux"), ("curl/8.1", "curl"), ("", "A browser"), ("<script>", "A browser"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 Version/17.5 Safari/604.1", "Safari on iPhone"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
    ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
])
def test_browsers_have_names(house, agent, name):
    with house.app.test_request_context("/"):
        assert browser_name(agent) == name


def test_a_device_is_signed_out_and_the_others_stay(house, ann, browser):
    second, third = house.client(ann), house.client(ann)
    with second.session_transaction(base_url=HOME) as session:
        device = session["device"]
    assert post(browser, f"/preferences/devices/{device}/sign_out").status_code == 303
    assert second.get("/preferences", base_url=HOME).status_code == 401
    page(third)
    assert post(browser, "/preferences/devices/sign_out").status_code == 303
    assert third.get("/preferences", base_url=HOME).status_code == 401
    page(browser)
    assert len(house.people.devices.of(ann.id)) == 1


def test_this_device_may_sign_itself_out(browser):
    with browser.session_transaction(base_url=HOME) as session:
        device = session["device"]
    assert post(browser, f"/preferences/devices/{device}/sign_out").location == "/enter"
    assert browser.get("/preferences", base_url=HOME).status_code == 401


def test_a_link_brings_one_more_device(house, ann, browser):
    answer = post(browser, "/preferences/devices/link")
    assert answer.status_code == 201
    address = re.search(r'value="https://localhost/join/([\w-]+)"', answer.text)
    assert "<svg" in answer.text.split('id="devices"')[1].split("</section>")[0]
    assert " style=" not in answer.text
    other = house.stranger()
    assert post(other, f"/join/{address[1]}").status_code == 303
    assert ann.name in page(other)
    assert address[1] not in page(browser)


@pytest.mark.parametrize("path", ["keys/{}/revoke", "devices/{}/sign_out"])
def test_what_is_somebody_else_s_is_not_here(house, ann, browser, path):
    bob = house.person(f"Bob {path}")
    house.client(bob)
    theirs = house.people.keys.make(bob.id, "key", ["chat"])[0].id if "keys" in path else house.people.devices.of(bob.id)[0].id
    answers = [post(browser, "/preferences/" + path.format(id), JSON) for id in (theirs, "nowhere")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json["error"]["message"] == answers[1].json["error"]["message"]
    assert len(house.people.keys.of(bob.id)) == ("keys" in path)
    assert len(house.people.devices.of(bob.id)) == 1


# the account

def test_a_person_takes_another_name(house, ann, browser):
    assert post(browser, "/preferences/name", name=" Anna  Lee ").location == "/preferences#leave"
    assert house.people.find(ann.id).name == "Anna Lee"
    assert 'value="Anna Lee"' in page(browser)
    wrong = (("  ", 400, "1 to 100"), ("n" * 1000, 400, "1 to 100"), ("olga", 409, "with that name already"))
    for name, status, sentence in wrong:
        refused = post(browser, "/preferences/name", name=name)
        assert refused.status_code == status
        assert sentence in refused.text
    assert house.people.find(ann.id).name == "Anna Lee"


# the end

def test_an_account_is_deleted_with_everything(house, ann, browser):
    store = house.services.store
    other, secret = house.client(ann), key_of(browser)
    talk = post(browser, "/turns", JSON, question="hello").json["conversation"]
    role = house.people.library.add(ann.id, title="Poet", prompt="You are a poet.")
    wrong = post(browser, "/preferences/delete", name="Somebody")
    assert wrong.status_code == 400
    assert "Please type your name" in wrong.text
    assert post(browser, "/preferences/delete", name=ann.name).status_code == 200
    assert house.people.find(ann.id) is None
    assert store.count(ann.id) == 0
    assert store.entry("role", role.id) is None
    for client, headers in ((browser, {}), (other, {}), (house.stranger(), {"Authorization": f"Bearer {secret}"})):
        assert client.get(f"/c/{talk}", base_url=HOME, headers=headers).status_code == 401


def test_the_last_owner_stays(shared_app):
    house = Household(shared_app(access="invite"))
    ann = house.person("Ann", "owner")
    answer = post(house.client(ann), "/preferences/delete", name="Ann")
    assert answer.status_code == 409
    assert "make somebody else one first" in answer.text
    assert house.people.find(ann.id)


def test_forgetting_the_session_of_a_person_deletes_nothing(house, ann, browser):
    post(browser, "/turns", JSON, question="hello")
    assert post(browser, "/session_out").status_code == 303
    assert house.services.store.count(ann.id) == 1
    assert house.people.devices.of(ann.id) == []


@pytest.mark.parametrize("path", [
    "keys", "keys/x/revoke", "devices/link", "devices/sign_out", "devices/x/sign_out", "delete", "name",
])
def test_other_methods_and_other_pages_are_refused(house, ann, browser, path):
    assert browser.get(f"/preferences/{path}", base_url=HOME).status_code == 405
    foreign = browser.post(f"/preferences/{path}", base_url=HOME, data={"name": ann.name}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert browser.post(f"/preferences/{path}", base_url=HOME, json={"name": 1}, headers={"Origin": HOME}).status_code == 400
    assert house.people.find(ann.id)
