"""Sessions over a real store, through a small application of a few lines."""

from __future__ import annotations

import hashlib
import pickle
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask, current_app, request, session

from webbot.errors import DiskFull, Problem, Unavailable
from webbot.store.sql import SqlStore
from webbot.web import sessions
from webbot.web.sessions import COOKIE, forget, install_sessions

HOME = "https://localhost/"


class FailingStore(SqlStore):
    """A store whose disk or lock fails when it is told to."""

    fails: Problem | None = None
    reading_fails = False
    writes = 0

    def read_session(self, key):
        if self.reading_fails:
            raise Unavailable("The database is away.")
        return super().read_session(key)

    def write_session(self, key, value, seconds):
        if self.fails:
            raise self.fails
        self.writes += 1
        super().write_session(key, value, seconds)

    def delete_session(self, key):
        if self.fails:
            raise self.fails
        super().delete_session(key)


@pytest.fixture
def store(tmp_path):
    opened = FailingStore(f"sqlite:///{tmp_path}/data/webbot.db")
    yield opened
    opened.close()


@pytest.fixture
def app(store):
    made = Flask("sessions")
    install_sessions(made, store, 30)
    made.register_error_handler(Problem, lambda problem: (str(problem), problem.status))

    @made.get("/")
    def show():
        return f"{session.get('name', 'nobody')}"

    @made.get("/plain")
    def plain():
        return "plain"

    @made.post("/")
    def change():
        session["name"] = request.form["name"]
        return "done"

    @made.post("/enter")
    def enter():
        session["entered"] = True
        current_app.session_interface.regenerate(session)
        return "in"

    @made.post("/out")
    def out():
        forget()
        return "out"

    @made.post("/clear")
    def clear():
        session.clear()
        return "out"

    return made


@pytest.fixture
def browser(app):
    return app.test_client()


def post(browser, path="", **form):
    return browser.post(HOME + path, data=form)


def look(browser):
    answer = browser.get(HOME)
    assert answer.status_code == 200
    return answer.text


def cookie(browser):
    found = browser.get_cookie(COOKIE, domain="localhost")
    return found.value if found else None


def look_with(app, value):
    """The page as a browser with just this cookie sees it."""
    answer = app.test_client(use_cookies=False).get(HOME, headers={"Cookie": f"{COOKIE}={value}"})
    assert answer.status_code == 200
    return answer.text


def plant(store, id, value):
    store.write_session(hashlib.sha256(id.encode()).hexdigest(), value, 3600)


def test_the_cookie_is_as_safe_as_a_cookie_can_be(browser):
    header = post(browser, name="ann").headers["Set-Cookie"]
    value, *attributes = header.split("; ")
    assert value.startswith("__Host-session=")
    assert len(value.partition("=")[2]) == 43  # 256 bits
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * 86400}"} <= set(attributes)
    assert "domain" not in header.lower()


def test_a_visitor_is_known_again_and_another_is_not(app, browser):
    post(browser, name="ann")
    assert look(browser) == "ann"
    assert look(app.test_client()) == "nobody"
    assert "Cookie" in browser.get(HOME).headers["Vary"]


def test_a_visit_that_says_nothing_leaves_nothing(browser, store):
    answer = browser.get(HOME)
    assert "Set-Cookie" not in answer.headers
    assert store.writes == 0


def test_the_database_holds_no_id(browser, store, tmp_path):
    post(browser, name="ann")
    store.close()
    everything = b"".join(file.read_bytes() for file in (tmp_path / "data").glob("webbot.db*") if file.suffix != ".reserve")
    assert b"ann" in everything
    assert cookie(browser).encode() not in everything


@pytest.mark.parametrize("value", [
    "", "x", "A" * 43, "A" * 8192, "A" * 42 + "=", "../../etc/passwd", "\xe4\xf6\xfc", "%00", '"quoted"', "a" * 44, "\u0661" * 43,
], ids=ascii)
def test_a_cookie_that_is_none_is_as_none(app, value, store):
    assert look_with(app, value.encode("latin-1", "replace").decode("latin-1")) == "nobody"


def test_a_changed_cookie_is_another_cookie(app, browser):
    post(browser, name="ann")
    id = cookie(browser)
    assert look_with(app, id) == "ann"
    assert look_with(app, id[:-1]) == "nobody"
    assert look_with(app, ("B" if id[0] == "A" else "A") + id[1:]) == "nobody"


def test_a_planted_id_is_never_adopted(app):
    planted = "P" * 43
    victim = app.test_client()
    victim.set_cookie(COOKIE, planted, domain="localhost", secure=True)
    post(victim, name="ann")
    assert cookie(victim) != planted
    assert look(victim) == "ann"
    assert look_with(app, planted) == "nobody"


def test_entering_changes_the_id(app, browser):
    post(browser, name="ann")
    before = cookie(browser)
    post(browser, "enter")
    assert cookie(browser) != before
    assert look(browser) == "ann"
    assert look_with(app, before) == "nobody"


@pytest.mark.parametrize("way", ["out", "clear"])
def test_a_forgotten_session_is_gone_for_everybody(app, browser, way):
    post(browser, name="ann")
    id = cookie(browser)
    header = post(browser, way).headers["Set-Cookie"]
    assert {"Secure", "Path=/", "Max-Age=0"} <= set(header.split("; "))  # else the browser would keep it
    assert not cookie(browser)
    assert look_with(app, id) == "nobody"


def test_a_request_under_way_does_not_revive_it(app, browser):
    post(browser, name="ann")
    id = cookie(browser)
    with app.test_request_context(HOME, headers={"Cookie": f"{COOKIE}={id}"}):
        post(browser, "out")
        session["name"] = "revived"
        response = app.process_response(app.make_response("late"))
    assert "Set-Cookie" not in response.headers
    assert look_with(app, id) == "nobody"


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["pickle", "text pickle", "list", "other", "deep", "bytes"])
def test_what_is_no_session_is_thrown_away_unread(app, store, tmp_path, kind):
    canary = tmp_path / "canary"
    id = "C" * 43
    plant(store, id, {
        "pickle": pickle.dumps(Canary(canary)), "text pickle": pickle.dumps(Canary(canary), protocol=0), "list": b"[1]",
        "other": b'{"name": "mallory"}', "deep": b"[" * 200_000, "bytes": b"\x81\xa4name\xa7mallory",
    }[kind])
    assert look_with(app, id) == "nobody"
    assert not canary.exists()
    assert store.read_session(hashlib.sha256(id.encode()).hexdigest()) is None


def test_the_canary_would_sing(tmp_path):
    pickle.loads(pickle.dumps(Canary(tmp_path / "canary")))
    assert (tmp_path / "canary").exists()


def test_visits_move_the_end_on_but_are_rarely_written(browser, store, monkeypatch):
    post(browser, name="ann")
    for _ in range(5):
        look(browser)
    assert store.writes == 1
    now = time.time()
    monkeypatch.setattr(sessions.time, "time", lambda: now + 3700)
    for _ in range(5):
        answer = browser.get(HOME)
    assert store.writes == 2
    assert "Set-Cookie" not in answer.headers
    monkeypatch.setattr(sessions.time, "time", lambda: now + 29.99 * 86400)
    assert look(browser) == "ann"
    monkeypatch.setattr(sessions.time, "time", lambda: now + 45 * 86400)
    assert look(browser) == "ann"
    monkeypatch.setattr(sessions.time, "time", lambda: now + 80 * 86400)
    assert look(browser) == "nobody"


@pytest.mark.parametrize("problem", [Unavailable("locked", retry_after=5), DiskFull("full")], ids=["locked", "full"])
def test_a_store_that_cannot_write_costs_no_page(browser, store, monkeypatch, problem):
    post(browser, name="ann")
    now = time.time()
    monkeypatch.setattr(sessions.time, "time", lambda: now + 3700)
    store.fails = problem
    assert look(browser) == "ann"
    assert post(browser, name="bob").status_code == 200
    assert look(browser) == "ann"
    assert post(browser, "out").status_code == problem.status  # nobody is told to be out who is not
    store.fails = None
    assert look(browser) == "ann"


def test_a_store_that_cannot_be_read_says_so(browser, store):
    post(browser, name="ann")
    store.reading_fails = True
    for answer in (browser.get(HOME), post(browser, name="stranger")):
        assert (answer.status_code, answer.text) == (503, "The database is away.")
        assert "Set-Cookie" not in answer.headers
    store.reading_fails = False
    assert look(browser) == "ann"


def test_a_visitor_without_a_cookie_needs_no_store(app, store):
    store.reading_fails = True
    assert app.test_client().get(HOME + "plain").status_code == 200


def test_an_ended_session_leaves_the_database(browser, store, tmp_path, monkeypatch):
    post(browser, name="ann")
    now = time.time()
    monkeypatch.setattr(sessions.time, "time", lambda: now + 31 * 86400)
    post(browser, name="bob")
    with closing(sqlite3.connect(tmp_path / "data/webbot.db")) as raw:
        assert raw.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
