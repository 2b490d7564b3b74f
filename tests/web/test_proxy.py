"""Whom a proxy names: what is believed, what is refused, and whose session it is then."""

import logging

import pytest

from webbot.web.sessions import COOKIE

SECRET = "0123456789abcdef0123456789abcdef"
HOST = "https://localhost"
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def app(shared_app):
    return shared_app(access="header", proxy_secret=SECRET, proxies=("10.0.0.0/24",), owners=("olga",),
                      admitted=("@example.org", "ann", "bob"))


@pytest.fixture
def people(app):
    return app.extensions["services"].people


@pytest.fixture
def ask(app):
    """Sends a request with headers; `secret` is whether the proxy's is among them."""

    def send(path="/api/userinfo", *, secret=True, client=None, method="GET", way="", address="192.0.2.7", data=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        proof = {"X-Proxy-Secret": SECRET} if secret else {}
        return (client or app.test_client(use_cookies=False)).open(
            path, method=method, base_url=HOST, headers={**JSON, **proxied(named), **proof}, data=data,
            environ_overrides={"REMOTE_ADDR": address, "webbot.way": way},
        )

    return send


def proxied(named):
    return {{"user": "X-Forwarded-User", "name": "X-Forwarded-Preferred-Username", "email": "X-Forwarded-Email",
             "proto": "X-Forwarded-Proto", "host": "X-Forwarded-Host"}.get(name, name): value for name, value in named.items()}


def test_the_user_is_known_with_the_secret(ask):
    told = ask(user="ann")
    assert told.status_code == 200
    assert "ann" in told.get_data(as_text=True)


def test_without_it_nobody_is_and_one_line_says_so(ask, caplog):
    with caplog.at_level(logging.WARNING):
        told = ask(secret=False, user="ann\x1b[31m")
    assert told.status_code == 401
    assert len([line for line in caplog.messages if "was not believed" in line]) == 1
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.1.1", "192.0.2.7"])
@pytest.mark.parametrize("forged", [
    {"X-Proxy-Secret": "x" * 32}, {"X-Proxy-Secret": SECRET + ", " + SECRET}, {"X-Proxy-Secret": ""},
    {"X-Forwarded-For": "10.0.0.5"}, {"Forwarded": "for=10.0.0.5"}, {"X-Real-IP": "10.0.0.5"}, {},
])
def test_nothing_else_is_proof(ask, address, forged):
    assert ask(secret=False, user="ann", address=address, **forged).status_code == 401


def test_a_listed_address_is(ask):
    assert ask(secret=False, user="ann", address="10.0.0.5").status_code == 200
    assert ask(secret=False, user="ann", way="socket", address="unix").status_code == 200


@pytest.mark.parametrize("name", ["alice,evil", "alice, evil", "ann evil", "-ann", "Ã¼nn", "a" * 129, "ann\tx"])
def test_a_name_that_is_none_is_refused(ask, name, people):
    before = len(people.all())
    assert ask(user=name).status_code == 400
    assert len(people.all()) == before


def test_a_proxy_that_names_nobody_is_told_so_and_there_is_no_other_user(ask, app):
    for headers in ({}, {"user": ""}, {"X-Forwarded-Email": "ann@example.org"}, {"USER-ID": "ann"}):
        told = ask(**headers)
        assert told.status_code == 401
        assert "has not said who you are" in told.get_data(as_text=True)
    page = app.test_client().get("/", base_url=HOST, headers={"X-Proxy-Secret": SECRET, "Accept": "text/html"})
    assert page.status_code == 401
    assert page.mimetype == "text/html"


def test_a_request_that_comes_by_no_proxy_is_nobodys(ask):
    assert ask(secret=False).status_code == 401


class TestPeople:
    def test_owners_and_members(self, ask, people):
        ask(user="olga")
        ask(user="bob")
        ranks = {person.subject: person.rank for person in people.all()}
        assert (ranks["olga"], ranks["bob"]) == ("owner", "member")

    def test_whom_the_settings_do_not_admit_stays_out(self, ask):
        assert ask(user="mallory").status_code == 403
        assert ask(user="carol@example.org").status_code == 200
        assert ask(user="carol@example.org.evil").status_code == 403

    def test_no_other_header_makes_an_owner_or_lets_in(self, ask):
        """A proxy that sets only its own header lets the others through as a visitor writes them."""
        assert ask(user="mallory", email="olga@example.org", name="olga").status_code == 403
        ask(user="bob", name="olga", email="olga@example.org")
        assert ask("/metrics", user="bob", name="olga", email="olga@example.org").status_code == 403
        assert ask("/metrics", user="olga").status_code == 200

    def test_the_shown_name_is_the_proxy_s(self, ask, people):
        ask(user="dora@example.org", name="Dora Müller".encode().decode("latin-1"), email="dora@example.org")
        found = next(person for person in people.all() if person.subject == "dora@example.org")
        assert (found.name, found.email, found.via) == ("Dora Müller", "dora@example.org", "header")

    def test_whom_an_owner_removed_stays_out(self, ask, people):
        ask(user="eve@example.org")
        id = next(person.id for person in people.all() if person.subject == "eve@example.org")
        people.remove(id)
        assert ask(user="eve@example.org").status_code == 403
        people.admit(id)
        assert ask(user="eve@example.org").status_code == 200

    def test_each_has_conversations_of_their_own(self, ask, app):
        made = ask("/turns", method="POST", data={"question": "hello"}, user="ann", client=app.test_client())
        key = made.get_json()["conversation"]
        assert ask(f"/c/{key}", user="ann").status_code == 200
        assert ask(f"/c/{key}", user="bob").status_code == 404

    def test_a_request_writes_nothing_about_who_is_known(self, ask, app, monkeypatch):
        ask(user="ann", name="Ann", email="ann@example.org")
        store, written = app.extensions["services"].store, []
        put = store.put_entry
        monkeypatch.setattr(store, "put_entry", lambda entry: written.append(entry.kind) or put(entry))
        for _ in range(3):
            assert ask(user="ann", name="Ann", email="ann@example.org").status_code == 200
        assert written == []


class TestSession:
    def test_another_user_s_session_is_dropped(self, ask, app):
        """F27: the same browser, and another name in the proxy's header."""
        browser = app.test_client()
        with browser.session_transaction(base_url=HOST) as session:
            session["theme"] = "dark"
        ask(user="ann", client=browser)
        ask("/turns", method="POST", data={"question": "hello"}, user="ann", client=browser)
        with browser.session_transaction(base_url=HOST) as session:
            assert session["person"]
        cookie = browser.get_cookie(COOKIE).value
        assert ask(user="bob", client=browser).status_code == 200
        thief = app.test_client()
        thief.set_cookie(COOKIE, cookie, secure=True)
        with thief.session_transaction(base_url=HOST) as session:
            assert "theme" not in session
            assert "person" not in session

    def test_a_session_alone_is_nobody(self, ask, app):
        browser = app.test_client()
        with browser.session_transaction(base_url=HOST) as session:
            session["theme"] = "dark"
        ask(user="ann", client=browser)
        assert ask(secret=False, client=browser).status_code == 401


class TestPorts:
    """What is for the proxy alone."""

    @pytest.mark.parametrize("path", ["/", "/enter", "/v1/models", "/api/userinfo", "/api/chat", "/readyz", "/join/x", "/none"])
    def test_nothing_is_answered_there_without_proof(self, ask, path):
        assert ask(path, secret=False, way="port").status_code == 401
        assert ask(path, secret=False, way="port", user="ann", Authorization="Bearer wb-x").status_code == 401

    def test_but_whether_the_server_is_alive(self, ask):
        assert ask("/healthz", secret=False, way="port").status_code == 200

    def test_with_proof_all_is(self, ask):
        for way, address in (("port", "192.0.2.7"), ("socket", "unix")):
            assert ask(way=way, address=address, user="ann").status_code == 200


class TestBrowsersAddress:
    def test_pages_are_https_also_where_the_proxy_does_it(self, ask):
        turn = {"path": "/turns", "method": "POST", "data": {"question": "hello"}, "user": "ann", "way": "port"}
        assert ask(**turn, Origin="https://localhost").status_code == 201
        assert ask(**turn, Origin="https://evil.example").status_code == 403

    def test_the_host_that_the_proxy_tells_is_the_browsers(self, ask):
        turn = {"path": "/turns", "method": "POST", "data": {"question": "hello"}, "user": "ann"}
        told = {"host": "127.0.0.1:4180", "proto": "https"}
        assert ask(**turn, **told, Origin="https://127.0.0.1:4180").status_code == 201
        assert ask(**turn, **told, Origin="https://localhost").status_code == 403

    def test_but_one_of_this_server_s(self, ask):
        assert ask(user="ann", host="evil.example").status_code == 400

    def test_a_stranger_tells_nothing(self, ask):
        """Without proof these headers are not read: an evil host would be refused, were it believed."""
        assert ask("/healthz", secret=False, host="evil.example", proto="http").status_code == 200

    def test_the_session_s_cookie_is_for_https(self, ask, app):
        browser = app.test_client()
        with browser.session_transaction(base_url=HOST) as session:
            session["theme"] = "dark"
        told = ask(user="ann", client=browser, way="socket", address="unix")
        cookie = told.headers["Set-Cookie"]
        assert "Secure" in cookie
        assert cookie.startswith("__Host-")
        assert "Strict-Transport-Security" in told.headers


class TestKeys:
    def test_a_key_needs_no_proxy_on_the_https_port(self, ask, people, app):
        ask(user="ann")
        ann = next(person for person in people.all() if person.subject == "ann")
        _, secret = people.keys.make(ann.id, "laptop", ["chat"])
        assert ask("/v1/models", secret=False, Authorization=f"Bearer {secret}").status_code == 200
        assert ask("/v1/models", secret=False, Authorization="Bearer wb-" + "x" * 43).status_code == 401

    def test_the_provider_s_token_that_a_proxy_passes_on_is_no_key(self, ask):
        assert ask(user="ann", Authorization="Bearer eyJhbGciOiJSUzI1NiJ9.e30.x").status_code == 200
        assert ask(secret=False, Authorization="Bearer eyJhbGciOiJSUzI1NiJ9.e30.x").status_code == 401
