"""Nobody sees another's things: generated from the address map, so that a new route without a case fails here.

What to do when this fails for a new route: say below what its argument names (NAMES), what a request needs before it looks for
that (BODIES), who may use it (FOR_MEMBERS), and whether it names somebody's thing in its body (FIELDS, NAMES_NOTHING).
"""

import json

import pytest

from tests.engines.conftest import until
from tests.web.house import CANARY, HOME, JSON, Belongings, Household, Statements, like, told
from webbot import __version__
from webbot.factory import create_plain_apps
from webbot.web.access import OWNERS_ONLY
from webbot.web.pybot.talk import SocketTalk
from webbot.web.pybot.titles import Titles

SECRET = "0123456789abcdef" * 4
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# What an argument names: by its name, or by room (or endpoint) and name where that is not enough.
NAMES = {
    "conversation": "conversation", "message": "message", "file": "file", "response_id": "response", "role": "role",
    "passkeys.remove id": "passkey", "account.revoke_key id": "key", "account.sign_out_device id": "device",
    "owner id": "person", "owner.take_back id": "invitation",
}
# Arguments that name nothing of somebody's own.
NOBODYS = {
    "static filename": "the page's own files, the same for everybody",
    "static v": "the state of those files",
    "api.part name": "the files of the document's page",
    "v1.Models_get_model model": "models are everybody's",
    "leonid.alive name": "answers alike whatever the name: programs of old ask whether the server is there",
    "sharing.read token": "the link is the right to read",
    "signing.join token": "the link is the right to join",
}
# What a request has to bring before the server looks for the thing that it names.
BODIES = {
    "turns.next_turn": {"question": "hi"}, "turns.edit": {"message": "x", "question": "hi"}, "turns.feedback": {"message": "x"},
    "pages.role": {"bot_role": "x"}, "pages.model": {"model": ""}, "conversations.options": {"title": "x"},
    "owner.rank": {"rank": "member"}, "library.change": {"title": "x", "prompt": "x"}, "pybot.change": json.dumps({"title": "x"}),
}
# Who may use a route: all routes of these rooms, and these of mixed ones, are for everybody who is in. Others are the owner's.
FOR_MEMBERS = {
    "pages", "turns", "files", "conversations", "sharing", "transfers", "streams", "voice", "pybot", "v1", "api", "socratic",
    "leonid", "signing", "static", "library", "account", "passkeys", "models.models", "operation.status", "operation.healthz",
    "operation.readyz",
}
# Whom nobody knows may open these, and nothing else.
OPEN = {
    "static": "style and script, the same for everybody",
    "operation.healthz": "whether the server lives", "pybot.healthz": "the same for Pybot's clients",
    "sharing.read": "the link is the right to read",
    "signing.enter": "the page for signing in", "signing.join": "a link that signs in",
    "signing.leave": "signing out twice is no error",
    "signing.passkey_options": "signing in with a passkey", "signing.passkey_signin": "signing in with a passkey",
    "leonid.alive": "whether the server is there, for programs of old",
    "oidc.start": "on the way to the provider", "oidc.back": "the way back, with what the provider gave",
    "oidc.out": "signing out there, too",
}


def arguments(rule):
    """(argument, kind) of those that name something of somebody's own; fails where nobody has said what it names."""
    found = []
    for argument in sorted(rule.arguments):
        if f"{rule.endpoint} {argument}" in NOBODYS:
            continue
        room = rule.endpoint.split(".")[0]
        kind = NAMES.get(f"{rule.endpoint} {argument}") or NAMES.get(f"{room} {argument}") or NAMES.get(argument)
        assert kind, f"what does <{argument}> of {rule.rule} name? Say so in tests/web/test_isolation.py"
        found.append((argument, kind))
    return found


def named(whose, kind):
    """The id of somebody's thing."""
    return whose.person.id if kind == "person" else getattr(whose, kind)


def path_of(rule, values):
    path = rule.rule
    for argument in rule.arguments:
        given = values.get(argument, "x" * 24)
        for form in (f"<{argument}>", f"<path:{argument}>"):
            path = path.replace(form, given)
    return path


def is_for_members(rule):
    return rule.endpoint not in OWNERS_ONLY and bool(FOR_MEMBERS & {rule.endpoint, rule.endpoint.split(".")[0]})


def is_for_keys(path):
    return path.startswith(("/v1/", "/api/"))


def body_of(rule, method):
    body = BODIES.get(rule.endpoint)
    if method in ("GET", "HEAD", "DELETE", "OPTIONS") or body is None:
        return {}
    return {"data": body, "content_type": "application/json"} if isinstance(body, str) else {"data": body}


@pytest.fixture(scope="module")
def house(shared_app):
    return Household(shared_app(access="invite", leonid_secret=SECRET, program_rate_limit=100_000))


@pytest.fixture(scope="module")
def alice(house):
    house.person("Olga", "owner")
    return Belongings(house, house.person("Alice"))


@pytest.fixture(scope="module")
def bob(house, alice):
    return Belongings(house, house.person("Bob"), "words8264")


@pytest.fixture(scope="module")
def browser(house, bob):
    return house.client(bob.person)


@pytest.fixture(scope="module")
def rules(house):
    return list(house.app.url_map.iter_rules())


def cases(rules, alice, bob):
    """(rule, method, path with something of alice's, the same path with ids that nobody has, those ids)."""
    for rule in rules:
        asked = arguments(rule)
        if not asked or not is_for_members(rule):
            continue
        real = {argument: named(alice, kind) for argument, kind in asked}
        forms = [(real, {argument: like(id) for argument, id in real.items()})]
        if len(asked) > 1:  # something of alice's within something of bob's own
            inner = {argument: named(bob if argument == "conversation" else alice, kind) for argument, kind in asked}
            forms.append((inner, {argument: id if argument == "conversation" else like(id) for argument, id in inner.items()}))
        for theirs, nobodys in forms:
            for method in sorted(rule.methods - {"OPTIONS"}):
                yield rule, method, path_of(rule, theirs), path_of(rule, nobodys), [*theirs.values(), *nobodys.values()]


@pytest.mark.parametrize("way", ["browser", "page", "key"])
def test_what_is_somebody_else_s_is_as_if_it_were_not_there(house, alice, bob, browser, rules, way):
    """The same status, body and headers, and as many questions to the database, on every route and verb."""
    client = house.app.test_client() if way == "key" else browser
    headers = {**(house.key(bob.person) if way == "key" else {}), **({} if way == "page" else JSON)}
    before, tried = house.records(alice.person), 0
    client.get("/api/userinfo", base_url=HOME, headers=headers)  # that a key is used is written down once
    for rule, method, theirs, nobodys, ids in cases(rules, alice, bob):
        if way == "key" and not is_for_keys(theirs):
            continue
        sent = {"base_url": HOME, "headers": headers, "method": method, **body_of(rule, method)}
        answers, counts = [], []
        for path in (theirs, nobodys):
            with Statements(house.services.store) as statements:
                answers.append(client.open(path, **sent))
            counts.append(statements.count)
        case = f"{method} {rule.rule}: {answers[0].text[:200]}"
        assert [answer.status_code for answer in answers] == [404, 404], case
        assert told(answers[0], *ids) == told(answers[1], *ids), case
        assert CANARY not in answers[0].text, case
        assert counts[0] == counts[1], f"{case}: it can be told by the time it takes"
        tried += 1
    assert tried >= (15 if way == "key" else 50)
    assert house.records(alice.person) == before


def test_a_case_that_finds_its_own_would_fail(house, alice, bob, browser, rules):
    """The same requests for what is one's own find it: a case is no 404 for another reason."""
    kept = {"GET", "HEAD"}
    for rule in rules:
        asked = arguments(rule)
        if asked and is_for_members(rule) and not rule.rule.endswith("/events"):
            for method in rule.methods & kept:
                path = path_of(rule, {argument: named(bob, kind) for argument, kind in asked})
                assert browser.open(path, base_url=HOME, method=method).status_code == 200, f"{method} {rule.rule}"


# what requests name in their bodies: (endpoint, path, body); HERE is something of bob's, ID what is named


def fields(alice, bob):
    here = f"/c/{bob.conversation}"
    for name in ("edit", "again", "on", "show", "pin", "feedback"):
        more = {"edit": {"question": "x"}, "pin": {"pinned": "on"}, "feedback": {"feedback": "up"}}.get(name, {})
        message = alice.question if name == "edit" else alice.message
        yield f"turns.{'go_on' if name == 'on' else name}", f"{here}/{name}", message, {"message": "ID"} | more
    yield "turns.first_turn", "/turns", alice.role, {"question": "x", "role": "ID"}
    yield "turns.next_turn", f"{here}/turns", alice.role, {"question": "x", "role": "ID"}
    yield "pages.role", f"{here}/role", alice.role, {"role": "ID"}
    told = {"model": "echo", "input": "x"}
    yield "v1.Responses_create", "/v1/responses", alice.response, json.dumps(told | {"previous_response_id": "ID"})
    yield "v1.Responses_create", "/v1/responses", alice.conversation, json.dumps(told | {"conversation": "ID"})
    yield "v1.Responses_create", "/v1/responses", alice.conversation, json.dumps(told | {"metadata": {"conversation_id": "ID"}})
    chat = {"model": "echo", "messages": [{"role": "user", "content": "x"}], "metadata": {"conversation_id": "ID"}}
    yield "v1.Chats_create_chat", "/v1/chat/completions", alice.conversation, json.dumps(chat)


NAMES_NOTHING = {
    "turns.classic": "as first_turn", "files.first": "as first_turn", "pages.session_out": "one's own",
    "transfers.import_file": "brings everything along", "voice.transcribe": "brings a recording",
    "conversations.forget": "a mark in one's own session", "socratic.prompt": "a text", "pybot.create": "a title",
    "v1.Completions_create_completion": "a text", "v1.EmbeddingDoor_create": "a text", "v1.Audio_create_speech": "a text",
    "v1.Audio_create_transcription": "a recording", "v1.Audio_create_translation": "a recording",
    "leonid.prompt": "a signed token says whose", "leonid.inject": "a signed token says whose",
    "leonid.disconnect": "a signed token says whose",
    "signing.enter": "a code or a link", "signing.leave": "one's own", "library.add": "brings everything along",
    "library.new": "brings everything along", "passkeys.new": "nothing", "passkeys.register": "one's own",
    "signing.passkey_options": "nothing", "signing.passkey_signin": "a passkey, by its signature",
    "account.preferences": "one's own", "account.delete": "one's own", "account.link_device": "one's own",
    "account.sign_out_others": "one's own", "account.make_key": "one's own",
    "account.rename": "one's own",
}


def test_every_route_that_changes_something_says_what_its_body_names(rules, alice, bob):
    known = {endpoint for endpoint, *_ in fields(alice, bob)} | set(NAMES_NOTHING)
    unknown = [rule.rule for rule in rules if rule.methods & {"POST", "PUT", "PATCH"} and not rule.arguments
               and is_for_members(rule) and rule.endpoint not in known]
    assert not unknown, "say in FIELDS or NAMES_NOTHING what the bodies of these routes name"


def test_what_a_body_names_is_as_if_it_were_not_there(house, alice, bob, browser):
    before = house.records(alice.person)
    key = {**house.key(bob.person), **JSON}
    program = house.app.test_client()
    for endpoint, path, id, body in fields(alice, bob):
        answers = []
        for named in (id, like(id)):
            sent = json.loads(json.dumps(body).replace("ID", named))
            kind = {"content_type": "application/json"} if isinstance(sent, str) else {}
            client, headers = (program, key) if is_for_keys(path) else (browser, JSON)
            answers.append(client.post(path, base_url=HOME, data=sent, headers=headers, **kind))
        case = f"{endpoint}: {answers[0].text[:200]}"
        assert 400 <= answers[0].status_code < 500, case
        assert told(answers[0], id, like(id)) == told(answers[1], id, like(id)), case
    assert house.records(alice.person) == before


def test_no_list_shows_what_is_somebody_else_s(house, alice, browser, bob, rules):
    """Every page, list, export and stream without an argument, as a member and by key: nothing of the two others."""
    carol = house.person("Carol")
    visits = [(house.client(carol), JSON), (house.client(carol), {}), (house.app.test_client(), house.key(carol))]
    for rule in rules:
        if rule.arguments or "GET" not in rule.methods or rule.websocket or rule.endpoint == "pages.session_out":
            continue
        for client, headers in visits:
            with client.get(rule.rule, base_url=HOME, headers=headers, buffered=False) as answer:
                parts = [next(iter(answer.response), b"")] if rule.rule.endswith("/events") else list(answer.response)
            text = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts).decode()
            for word in (alice.word, bob.word, alice.conversation, alice.person.id, bob.conversation):
                assert word not in text.replace(f"{CANARY} key", ""), f"{rule.rule} shows {word}"
    found = house.client(carol).get(f"/list?q={CANARY}", base_url=HOME, headers=JSON)
    assert alice.conversation not in found.text


class Talk:
    """Bob's side of a socket."""

    def __init__(self, house, owner):
        self.sent = []
        services = house.services
        self.talk = SocketTalk(services, Titles(services), owner, "bob", self.sent.append, lambda: None)

    def hears(self, **frame):
        """The frames that come at once after one that was sent, without the ids that have to differ."""
        del self.sent[:]
        self.talk.hear(json.dumps(frame))
        frames = [*self.sent]
        while (one := self.talk.next()) is not None:
            frames.append(one)
        shown = [json.loads(one.replace(frame["conversation"], "ID")) for one in frames]
        return [{name: value for name, value in one.items() if name != "id"} for one in shown]


def test_frames_that_name_somebody_else_s_conversation(house, alice, bob):
    before = house.records(alice.person)
    talk = Talk(house, bob.person.id)
    for type in ("text", "cancel", "follow"):
        theirs, nobodys = (talk.hears(type=type, conversation=id, content="x", id="1")
                           for id in (alice.conversation, like(alice.conversation)))
        assert theirs == nobodys and len(theirs) == 1 and theirs[0]["type"] == "error", type
    assert house.records(alice.person) == before
    talk.talk.close()


def test_a_socket_and_a_stream_hear_nothing_of_somebody_else_s_answer(house, alice, bob, browser):
    services = house.services
    own = services.store.create_conversation(alice.person.id, title=CANARY).id
    talk = Talk(house, bob.person.id)
    with browser.get("/events", base_url=HOME, buffered=False) as stream:
        events = iter(stream.response)
        heard = [next(events)]
        reply = services.chat.ask(alice.person.id, own, f"{CANARY} " * 60)
        until(lambda: reply.text, 10)
        talk.talk.begin()
        heard += [next(events), next(events)]
        assert talk.talk.next() is None
        running = browser.get(f"/c/{own}/events", base_url=HOME)
        stopping = browser.post(f"/c/{own}/stop", base_url=HOME, headers=JSON)
    assert (running.status_code, stopping.status_code) == (404, 404)
    assert not any(CANARY in str(part) or own in str(part) for part in heard)
    assert reply.stop() is None or reply.wait(10)
    talk.talk.close()


# nobody, and members


MODES = {
    "invite": {"access": "invite"},
    "header": {"access": "header", "proxy_secret": SECRET},
    "oidc": {"access": "oidc", "oidc_url": "https://127.0.0.1:9/nobody", "oidc_client": "webbot"},
    "code": {"access": "code", "access_code": "correct-horse-battery"},
}


@pytest.mark.parametrize("mode", MODES)
def test_whom_nobody_knows_sees_nothing(shared_app, mode):
    app = shared_app(**MODES[mode], leonid_secret=SECRET)
    services = app.extensions["services"]
    owner = services.people.add(CANARY).id if services.settings.has_people else "home"
    kept = services.store.create_conversation(owner, title=CANARY, role=CANARY).id
    client, tried = app.test_client(), 0
    for rule in app.url_map.iter_rules():
        for method in METHODS:
            path = path_of(rule, dict.fromkeys(rule.arguments, kept))
            if rule.websocket:
                headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": HOME}
            else:
                headers = JSON
            sent = {}
            if rule.endpoint.startswith("leonid.") and method == "POST":
                sent = {"json": {"user_data": "a.b.c", **({} if "disconnect" in rule.rule else {"user_prompt": "x"})}}
                if "inject" in rule.rule:
                    sent["json"]["injected_context"] = sent["json"].pop("user_prompt")
            with client.open(path, base_url=HOME, method=method, headers=headers, **sent) as answer:
                text = answer.text
            case = f"{mode} {method} {path}: {text[:200]}"
            assert CANARY not in text and kept not in text.replace(path, ""), case
            if rule.endpoint in OPEN:
                assert answer.status_code < 500 or (mode, answer.status_code) == ("oidc", 503), case  # there is no provider
                continue
            if rule.endpoint.startswith("leonid.") and method == "OPTIONS":
                assert not text, case
                continue
            refused = (401, 405) if rule.endpoint.startswith("leonid.") else (401,)  # they look at a token of their own
            assert answer.status_code in refused, case
            assert len(text) < 2000 and __version__ not in text, case
            assert "Set-Cookie" not in answer.headers, case
            tried += 1
    assert tried > 300


def test_the_plain_ports_have_nothing_more(shared_app):
    """What is served beside the pages: help for phones, Leonid's doors, and the pages themselves for a proxy."""
    app = shared_app(access="invite", lan=True, leonid_port=5001, leonid_secret=SECRET)
    settings = app.extensions["services"].settings
    plain = create_plain_apps(settings, app)
    phone, leonid = plain[settings.lan_port], plain[settings.leonid_port]
    assert {rule.endpoint for rule in phone.url_map.iter_rules()} == {"page", "certificate", "style"}
    assert {rule.endpoint.split(".")[0] for rule in leonid.url_map.iter_rules()} == {"leonid"}
    assert len(plain) == 2


def test_what_is_the_owner_s_is_not_for_members(house, alice, bob, browser, rules):
    """On every route that is not said to be for members, also with the owner's own key, as long as it is not for that."""
    olga = next(person for person in house.people.all() if person.is_owner)
    before, tried = house.records(alice.person), 0
    for rule in rules:
        if is_for_members(rule):
            continue
        path = path_of(rule, {argument: named(alice, kind) for argument, kind in arguments(rule)})
        for method in sorted(rule.methods - {"OPTIONS"}):
            for client, headers in ((browser, JSON), (browser, {}), (house.app.test_client(), house.key(bob.person)),
                                    (house.app.test_client(), house.key(olga))):
                answer = client.open(path, base_url=HOME, method=method, headers=headers)
                assert answer.status_code == 403, f"{method} {rule.rule}: who may do that? {answer.text[:200]}"
                assert CANARY not in answer.text
            tried += 1
    assert tried >= len(OWNERS_ONLY)
    assert house.records(alice.person) == before


def test_what_an_owner_names_and_is_not_there(house, alice, rules):
    """For the owner, too, an id that nobody has is one sentence."""
    client = house.client(next(person for person in house.people.all() if person.is_owner))
    for rule in rules:
        named_here = arguments(rule)
        if named_here and not is_for_members(rule):
            path = path_of(rule, {argument: like(named(alice, kind)) for argument, kind in named_here})
            for method in sorted(rule.methods - {"OPTIONS", "HEAD"}):
                answer = client.open(path, base_url=HOME, method=method, headers=JSON, **body_of(rule, method))
                assert answer.status_code == 404, f"{method} {rule.rule}: {answer.text[:200]}"
