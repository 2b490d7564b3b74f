"""What another site's page sends: generated from the address map, so that no new route is left out. And the pages that may."""

import pytest

from tests.web.house import CANARY, HOME, JSON, Household
from tests.web.test_isolation import arguments, named, path_of

LISTED = "https://app.example.org"
SECRET = "0123456789abcdef" * 4
SOCKET = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
FOREIGN = [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "https://localhost:9999"}, {"Origin": "http://localhost"},
    {"Origin": "https://localhost.evil.example"}, {"Origin": "https://evil.example/localhost"}, {"Origin": "https://["},
    {"Origin": "https://localhost\u00e9"}, {"Origin": ""}, {"Origin": "file://"}, {"Origin": "https://user@localhost"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "SAME-ORIGIN"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": HOME},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Content-Type": "text/plain"},
    {"Origin": "null", "Content-Type": "application/x-www-form-urlencoded"},
    {"Origin": LISTED},  # listed for /v1 alone; there without a key it is 401
]


@pytest.fixture(scope="module")
def house(shared_app):
    return Household(shared_app(access="invite", leonid_secret=SECRET, v1_origins=(LISTED,)))


@pytest.fixture(scope="module")
def paths(house, alice):
    """(rule, path) of every route, with alice's own things in it."""
    return [(rule, path_of(rule, {argument: named(alice, kind) for argument, kind in arguments(rule)}))
            for rule in house.app.url_map.iter_rules()]


def changing(paths):
    """(method, path) of what changes something, streams, or opens a socket."""
    for rule, path in paths:
        if rule.websocket:
            yield "WS", path
            continue
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}:
            yield method, path
        if "GET" in rule.methods and (path.endswith("/events") or path == "/session_out"):
            yield from (("GET", path), ("HEAD", path))


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_site_s_page_changes_nothing(house, alice, browser, paths, headers):
    """By the session of whoever looks at that page, on every route and verb, event streams and upgrades among them."""
    before, tried = house.records(alice.person), 0
    for method, path in changing(paths):
        sent = {**JSON, **headers, **(SOCKET if method == "WS" else {})}
        data = b'{"question": "x", "model": "echo"}' if "Content-Type" in headers and method != "WS" else None
        answer = browser.open(path, base_url=HOME, method="GET" if method == "WS" else method, headers=sent, data=data)
        status = 401 if headers.get("Origin") == LISTED and path.startswith("/v1/") else 403
        assert answer.status_code == status, f"{method} {path}"
        assert ("Access-Control-Allow-Origin" in answer.headers) == (status == 401), path
        tried += 1
    assert tried > 60
    assert house.records(alice.person) == before
    assert browser.get("/list", base_url=HOME).status_code == 200, "still signed in"


def test_another_site_s_page_signs_nobody_in(house, alice):
    """Nor out, nor uses up a link, nor a guess at the access code."""
    _, token = house.people.invitations.link(alice.person.id)
    for headers in FOREIGN:
        client = house.app.test_client()
        for path in (f"/join/{token}", "/enter", "/leave", "/passkey/options", "/passkey/signin"):
            answer = client.post(path, base_url=HOME, headers=headers)
            assert answer.status_code == 403 and "Set-Cookie" not in answer.headers, path
    assert house.people.invitations.look(token) is not None


def test_a_code_in_an_address_counts_only_where_the_page_is_shown(shared_app):
    app = shared_app(access="code", access_code="correct-horse-battery")
    hidden = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for _ in range(12):
        for headers in (hidden, framed):
            refused = app.test_client().get("/enter?code=wrong", base_url=HOME, headers=headers)
            assert refused.status_code == 403
    assert app.test_client().get("/enter?code=correct-horse-battery", base_url=HOME, headers=opened).status_code in (302, 303)


def test_another_site_s_page_finds_nothing_out(house, alice, browser, paths):
    """Pictures, scripts and searches that are timed are refused; a link to a page of ours is followed."""
    hidden = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    for rule, path in paths:
        if "GET" in rule.methods and not rule.websocket:
            answer = browser.get(path, base_url=HOME, headers=hidden)
            assert answer.status_code == 403 and CANARY not in answer.text, path
            if not path.endswith(("/events", "/session_out")):
                assert browser.get(path, base_url=HOME, headers=followed).status_code != 403, path


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": HOME}, {"Origin": HOME.upper()}, {},
    {"Sec-Fetch-Site": "same-origin", "Origin": HOME},
], ids=str)
def test_own_pages_and_whoever_says_nothing_pass(browser, headers):
    for path, data in (("/preferences", {"theme": "dark"}), ("/turns", {"question": ""})):
        assert browser.post(path, base_url=HOME, data=data, headers={**JSON, **headers}).status_code in (200, 400)
    with browser.get("/events", base_url=HOME, headers=headers, buffered=False) as answer:
        assert answer.status_code == 200


def test_a_link_to_signing_out_in_an_old_browser(house, alice):
    """One that knows no Sec-Fetch-Site says where the link stands, unless that page forbids it."""
    client = house.client(alice.person)
    for referrer in ("https://evil.example/page", "http://localhost/", "https://["):
        assert client.get("/session_out", base_url=HOME, headers={"Referer": referrer}).status_code == 403
    assert client.get("/list", base_url=HOME).status_code == 200
    assert client.get("/session_out", base_url=HOME, headers={"Referer": f"{HOME}/preferences"}).status_code in (302, 303)
    assert client.get("/list", base_url=HOME).status_code == 401


def test_programs_with_a_key_pass(house, alice, paths):
    headers = {**house.key(alice.person), **JSON}
    client = house.app.test_client()
    for rule, path in paths:
        if path.startswith(("/v1/", "/api/conv")):
            for method in rule.methods & {"POST", "PUT"}:
                answer = client.open(path, base_url=HOME, method=method, headers=headers)
                assert answer.status_code not in (401, 403), f"{method} {path}: {answer.text}"


# hosts


@pytest.mark.parametrize(("address", "status"), [
    ("/list", 200), ("https://localhost/list", 200), ("HTTPS://LOCALHOST/list", 200), ("https://evil.example/list", 400),
    ("https://localhost@evil.example/list", 400), ("https://localhost.evil.example/list", 400), ("https:///list", 400),
])
def test_an_address_that_names_another_host_is_refused(browser, address, status):
    assert browser.get("/list", base_url=HOME, environ_overrides={"RAW_URI": address}).status_code == status


def test_a_foreign_name_that_is_pointed_here_reads_nothing(browser, paths):
    """With the visitor's own cookie, on every route."""
    cookie = browser.get_cookie("__Host-session", domain="localhost")
    for rule, path in paths:
        for method in rule.methods:
            answer = browser.open(path, base_url="https://rebound.example", method=method,
                                  headers={**JSON, "Cookie": f"__Host-session={cookie.value}"})
            assert answer.status_code == 400 and CANARY not in answer.text, f"{method} {path}"


# pages elsewhere that are listed


def test_a_listed_page_asks_first(house):
    client = house.app.test_client()
    asked = {"Origin": LISTED, "Access-Control-Request-Method": "POST", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors",
             "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os"}
    answer = client.options("/v1/chat/completions", base_url=HOME, headers=asked)
    assert answer.status_code == 204 and not answer.data
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type,x-stainless-os"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"] and "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers and "Set-Cookie" not in answer.headers
    strange = client.options("/v1/models", base_url=HOME, headers={**asked, "Access-Control-Request-Headers": "a\tb: c;"})
    assert "Access-Control-Allow-Headers" not in strange.headers


@pytest.mark.parametrize(("origin", "path"), [
    ("https://evil.example", "/v1/models"), ("null", "/v1/models"), ("http://app.example.org", "/v1/models"),
    ("https://app.example.org.evil", "/v1/models"), ("https://app.example.org:444", "/v1/models"), (LISTED, "/api/conversations"),
    (LISTED, "/turns"), (LISTED, "/list"), (LISTED, "/v1"), (LISTED, "/v10/models"),
])
def test_no_other_page_and_no_other_path_is_listed(house, alice, origin, path):
    client = house.app.test_client()
    for method, more in (("OPTIONS", {"Access-Control-Request-Method": "POST"}), ("POST", house.key(alice.person)), ("GET", {})):
        answer = client.open(path, base_url=HOME, method=method,
                             headers={"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", **more})
        assert answer.status_code in (401, 403), answer.text
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_a_listed_page_comes_with_a_key_and_never_with_a_cookie(house, alice, browser):
    sent = {"Origin": LISTED, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}
    body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
    for given in ("", "Basic eDp5", "Bearer ", "Bearer wb-wrong"):
        authorization = {"Authorization": given} if given else {}
        refused = browser.post("/v1/chat/completions", base_url=HOME, json=body, headers={**sent, **authorization})
        assert refused.status_code == 401, authorization
        assert refused.headers["Access-Control-Allow-Origin"] == LISTED, "the page may read what is wrong"
    answered = house.app.test_client().post(
        "/v1/chat/completions", base_url=HOME, json=body, headers={**sent, **house.key(alice.person)},
    )
    assert answered.status_code == 200 and answered.headers["Access-Control-Allow-Origin"] == LISTED
    assert "Set-Cookie" not in answered.headers and "Access-Control-Allow-Credentials" not in answered.headers


def test_on_an_open_server_a_listed_page_is_a_program_of_its_own(shared_app):
    """What the browser has for this server is not meant: its conversations are not the page's."""
    app = shared_app(v1_origins=(LISTED, "null"))
    browser = app.test_client()
    made = browser.post("/turns", base_url=HOME, data={"question": CANARY}, headers=JSON).json["conversation"]
    body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], "metadata": {"conversation_id": made}}
    page = {"Origin": LISTED, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Authorization": "Bearer any"}
    assert browser.post("/v1/chat/completions", base_url=HOME, json=body, headers=page).status_code == 404
    without = {name: value for name, value in page.items() if name != "Authorization"}
    assert browser.get("/v1/models", base_url=HOME, headers=without).status_code == 401
    assert browser.get("/v1/models", base_url=HOME, headers=page).status_code == 200
    assert browser.get("/v1/models", base_url=HOME, headers={**page, "Origin": "null"}).status_code == 403
