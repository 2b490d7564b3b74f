"""Signing in by a provider that does everything wrong, one thing at a time. The right one is in tests/live/test_oidc.py."""

import base64
import hashlib
import logging
import socket
import time
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.web.false_provider import OTHER_KEY, FalseProvider
from webbot.web.brake import Brake
from webbot.web.oidc import wire
from webbot.web.oidc.door import STARTS_A_MINUTE
from webbot.web.sessions import COOKIE

HOST = "https://localhost"
PAGE = {"Accept": "text/html"}
CLIENT_SECRET = "it's a secret: %+ and a long one"
METADATA = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def provider():
    made = FalseProvider()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(scope="module")
def app(shared_app, provider):
    return shared_app(access="oidc", oidc_url=provider.issuer, oidc_client="webbot", oidc_secret=CLIENT_SECRET,
                      owners=("olga@example.org", "olga"), admitted=("@example.org", "olga"))


@pytest.fixture(autouse=True)
def _as_new(app, provider):
    provider.reset()
    oidc = app.extensions["oidc"]
    oidc.provider.forget()
    oidc.starts = Brake(STARTS_A_MINUTE)


@pytest.fixture
def browser(app):
    return Browser(app)


class Browser:
    def __init__(self, app):
        self.client = app.test_client()

    def get(self, path, **headers):
        return self.client.get(path, base_url=HOST, headers={**PAGE, **headers})

    def begin(self, provider, path="/oidc/start"):
        """What the provider is asked, as it reads it."""
        sent = self.get(path)
        assert sent.status_code == 302, sent.get_data(as_text=True)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["Location"]).query).items()}
        provider.nonce = asked["nonce"]
        return asked

    def come_back(self, asked, **given):
        query = {"state": asked["state"], "code": "a-code", **given}
        sent = {name: value for name, value in query.items() if value is not None}
        return self.client.get("/oidc/back", query_string=sent, base_url=HOST, headers=PAGE)

    def sign_in(self, provider):
        return self.come_back(self.begin(provider))

    def who(self):
        told = self.client.get("/api/userinfo", base_url=HOST)
        return told.get_json()["username"] if told.status_code == 200 else told.status_code


def is_told(answer, status):
    """A plain sentence on the page for signing in."""
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, text
    assert 'role="alert"' in text
    assert "/oidc/start" in text
    assert "Traceback" not in text


def test_the_right_way(browser, provider):
    asked = browser.begin(provider)
    assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", "webbot", "S256")
    assert asked["redirect_uri"] == f"{HOST}/oidc/back"
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    back = browser.come_back(asked)
    assert (back.status_code, back.headers["Location"]) == (303, "/")
    assert browser.who() == "ann"
    _, form, authorization = next(one for one in provider.asked if one[0] == "/token")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"][0].encode()).digest()).decode().rstrip("=")
    assert challenge == asked["code_challenge"]
    assert form["redirect_uri"] == [f"{HOST}/oidc/back"]
    assert base64.b64decode(authorization.split()[1]) == b"webbot:it%27s+a+secret%3A+%25%2B+and+a+long+one"


def test_a_public_client_has_no_secret(shared_app, provider):
    browser = Browser(shared_app(access="oidc", oidc_url=provider.issuer + "/", oidc_client="webbot"))
    assert browser.sign_in(provider).status_code == 303
    _, form, authorization = next(one for one in provider.asked if one[0] == "/token")
    assert authorization is None
    assert form["client_id"] == ["webbot"]
    assert form["code_verifier"]


def test_a_session_of_before_is_worth_nothing_after(browser, provider):
    asked = browser.begin(provider)
    before = browser.client.get_cookie(COOKIE).value
    browser.come_back(asked)
    assert browser.client.get_cookie(COOKIE).value != before
    thief = Browser(browser.client.application)
    thief.client.set_cookie(COOKIE, before, secure=True)
    assert thief.who() == 401


class TestTokens:
    @pytest.mark.parametrize("claims", [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "another"}, {"aud": None}, {"aud": ["another", "more"]},
        {"aud": "another", "azp": "webbot"}, {"nonce": "another"}, {"nonce": None}, {"sub": None}, {"sub": ""}, {"sub": 7},
        {"sub": "x" * 256}, {"sub": "a\nb"}, {"exp": int(time.time()) - 3600}, {"exp": None}, {"exp": "soon"}, {"iat": None},
        {"iat": int(time.time()) + 3600}, {"nbf": int(time.time()) + 3600}, {"azp": "another"},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ])
    def test_wrong_claims_are_not_believed(self, browser, provider, claims, caplog):
        provider.claims = claims
        with caplog.at_level(logging.WARNING):
            is_told(browser.sign_in(provider), 401)
        assert browser.who() == 401
        assert "a sign-in was not believed" in caplog.text

    @pytest.mark.parametrize("seconds", [-40, 40])
    def test_clocks_may_differ_a_little(self, browser, provider, seconds):
        now = int(time.time()) + seconds
        provider.claims = {"iat": now, "exp": now + 30}
        assert browser.sign_in(provider).status_code == 303

    def test_a_strangers_signature(self, browser, provider):
        provider.key = OTHER_KEY
        is_told(browser.sign_in(provider), 401)

    def test_a_key_that_is_not_among_the_provider_s(self, browser, provider):
        provider.key, provider.header = OTHER_KEY, {"kid": "2"}
        is_told(browser.sign_in(provider), 401)

    def test_no_signature(self, browser, provider):
        provider.key, provider.algorithm = None, "none"
        is_told(browser.sign_in(provider), 401)

    @pytest.mark.parametrize("key", [CLIENT_SECRET, "x" * 32])
    def test_a_signature_by_a_shared_secret(self, browser, provider, key):
        provider.key, provider.algorithm = key, "HS256"
        provider.said = {"id_token_signing_alg_values_supported": ["HS256", "none", "RS256"]}
        is_told(browser.sign_in(provider), 401)

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", None, 7, [], "e30.e30."])
    def test_what_is_no_token(self, browser, provider, token):
        provider.extra = {"id_token": token}
        answer = browser.sign_in(provider)
        is_told(answer, answer.status_code)
        assert answer.status_code in (401, 502)
        assert browser.who() == 401


class TestState:
    @pytest.mark.parametrize("given", [{"state": "another"}, {"state": None}, {"state": ""}, {"state": "x" * 100_000}])
    def test_another_browsers_answer(self, browser, provider, given):
        is_told(browser.come_back(browser.begin(provider), **given), 400)
        assert not [path for path, *_ in provider.asked if path == "/token"]

    def test_an_answer_is_taken_once(self, browser, provider):
        asked = browser.begin(provider)
        other = Browser(browser.client.application)
        is_told(other.come_back(asked), 400)
        assert browser.come_back(asked).status_code == 303
        again = browser.come_back(asked)  # the page was loaded again: nothing is asked, and who is in stays so
        assert (again.status_code, again.headers["Location"]) == (303, "/")
        assert len([path for path, *_ in provider.asked if path == "/token"]) == 1

    def test_a_code_that_was_used(self, browser, provider):
        provider.answers["/token"] = (400, "application/json", b'{"error": "invalid_grant"}')
        is_told(browser.sign_in(provider), 400)

    def test_several_tabs_at_once(self, browser, provider):
        asked = [browser.begin(provider) for _ in range(7)]
        is_told(browser.come_back(asked[0]), 400)  # only the last few are kept
        provider.nonce = asked[3]["nonce"]
        assert browser.come_back(asked[3]).status_code == 303

    def test_another_issuers_answer(self, browser, provider):
        is_told(browser.come_back(browser.begin(provider), iss="https://evil.example"), 401)
        assert browser.come_back(browser.begin(provider), iss=provider.issuer).status_code == 303

    def test_an_issuer_that_was_promised(self, browser, provider):
        provider.said = {"authorization_response_iss_parameter_supported": True}
        is_told(browser.sign_in(provider), 401)

    @pytest.mark.parametrize(("error", "status"), [
        ("access_denied", 403), ("login_required", 403), ("temporarily_unavailable", 503), ("server_error", 503),
        ("invalid_scope", 502), ("<script>", 502), ("", 502),
    ])
    def test_no_code(self, browser, provider, error, status):
        asked = browser.begin(provider)
        answer = browser.come_back(asked, code=None, error=error or None, error_description="<script>x</script>")
        is_told(answer, status)
        assert "<script>x" not in answer.get_data(as_text=True)


class TestProvider:
    @pytest.mark.parametrize("answer", [
        (200, "text/html", b"<html>hello</html>"), (200, "application/json", b"[]"), (200, "application/json", b"{}"),
        (200, "application/json", b"null"), (200, "application/json", b"[" * 100_000), (200, "application/json", b"\xff\xfe"),
        (200, "application/json", b""), (404, "text/plain", b"none"), (302, "text/plain", b""),
        (200, "text/plain", b"x" * 2_000_000),
    ], ids=lambda answer: f"{answer[0]}-{answer[2][:12]!r}-{len(answer[2])}")
    @pytest.mark.parametrize("path", [METADATA, "/token", "/keys"])
    def test_garbage(self, browser, provider, path, answer):
        provider.answers[path] = answer
        if path == METADATA:
            is_told(browser.get("/oidc/start"), 502)
        else:
            is_told(browser.sign_in(provider), 502)
        assert browser.who() == 401

    @pytest.mark.parametrize("said", [
        {"issuer": "https://evil.example"}, {"issuer": None}, {"issuer": 7}, {"token_endpoint": None}, {"jwks_uri": ["x"]},
        {"authorization_endpoint": "http://id.example.org/auth"}, {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://id.example.org/token"}, {"userinfo_endpoint": "file:///etc/passwd"},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
    ], ids=str)
    def test_what_it_may_not_say_of_itself(self, browser, provider, said):
        """The browser is sent nowhere but over https, or on this machine."""
        provider.said = said
        is_told(browser.get("/oidc/start"), 502)

    @pytest.mark.parametrize("status", [500, 503, 429])
    @pytest.mark.parametrize("path", [METADATA, "/token", "/keys"])
    def test_trouble(self, browser, provider, path, status):
        provider.answers[path] = (status, "text/html", b"sorry")
        answer = browser.get("/oidc/start") if path == METADATA else browser.sign_in(provider)
        is_told(answer, 503)
        assert answer.headers["Retry-After"]

    @pytest.mark.parametrize("path", [METADATA, "/token"])
    @pytest.mark.parametrize("manner", ["silent", "dripping", "hanging up"])
    def test_too_slow(self, browser, provider, path, manner, monkeypatch):
        monkeypatch.setattr(wire, "SECONDS", 0.3)

        def answer(handler):
            if manner == "dripping":
                handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(30):
                    handler.wfile.write(b"{")
                    time.sleep(0.05)
            elif manner == "silent":
                time.sleep(1)

        provider.answers[path] = answer
        is_told(browser.get("/oidc/start") if path == METADATA else browser.sign_in(provider), 503)

    def test_one_that_is_not_there_and_whoever_is_in_goes_on(self, shared_app):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        app = shared_app(access="oidc", oidc_url=f"http://localhost:{port}", oidc_client="webbot")
        people = app.extensions["services"].people
        person = people.known("oidc", "issuer ann", name="ann")
        browser = Browser(app)
        with browser.client.session_transaction(base_url=HOST) as session:
            device = people.devices.add(person.id, "x", "a browser")
            session.update(person=person.id, device=device.id)
        assert browser.who() == "ann"
        is_told(browser.get("/oidc/start"), 503)
        assert browser.who() == "ann"
        out = browser.client.post("/oidc/out", base_url=HOST)
        assert (out.status_code, browser.who()) == (303, 401)

    def test_too_many_beginnings(self, browser, provider):
        answers = {browser.get("/oidc/start").status_code for _ in range(70)}
        assert answers == {302, 429}


class TestPeople:
    def test_what_is_further_known_is_asked_for(self, browser, provider):
        provider.claims = {"preferred_username": None, "email": None, "email_verified": None}
        provider.info = {"sub": "ann", "preferred_username": "Annie", "email": "annie@example.org", "email_verified": True}
        provider.claims["sub"] = "ann2"
        is_told(browser.sign_in(provider), 401)  # of somebody else
        provider.info["sub"] = "ann2"
        assert browser.sign_in(provider).status_code == 303
        assert browser.who() == "Annie"

    @pytest.mark.parametrize("claims", [
        {"email_verified": False}, {"email_verified": None}, {"email_verified": "false"},
        {"email_verified": 1, "email": "ann@other.example"},
        {"email": "ann@example.org.evil"}, {"email": ["ann@example.org"]}, {"email": {"x": "@example.org"}},
        {"email": "ann@other.example", "preferred_username": "ann@example.org", "name": "@example.org"},
        {"email": None, "sub": "evil olga"}, {"email": None, "sub": "evil olga@example.org"},
    ], ids=str)
    def test_only_what_is_verified_lets_in(self, browser, provider, claims):
        provider.info = {"sub": claims.get("sub", "ann")}
        provider.claims = claims
        is_told(browser.sign_in(provider), 403)
        assert browser.who() == 401

    def test_a_name_makes_no_owner(self, browser, provider):
        provider.claims = {"sub": "mallory", "preferred_username": "olga", "name": "olga@example.org",
                           "email": "mallory@example.org"}
        assert browser.sign_in(provider).status_code == 303
        assert browser.get("/metrics").status_code == 403

    @pytest.mark.parametrize("claims", [{"sub": "olga", "email": None}, {"sub": "o1", "email": "Olga@example.org"}], ids=str)
    def test_an_address_or_the_subject_does(self, browser, provider, claims):
        provider.info = {"sub": claims["sub"]}
        provider.claims = claims
        assert browser.sign_in(provider).status_code == 303
        assert browser.get("/metrics").status_code == 200

    def test_whom_an_owner_removed_stays_out(self, browser, provider, app):
        provider.claims = {"sub": "gone"}
        browser.sign_in(provider)
        people = app.extensions["services"].people
        people.remove(next(person.id for person in people.all() if person.subject.endswith(" gone")))
        assert browser.who() == 401
        is_told(browser.sign_in(provider), 403)


class TestPlaces:
    @pytest.mark.parametrize(("wanted", "to"), [
        ("/roles", "/roles"), ("/c/abc?x=1", "/c/abc?x=1"), ("https://evil.example/", "/"), ("//evil.example/", "/"),
        ("/\\evil.example", "/"), ("/oidc/start", "/"), ("javascript:alert(1)", "/"), ("/%0d%0aX: y", "/"), ("/\r\nX: y", "/"),
    ])
    def test_after_signing_in_only_pages_of_this_server(self, browser, provider, wanted, to):
        asked = browser.begin(provider, f"/oidc/start?next={quote(wanted, safe='')}")
        location = browser.come_back(asked).headers["Location"]
        assert location in (to, "/")
        assert urlsplit(location).netloc == ""

    def test_the_host_is_one_of_this_server_s(self, browser):
        assert browser.client.get("/oidc/start", base_url="https://evil.example", headers=PAGE).status_code == 400

    def test_signing_out_goes_to_the_provider_where_it_can(self, browser, provider):
        provider.said = {"end_session_endpoint": f"{provider.issuer}/end"}
        browser.sign_in(provider)
        out = browser.client.post("/leave", base_url=HOST, headers=PAGE, follow_redirects=True)
        assert out.status_code == 200
        address = out.headers["Refresh"].removeprefix("0; url=")
        asked = parse_qs(urlsplit(address).query)
        assert address.startswith(f"{provider.issuer}/end?")
        assert asked["post_logout_redirect_uri"] == [f"{HOST}/enter"]
        assert asked["id_token_hint"][0].count(".") == 2
        assert browser.who() == 401

    def test_programs_get_json(self, browser, provider):
        told = browser.client.get("/oidc/back", base_url=HOST, headers={"Accept": "application/json"})
        assert (told.status_code, told.mimetype) == (400, "application/json")
        assert told.get_json()["error"]["message"]
