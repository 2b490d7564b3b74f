"""The headers of a real server's answers, as a scanner for them asks."""

import re

import httpx
import pytest

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "form-action": "'self'",
    "frame-ancestors": "'none'", "base-uri": "'none'", "object-src": "'none'",
}


@pytest.fixture(scope="module")
def visitor(echo):
    visitor = echo.visitor()
    visitor.conversation = visitor.answer("hello")[0]
    return visitor


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/c/CONVERSATION", 200), ("/c/nobody", 404), ("/nothing", 404), ("/help", 200), ("/preferences", 200),
     ("/static/js/page.js", 200), ("/static/nothing.js", 404), ("/turns", 405), ("/metrics", 200)],
)
def test_headers(visitor, path, status):
    answer = visitor.http.get(path.replace("CONVERSATION", visitor.conversation), headers={"Accept": "text/html"})
    assert answer.status_code == status
    headers = answer.headers
    age = re.match(r"max-age=(\d+)", headers["strict-transport-security"])
    assert int(age[1]) >= 15_768_000, "half a year"
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy.items() >= POLICY.items()
    assert not re.search("unsafe|http:|\\*|data:", headers["content-security-policy"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cache-control"] == ("no-cache" if path.endswith("page.js") else "no-store")
    assert "access-control-allow-origin" not in headers
    assert "x-powered-by" not in headers
    assert not re.search(r"\d", headers.get("server", "")), "no version is told"
    if headers["content-type"].startswith("text/html"):
        assert "charset=utf-8" in headers["content-type"]
        assert not re.search(r"<script(?! src=\"/static/| type=\"module\" src=\"/static/)|<style|\son\w+=| style=", answer.text)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text), "nothing is loaded from elsewhere"


def test_the_cookie(echo):
    answer = httpx.post(f"{echo.url}/turns", data={"question": "hello"}, headers={"Accept": "application/json"}, verify=False)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert part in cookie.split("; ")
    assert "domain" not in cookie.lower()


def test_scripts_cannot_read_the_cookie(visit, echo):
    talk = visit(echo)
    talk.ask("hello")
    assert [cookie["name"] for cookie in talk.page.context.cookies()] == ["__Host-session"]
    assert talk.page.evaluate("document.cookie") == ""


def test_nobody_else_sees_a_conversation(visit, echo):
    talk = visit(echo)
    talk.ask("mine alone")
    stranger = visit(echo, talk.moved())
    assert "mine alone" not in stranger.page.content()
    assert stranger.page.locator("#composer").count() == 0
