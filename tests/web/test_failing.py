"""Whatever fails, and however a route ends: the right headers, one sentence, nothing of the inside, and the number of the log."""

import logging
import pickle
import re
import time

import jinja2
import pytest

from tests.web.house import CANARY, HOME, JSON, Household
from tests.web.test_isolation import arguments, named, path_of
from webbot import __version__
from webbot.errors import Unavailable
from webbot.people import entries
from webbot.people.devices import Device
from webbot.settings import ROOT

SECRET = "0123456789abcdef" * 4
INSIDE = ("Traceback", "File \"", str(ROOT), "site-packages", "SELECT", "INSERT", "sqlite", "sqlalchemy", "werkzeug", "Error(",
          ".py", CANARY, SECRET)
NO_STORE = ("static", "operation.healthz", "pybot.healthz", "signing.passkey_signin",
            "leonid.alive", "leonid.prompt", "leonid.inject", "leonid.disconnect")  # as they are asked here
DIRECTIVES = ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action ")


@pytest.fixture(scope="module")
def house(shared_app):
    return Household(shared_app(access="invite", leonid_secret=SECRET))


@pytest.fixture(scope="module")
def requests(house, alice):
    """(method, path) of every route and verb."""
    found = []
    for rule in house.app.url_map.iter_rules():
        if not rule.websocket:
            path = path_of(rule, {argument: named(alice, kind) for argument, kind in arguments(rule)})
            found += [(rule, method, path) for method in sorted(rule.methods - {"OPTIONS"})]
    return found


def refuse_inside(answer, case):
    shown = answer.text + str(answer.headers)
    for word in INSIDE:
        assert word not in shown, f"{case} shows {word}"
    assert __version__ not in shown, case


def check_headers(answer, case):
    headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert all(directive in policy for directive in DIRECTIVES) or "; sandbox;" in policy, case
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy and "*" not in policy, case
    assert "http:" not in policy and "https:" not in policy, case
    assert headers["X-Content-Type-Options"] == "nosniff", case
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer"), case
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin", case
    assert re.fullmatch(r"max-age=\d{8}.*", headers["Strict-Transport-Security"]), case
    assert re.fullmatch(r"[0-9a-f]{16}", headers["X-Request-Id"]), case
    assert "Server" not in headers and "X-Powered-By" not in headers, case
    for cookie in headers.getlist("Set-Cookie"):
        parts = set(cookie.split("; "))
        assert cookie.startswith("__Host-session=") and {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= parts, case
        assert not any(part.startswith("Domain") for part in parts), case


# headers


@pytest.mark.parametrize("who", ["nobody", "somebody else", "another site", "as it is not taken", "somebody"])
def test_every_answer_carries_the_headers(house, alice, requests, who):
    """401, 403, 404, 405, and what everybody sees; whatever belongs to somebody is stored nowhere on the way."""
    client = house.stranger()
    if who in ("somebody else", "as it is not taken"):
        client = house.client(house.people.add(who))
    elif who == "somebody":
        client = house.client(alice.person)
    headers = {"Sec-Fetch-Site": "cross-site"} if who == "another site" else {}
    statuses = set()
    for rule, method, path in requests:
        if who == "somebody" and (method not in ("GET", "HEAD") or rule.endpoint == "pages.session_out"):
            continue
        if rule.endpoint in ("pages.session_out", "signing.leave", "account.delete") and who in ("somebody else",):
            continue
        verb = "PATCH" if who == "as it is not taken" else method
        for accept in ({}, JSON):
            with client.open(path, base_url=HOME, method=verb, headers={**headers, **accept}, buffered=False) as answer:
                case = f"{who}: {verb} {path} {answer.status}"
                assert answer.status_code < 500, case
                check_headers(answer, case)
                if rule.endpoint != "static":
                    assert answer.headers["Cache-Control"] == "no-store", case
                statuses.add(answer.status_code)
    expected = {"nobody": {401}, "somebody else": {403, 404}, "another site": {403}, "as it is not taken": {405},
                "somebody": {200}}
    assert expected[who] <= statuses


# what fails


class Lines(logging.Handler):
    """What the log gets, as its lines look."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        from webbot.logs import Line

        self.lines = []
        self.setFormatter(Line())

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def log():
    lines, logger = Lines(), logging.getLogger("webbot")
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.DEBUG)
    yield lines.lines
    logger.removeHandler(lines)
    logger.setLevel(level)


def fails(answer, log, case):
    """A sentence, the headers, and one line of the log with the number of the request."""
    assert answer.status_code == 500, case
    refuse_inside(answer, case)
    check_headers(answer, case)
    number = answer.headers["X-Request-Id"]
    lines = [line for line in log if f"request {number} failed" in line]
    assert len(lines) == 1, case
    if answer.text and not answer.is_json:
        assert number in answer.text or "Something went wrong" in answer.text, case
    log.clear()


def test_every_view_that_raises_is_one_sentence(house, alice, browser, requests, log, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError(f"SELECT {CANARY} FROM {ROOT}/data {SECRET}")

    for endpoint in house.app.view_functions:
        monkeypatch.setitem(house.app.view_functions, endpoint, broken)
    headers, keys = JSON, house.key(alice.person)
    tried = 0
    for _, method, path in requests:
        client, key = (house.app.test_client(), keys) if path.startswith(("/v1", "/api/conv", "/prompt")) else (browser, {})
        answer = client.open(path, base_url=HOME, method=method, headers={**(headers if tried % 2 else {}), **key})
        fails(answer, log, f"{method} {path}")
        tried += 1
    assert tried > 100


@pytest.mark.parametrize("broken", ["talk.html", "base.html", "problem.html", "every one"])
def test_a_broken_template_is_one_sentence(house, browser, log, monkeypatch, broken):
    whole = house.app.jinja_loader

    def source(name):
        if broken in (name, "every one"):
            return "{% if %}{{ " + CANARY + ROOT.as_posix() + " }}"
        return whole.get_source(house.app.jinja_env, name)[0]

    monkeypatch.setattr(house.app.jinja_env, "loader", jinja2.FunctionLoader(source))
    monkeypatch.setattr(house.app.jinja_env, "bytecode_cache", None)
    house.app.jinja_env.cache.clear()
    try:
        for client, path in ((browser, "/"), (browser, "/c/nothing"), (house.app.test_client(), "/"), (browser, "/enter")):
            answer = client.get(path, base_url=HOME)
            if answer.status_code >= 400:
                refuse_inside(answer, path)
            check_headers(answer, path)
            assert answer.status_code in (200, 302, 303, 401, 404, 500) and (answer.text or answer.location)
            if answer.status_code == 500:
                assert any(f"request {answer.headers['X-Request-Id']} failed" in line for line in log)
    finally:
        house.app.jinja_env.cache.clear()


def test_a_store_that_is_gone_is_one_sentence(house, alice, browser, requests, monkeypatch):
    """The database is away for every call, or fails in a way that nobody knows."""
    for problem, statuses in ((Unavailable("The database is away.", retry_after=5), (503,)), (ValueError(CANARY), (500,))):
        with monkeypatch.context() as patched:
            for name in dir(house.services.store):
                if name == "read_session" and isinstance(problem, ValueError):
                    continue  # nothing can be told then but a bare 500, by the server
                if not name.startswith("_") and callable(getattr(type(house.services.store), name, None)):
                    patched.setattr(house.services.store, name, lambda *_, problem=problem, **__: (_ for _ in ()).throw(problem))
            for rule, method, path in requests[:: 1 if 503 in statuses else 5]:  # a trace in the log takes its time
                answer = browser.open(path, base_url=HOME, method=method, headers=JSON)
                case = f"{method} {path}: {answer.text[:100]}"
                assert answer.status_code in statuses or rule.endpoint in NO_STORE, case
                refuse_inside(answer, case)
    assert browser.get("/list", base_url=HOME).status_code == 200


# what somebody put into the store by hand


class Song:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def test_a_pickle_in_the_store_is_never_read(house, alice, tmp_path):
    """As a session, and as the value of an entry of a person's: it counts as none, and nothing of it runs."""
    client = house.client(house.people.add("Pia"))
    pia = next(person for person in house.people.all() if person.name == "Pia")
    device = house.people.devices.of(pia.id)[0]
    song = pickle.dumps(Song(tmp_path / "song"), protocol=0)
    kept = house.services.store.read_session(device.session)
    house.services.store.write_session(device.session, song, 3600)
    assert client.get("/list", base_url=HOME).status_code == 401
    house.services.store.write_session(device.session, kept, 3600)
    made = Device(id="song", person=pia.id, session=device.session, name=song.decode("latin-1"))
    house.services.store.put_entry(entries.entry("device", made, owner=pia.id))
    answer = house.client(pia).get("/preferences", base_url=HOME)
    assert answer.status_code == 200
    assert not (tmp_path / "song").exists()


# clocks


@pytest.mark.parametrize("hours", [1, -1, 24 * 31, -24 * 365])
def test_a_clock_that_jumps_fails_nothing_and_revives_nothing(house, hours, monkeypatch):
    """What was signed out, revoked, used up or removed stays so whatever the clock says; nothing is a failure."""
    people, store = house.people, house.services.store
    eve = people.add(f"Eve {hours}")
    client, out = house.client(eve), house.client(eve)
    lost = people.keys.make(eve.id, "lost", ["chat"])
    people.keys.revoke(eve.id, lost[0].id)
    _, used = people.invitations.link(eve.id)
    people.invitations.take(used)
    people.devices.sign_out(eve.id, people.devices.find(eve.id, device_of(out)).id)
    removed = people.add(f"Removed {hours}")
    gone = house.client(removed)
    house.services.part_with(removed.id)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600.0)
    for path in ("/", "/list", "/preferences", "/roles", "/models"):
        assert client.get(path, base_url=HOME).status_code == (401 if hours > 24 * 30 else 200), path
        for other in (out, gone):
            assert other.get(path, base_url=HOME).status_code == 401
    revoked = {"Authorization": f"Bearer {lost[1]}"}
    assert house.stranger().get("/v1/models", base_url=HOME, headers=revoked).status_code == 401
    assert house.stranger().post(f"/join/{used}", base_url=HOME).status_code == 404
    assert house.client(eve).get("/list", base_url=HOME).status_code == 200, "signing in works at any time"
    monkeypatch.setattr(time, "time", real)
    assert client.get("/list", base_url=HOME).status_code in (200, 401)
    assert gone.get("/list", base_url=HOME).status_code == 401
    assert store.entry("key", lost[0].id) is None


def device_of(client):
    with client.session_transaction(base_url=HOME) as session:
        return session["device"]
