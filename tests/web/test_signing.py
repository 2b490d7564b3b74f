"""Coming in by links and passkeys, staying, and going: what a browser must send, and what nobody can do with a cookie."""

import itertools
import json
import re
import threading
import time

import pytest
from flask import render_template

from tests.people.authenticator import Authenticator
from webbot.web.sessions import COOKIE
from webbot.web.wanted import safe_path

ORIGIN = "https://localhost"
JSON = {"Accept": "application/json"}
UNKNOWN = "A" * 32


@pytest.fixture(scope="module")
def app(shared_app):
    return shared_app(access="invite", hosts=("box.example",))


@pytest.fixture(scope="module")
def services(app):
    return app.extensions["services"]


@pytest.fixture(scope="module")
def people(services):
    return services.people


@pytest.fixture(scope="module")
def owner(people):
    return people.add("Olga", "owner")


COUNT, NAMES = itertools.count(1), itertools.count()


class Browser:
    """A client over HTTPS with cookies and an address of its own: wrong links are counted by address."""

    def __init__(self, app):
        number = next(COUNT)
        self.client = app.test_client()
        self.more = {"base_url": ORIGIN, "environ_overrides": {"REMOTE_ADDR": f"10.0.{number // 250}.{number % 250 + 1}"}}

    def get(self, path, **more):
        return self.client.get(path, **{**self.more, **more})

    def post(self, path, data=None, **more):
        return self.client.post(path, data=data, **{**self.more, **more})

    @property
    def cookie(self):
        found = self.client.get_cookie(COOKIE)
        return found.value if found else ""

    @cookie.setter
    def cookie(self, value):
        self.client.set_cookie(COOKIE, value, secure=True, domain="localhost")

    @property
    def is_in(self):
        return self.get("/").status_code == 200


@pytest.fixture
def browser(app):
    return lambda: Browser(app)


@pytest.fixture
def ann(people, owner):
    return people.add(f"Ann {next(NAMES)}")


@pytest.fixture
def signed_in(browser, people):
    def enter(person):
        made = browser()
        assert made.post(f"/join/{people.invitations.link(person.id)[1]}").status_code == 303
        return made

    return enter


# coming in by a link


def test_nobody_sees_more_than_the_page_for_signing_in(browser, owner):
    page = browser().get("/c/x?before=3")
    assert page.status_code == 401
    assert 'name="link"' in page.text and 'data-passkey="signin"' in page.text
    assert 'value="/c/x?before=3"' in page.text, "where to go after it"
    assert browser().get("/", headers=JSON).json["error"]["status"] == 401


def test_looking_at_a_link_uses_nothing_up_and_it_signs_in_once(browser, people, owner):
    name = f"Bea {next(NAMES)}"
    _, token = people.invitations.invite(name, "member", owner.id)
    first, second = browser(), browser()
    for _ in range(2):
        page = first.get(f"/join/{token}")
        assert page.status_code == 200 and name in page.text
        assert not first.is_in
    assert first.post(f"/join/{token}").location == "/"
    assert first.is_in
    for answer in (second.get(f"/join/{token}"), second.post(f"/join/{token}")):
        assert answer.status_code == 404 and "does not work any more" in answer.text
    assert second.post(f"/join/{token}", headers=JSON).status_code == 404
    assert not second.is_in
    (person,) = [person for person in people.all() if person.name == name]
    assert person.rank == "member" and len(people.devices.of(person.id)) == 1


def test_two_who_use_a_link_at_the_same_moment_are_not_both_let_in(browser, people, owner):
    _, token = people.invitations.invite(f"Bea {next(NAMES)}", "member", owner.id)
    statuses, start = [], threading.Barrier(4)

    def use(visitor):
        start.wait()
        statuses.append(visitor.post(f"/join/{token}").status_code)

    users = [threading.Thread(target=use, args=(browser(),)) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert sorted(statuses) in ([303, 404, 404, 404], [303, 404, 404, 409], [303, 404, 409, 409], [303, 409, 409, 409])


@pytest.mark.parametrize("token", [UNKNOWN, "x", "A" * 5000, "%00", "%F0%9F%90%88", "' OR 1=1"])
def test_guessed_links_are_404(browser, token):
    assert browser().get(f"/join/{token}").status_code == 404
    assert browser().post(f"/join/{token}").status_code == 404


def test_an_old_link_is_404(browser, people, ann):
    _, token = people.invitations.link(ann.id, seconds=-1)
    assert browser().post(f"/join/{token}").status_code == 404


def test_guessing_is_slowed_down(browser, people, ann):
    guesser = browser()
    statuses = [guesser.get(f"/join/{UNKNOWN[:-2]}{number:02}").status_code for number in range(14)]
    assert statuses[:10] == [404] * 10 and statuses[10:] == [429] * 4
    assert guesser.post(f"/join/{people.invitations.link(ann.id)[1]}").status_code == 303  # nobody beside a guesser is locked out


def test_a_link_can_be_pasted_with_its_address_or_without(browser, people, ann):
    for shape in ("https://10.0.0.7:8443/join/{}", "{}", "  {}\n", "box.example/join/{}/"):
        visitor = browser()
        link = shape.format(people.invitations.link(ann.id)[1])
        answer = visitor.post("/enter", {"link": link, "next": "/help"})
        assert (answer.status_code, answer.location) == (303, "/help") and visitor.is_in
    for wrong in ("", "nothing like it", "https://x/join/", f"/join/{UNKNOWN}"):
        page = browser().post("/enter", {"link": wrong})
        assert page.status_code == 404 and 'role="alert"' in page.text and 'name="link"' in page.text


def test_whose_name_is_taken_chooses_another_one(browser, people, owner):
    name = f"Bea {next(NAMES)}"
    links = [people.invitations.invite(name, "member", owner.id)[1] for _ in range(2)]
    assert browser().post(f"/join/{links[0]}").status_code == 303
    second = browser()
    page = second.post(f"/join/{links[1]}")
    assert page.status_code == 409 and 'name="name"' in page.text and "with that name already" in page.text
    assert second.post(f"/join/{links[1]}", {"name": f"{name} the second"}).status_code == 303 and second.is_in


def test_a_removed_persons_link_is_404(browser, people, ann, services):
    _, token = people.invitations.link(ann.id)
    services.part_with(ann.id)
    assert browser().post(f"/join/{token}").status_code == 404


@pytest.mark.parametrize(("asked", "sent"), [
    ("/help", "/help"), ("/c/AbC?before=3", "/c/AbC?before=3"), ("", "/"), ("help", "/"), ("//evil.example", "/"),
    ("/\\evil.example", "/"), ("https://evil.example/", "/"), ("/a\r\nX: y", "/"), ("/\t/evil", "/"),
    ("/ä", "/"), ("javascript:alert(1)", "/"), ("/enter", "/"), ("/join/x", "/"), ("/leave", "/"), ("/session_out", "/"),
    ("/c/x/events", "/"), ("/" + "a" * 3000, "/"), ("/static/x.js", "/"), ("/oidc/start?next=/", "/"),
])
def test_after_signing_in_only_own_pages_are_gone_to(asked, sent):
    assert safe_path(asked) == sent


def test_a_used_link_is_no_trouble_where_it_signed_in(people, browser, ann):
    visitor, token = browser(), people.invitations.link(ann.id)[1]
    visitor.post(f"/join/{token}")
    for again in (visitor.get(f"/join/{token}"), visitor.post(f"/join/{token}")):
        assert again.status_code == 200 and f"You are signed in as {ann.name}" in again.text
        assert "does not work" not in again.text and "<form" not in again.text
    assert visitor.is_in
    assert "<h1>This link has ended</h1>" in browser().get(f"/join/{token}").text


def test_whose_browser_it_becomes_is_said_before(people, signed_in, ann, owner):
    visitor, bob = signed_in(ann), people.add(f"Bob {next(NAMES)}")
    for token, other in ((people.invitations.link(bob.id)[1], bob.name),
                         (people.invitations.invite("Zoe", "member", owner.id)[1], "Zoe")):
        shown = visitor.get(f"/join/{token}").text
        said = f"You are signed in here as {ann.name}. With this link this browser becomes {other}"
        assert said in shown and shown.index(said) < shown.index("<button")
    own = visitor.get(f"/join/{people.invitations.link(ann.id)[1]}")
    assert own.status_code == 200 and "one more device of yours" in own.text and "<form" not in own.text


def test_a_draft_is_kept_under_another_name_for_everybody(people, signed_in, ann):
    def whose(visitor):
        return re.search(r'data-whose="(\w+)"', visitor.get("/").text)[1]

    bob = people.add(f"Bob {next(NAMES)}")
    assert whose(signed_in(ann)) == whose(signed_in(ann)) != whose(signed_in(bob))


# what was there before


def test_what_a_browser_had_is_the_persons(browser, people, ann, services):
    visitor = browser()
    visitor.post("/join/" + people.invitations.link(ann.id)[1])
    before = visitor.cookie
    kept = services.store.create_conversation("s-anonymous", title="From before")
    with visitor.client.session_transaction(**visitor.more) as session:
        session.clear()
        session["owner"], session["language"] = "s-anonymous", "zh"
    assert visitor.post("/join/" + people.invitations.link(ann.id)[1]).status_code == 303
    assert visitor.cookie != before
    assert services.store.conversation(ann.id, kept.id).title == "From before"
    assert 'lang="zh"' in visitor.get("/").text


def test_nobody_takes_another_persons_conversations_along(browser, people, ann, services):
    bob = people.add(f"Bob {next(NAMES)}")
    visitor = browser()
    visitor.post("/join/" + people.invitations.link(ann.id)[1])
    services.store.create_conversation(ann.id, title="Ann's")
    visitor.post("/join/" + people.invitations.link(bob.id)[1])
    assert not services.store.conversations(bob.id) and len(services.store.conversations(ann.id)) == 1
    assert not people.devices.of(ann.id), "it is Bob's device now"


def test_the_first_owner_gets_the_conversations_of_the_home_and_chooses_a_name(make_app):
    app = make_app(access="invite")
    services = app.extensions["services"]
    services.store.create_conversation("home", title="Of all")
    old, token = services.people.invitations.owner_link(), services.people.invitations.owner_link()
    first, late = Browser(app), Browser(app)
    assert late.post(f"/join/{old}").status_code == 404, "the newest link is the one"
    page = first.get(f"/join/{token}")
    assert "owner" in page.text and 'name="name"' in page.text
    assert "no owner yet" in first.get("/").text and "people invite NAME --owner" in first.get("/enter").text
    wrong = (("\u202e", "no text"), ("  ", "1 to 100"), ("", "1 to 100"), ("n" * 1000, "1 to 100"), ("n" * 30_000, "longer"))
    for name, sentence in wrong:
        unnamed = first.post(f"/join/{token}", {"name": name})
        assert unnamed.status_code in (400, 413) and 'name="name"' in unnamed.text and sentence in unnamed.text, name[:9]
    assert not services.people.all()
    assert first.post(f"/join/{token}", {"name": " Ann  Lee "}).status_code == 303
    assert "no owner yet" not in late.get("/enter").text
    (ann,) = services.people.all()
    assert (ann.name, ann.rank) == ("Ann Lee", "owner")
    assert [each.title for each in services.store.conversations(ann.id)] == ["Of all"]
    stolen = services.people.invitations.owner_link()
    for answer in (late.get(f"/join/{stolen}"), late.post(f"/join/{stolen}", {"name": "Eve"})):
        assert answer.status_code == 409 and "has an owner already" in answer.text and "<form" not in answer.text
    assert first.post("/session_out").status_code == 303 and not first.is_in
    assert len(services.store.conversations(ann.id)) == 1, "signing out deletes nothing"


# cookies


@pytest.mark.parametrize("change", [
    lambda cookie: cookie[:-1] + ("A" if cookie[-1] != "A" else "B"), lambda cookie: cookie[:20], lambda cookie: cookie + "A",
    lambda cookie: cookie * 90, lambda cookie: "", lambda cookie: "A" * 43, lambda cookie: "%00", lambda cookie: cookie.lower(),
    lambda cookie: '"' + cookie[:5], lambda cookie: cookie[::-1],
])
def test_a_changed_cookie_is_none(browser, signed_in, ann, change):
    good = signed_in(ann)
    visitor = browser()
    visitor.cookie = change(good.cookie)
    assert visitor.get("/").status_code == 401
    assert good.is_in


def test_a_planted_id_is_never_adopted(browser, people, ann, signed_in):
    planted, stranger = "P" * 43, signed_in(people.add(f"Eve {next(NAMES)}")).cookie
    for before in (planted, stranger):
        visitor, thief = browser(), browser()
        visitor.cookie = thief.cookie = before
        assert visitor.post("/join/" + people.invitations.link(ann.id)[1]).status_code == 303
        assert visitor.is_in and visitor.cookie != before
        assert not thief.is_in


@pytest.mark.parametrize("path", ["/leave", "/session_out"])
def test_a_cookie_is_worthless_once_it_was_signed_out(browser, people, ann, services, signed_in, path):
    services.store.create_conversation(ann.id, title="kept")
    visitor, thief = signed_in(ann), browser()
    thief.cookie = visitor.cookie
    assert thief.is_in
    assert visitor.post(path).status_code == 303
    assert not thief.is_in and not visitor.is_in
    assert not people.devices.of(ann.id) and len(services.store.conversations(ann.id)) == 1
    assert "signed out" in visitor.get("/enter?left=1").text


def test_leaving_is_for_own_pages_and_forms_only(signed_in, ann):
    visitor = signed_in(ann)
    assert visitor.get("/leave").status_code == 405
    assert visitor.post("/leave", headers={"Origin": "https://evil.example"}).status_code == 403
    assert visitor.post("/leave", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert visitor.is_in
    assert visitor.post("/leave", headers=JSON).json == {"url": "/enter"}


def test_signing_out_everywhere_but_here(people, ann, signed_in):
    here, there, elsewhere = (signed_in(ann) for _ in range(3))
    this = next(device for device in people.devices.of(ann.id) if device.session == key_of(here))
    assert people.devices.sign_out_all(ann.id, but=this.id) == 2
    assert here.is_in and not there.is_in and not elsewhere.is_in


def key_of(visitor):
    interface = visitor.client.application.session_interface
    return interface._get_store_id(visitor.cookie)


def test_whoever_is_in_needs_no_page_for_it(signed_in, ann):
    assert signed_in(ann).get("/enter?next=/help").location == "/help"


def test_an_open_stream_ends_when_its_browser_leaves(signed_in, ann):
    visitor = signed_in(ann)
    stream = visitor.get("/models/events", buffered=False)
    heard, began = b"", time.monotonic()
    threading.Timer(0.2, lambda: visitor.post("/leave")).start()
    for part in stream.response:
        heard += part if isinstance(part, bytes) else part.encode()
        assert time.monotonic() - began < 30
    assert heard.rstrip().split(b"\n\n")[-1].startswith(b"event: signed_out")


# passkeys


def options(visitor, path):
    return visitor.post(path, headers=JSON).json


def add_passkey(visitor, name="my phone", **more):
    authenticator = Authenticator()
    credential = json.dumps(authenticator.create(options(visitor, "/passkey/new")))
    return authenticator, visitor.post("/passkey/register", {"credential": credential, "name": name}, headers=JSON, **more)


def test_a_passkey_signs_in_on_another_device(browser, people, signed_in, ann):
    authenticator, added = add_passkey(signed_in(ann))
    assert added.status_code == 201 and added.json["name"] == "my phone"
    visitor = browser()
    before = visitor.cookie
    asked = options(visitor, "/passkey/options")
    assert asked["rpId"] == "localhost"
    waiting = visitor.cookie
    answer = {"credential": json.dumps(authenticator.get(asked)), "next": "/help"}
    assert visitor.post("/passkey/signin", answer, headers=JSON).json == {"url": "/help"}
    assert visitor.is_in and visitor.cookie not in (before, waiting), "a new id"
    assert len(people.devices.of(ann.id)) == 2
    thief = browser()
    thief.cookie = waiting
    assert thief.post("/passkey/signin", answer, headers=JSON).status_code == 403, "what was said once is not said again"


def test_a_challenge_belongs_to_the_browser_that_asked(browser, signed_in, ann):
    authenticator, _ = add_passkey(signed_in(ann))
    asking, other = browser(), browser()
    credential = json.dumps(authenticator.get(options(asking, "/passkey/options")))
    options(other, "/passkey/options")
    assert other.post("/passkey/signin", {"credential": credential}, headers=JSON).status_code == 403
    assert asking.post("/passkey/signin", {"credential": credential}, headers=JSON).status_code == 200


@pytest.mark.parametrize("credential", ["", "null", "7", "[]", "{", "[" * 9000, '{"id": "AAAA"}', '"\\ud800"', "{}" * 20_000])
def test_what_is_no_passkey_is_refused(browser, signed_in, ann, credential):
    visitor = browser()
    options(visitor, "/passkey/options")
    assert visitor.post("/passkey/signin", {"credential": credential}, headers=JSON).status_code in (400, 403, 413)
    person = signed_in(ann)
    options(person, "/passkey/new")
    assert person.post("/passkey/register", {"credential": credential}, headers=JSON).status_code in (400, 403, 413)


def test_strangers_add_and_remove_none(browser, people, signed_in, ann):
    _, added = add_passkey(signed_in(ann))
    bob = signed_in(people.add(f"Bob {next(NAMES)}"))
    for path in ("/passkey/new", "/passkey/register", f"/passkey/{added.json['id']}/remove"):
        assert browser().post(path, headers=JSON).status_code == 401
    theirs, random = (bob.post(f"/passkey/{id}/remove", headers=JSON) for id in (added.json["id"], "0" * 64))
    assert theirs.status_code == random.status_code == 404
    assert theirs.json["error"]["message"] == random.json["error"]["message"]
    assert len(people.passkeys.of(ann.id)) == 1


def test_a_person_removes_a_passkey_without_script(people, signed_in, ann):
    visitor = signed_in(ann)
    _, added = add_passkey(visitor)
    assert visitor.post(f"/passkey/{added.json['id']}/remove").location == "/preferences#passkeys"
    assert not people.passkeys.of(ann.id)


def test_an_address_has_no_passkeys_and_a_name_is_said(browser):
    page = browser().get("/", base_url="https://127.0.0.1:8443")
    assert "data-passkey" not in page.text and "https://box.example:8443/" in page.text
    refused = browser().post("/passkey/options", base_url="https://127.0.0.1:8443", headers=JSON)
    assert refused.status_code == 409 and "https://box.example:8443/" in refused.json["error"]["message"]
    assert browser().post("/passkey/options", base_url="https://box.example:8443", headers=JSON).json["rpId"] == "box.example"


def test_the_list_says_name_site_and_use(app, signed_in, ann):
    visitor = signed_in(ann)
    add_passkey(visitor, name="<b>phone</b>")
    with app.test_request_context("/preferences", base_url=ORIGIN):
        shown = render_template("_passkeys.html", person=ann)
    assert "&lt;b&gt;phone" in shown and "localhost" in shown and "not used yet" in shown and 'data-passkey="add"' in shown


# the other modes


@pytest.fixture(scope="module")
def open_app(shared_app):
    return shared_app()


@pytest.fixture(scope="module")
def code_app(shared_app):
    return shared_app(access_code="correct-horse-battery")


def test_an_open_server_asks_for_nothing(open_app):
    visitor = Browser(open_app)
    assert visitor.get("/enter?next=/help").location == "/help"
    for path in ("/passkey/options", "/passkey/signin", "/passkey/new", "/passkey/register", "/passkey/x/remove"):
        assert visitor.post(path, headers=JSON).status_code in (400, 404), path
    assert visitor.get(f"/join/{UNKNOWN}").status_code == 404
    assert visitor.post("/leave").location == "/"


def test_the_code_leads_to_where_one_wanted_to_go_and_leaving_keeps_what_is_there(code_app):
    visitor = Browser(code_app)
    assert 'value="/help"' in visitor.get("/help").text
    assert visitor.post("/enter", {"code": "correct-horse-battery", "next": "/help"}).location == "/help"
    assert visitor.post("/turns", {"question": "hello"}, headers=JSON).status_code == 201
    listed = re.findall(r"/c/[\w-]+", visitor.get("/list").text)
    assert listed
    assert visitor.post("/leave").location.startswith("/enter")
    assert not visitor.is_in
    visitor.post("/enter", {"code": "correct-horse-battery"})
    assert re.findall(r"/c/[\w-]+", visitor.get("/list").text) == listed
