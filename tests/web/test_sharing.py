"""A conversation for whoever has its link: what it shows, what it keeps to itself, and its end."""

import re

import pytest

from tests.web.listing import JSON, key_of, put_in, talk
from webbot.web.sharing import READS_A_MINUTE

FILE = {"id": "f", "name": "diary.txt", "media_type": "text/plain", "size": 6, "text": "SECRET", "data": "U0VDUkVU"}


@pytest.fixture(scope="module")
def app(shared_app):
    return shared_app(access_code="let-me-in-please")


@pytest.fixture
def ann(visitor):
    browser = visitor()
    browser.post("/enter", data={"code": "let-me-in-please"})
    return browser


@pytest.fixture
def stranger(visitor):
    return visitor()


def shared(ann, title="A dragon", *texts, **more):
    """The path of a new link, and the conversation's id."""
    put_in(ann, talk(title, *texts, **more))
    key = key_of(ann, title)
    link = ann.post(f"/c/{key}/share", headers=JSON).json["link"]
    return link.removeprefix("https://localhost"), key


def test_a_stranger_reads_it_without_the_access_code(ann, stranger):
    path, _ = shared(ann, "A dragon", "What **is** it?", "A *beast*.", role="ROLE", files=[FILE])
    assert stranger.get("/").status_code == 401
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert "A dragon" in answer.text
    assert "<em>beast</em>" in answer.text
    for kept in ("ROLE", "SECRET", "diary.txt", "remembers", "<form", "<script", "<button"):
        assert kept not in answer.text, kept
    assert answer.headers["Cache-Control"] == "no-store"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "Set-Cookie" not in answer.headers, "a reader is not followed"


def test_only_what_was_shown_when_the_link_was_made(ann, stranger, services):
    path, key = shared(ann, "One more dragon")
    owner = services.store.owner(key)
    assert services.chat.ask(owner, key, "LATER").wait(10)
    assert "LATER" not in stranger.get(path).text
    manage = ann.get(f"/c/{key}/manage").text
    assert "What came after that is not in it." in manage
    newer = ann.post(f"/c/{key}/share", headers=JSON).json["link"].removeprefix("https://localhost")
    assert "LATER" in stranger.get(newer).text
    assert stranger.get(path).status_code == 404, "the older link ends"


def test_the_link_stands_in_the_menu_and_is_taken_back(ann, stranger):
    path, key = shared(ann, "A third dragon")
    assert f"https://localhost{path}" in ann.get(f"/c/{key}/manage").text
    assert ann.post(f"/c/{key}/unshare").headers["Location"] == f"/c/{key}/manage#page-share"
    assert path not in ann.get(f"/c/{key}/manage").text
    assert stranger.get(path).status_code == 404
    assert ann.get(path).status_code == 404


def without_number(page):
    return re.sub("[0-9a-f]{16}", "", page)


def test_all_links_that_lead_nowhere_look_alike(ann, stranger):
    taken, key = shared(ann, "Taken back")
    ann.post(f"/c/{key}/unshare")
    deleted, key = shared(ann, "Deleted")
    ann.post(f"/c/{key}/delete")
    pages = [stranger.get(path) for path in (taken, deleted, "/s/" + "x" * 22, "/s/x", "/s/%00%ff", "/s/" + "y" * 500)]
    assert {page.status_code for page in pages} == {404}
    assert len({without_number(page.text) for page in pages}) == 1
    ann.post(f"/c/{key}/restore")
    assert stranger.get(deleted).status_code == 200, "as it was"


def test_long_branches_in_pages(ann, stranger):
    path, _ = shared(ann, "A long dragon", *(f"text number {number}." for number in range(250)))
    first = stranger.get(path).text
    assert ("text number 99." in first, "text number 100." in first) == (True, False)
    assert f'href="{path}?page=2"' in first
    third = stranger.get(f"{path}?page=3").text
    assert ("text number 199." in third, "text number 249." in third) == (False, True)
    assert "rel=\"next\"" not in third
    assert stranger.get(f"{path}?page=99").text == third
    assert stranger.get(f"{path}?page=x").status_code == 400


def test_in_both_languages(ann, stranger):
    path, _ = shared(ann, "A small dragon")
    assert "A shared conversation." in stranger.get(path).text
    assert "分享的对话" in stranger.get(path, headers={"Accept-Language": "zh-CN"}).text


def test_what_stands_in_it_cannot_act(ann, stranger):
    path, _ = shared(ann, "</title><script>alert(1)</script>", "<script>alert(2)</script>", '<img src=x onerror="alert(3)">')
    page = stranger.get(path).text
    assert "<script" not in page
    assert "<img" not in page


def test_nothing_to_read_makes_no_link(ann):
    put_in(ann, {"title": "Nothing", "messages": []})
    assert ann.post(f"/c/{key_of(ann, 'Nothing')}/share", headers=JSON).status_code == 400


def test_who_reads_very_fast_waits(ann, stranger):
    path, _ = shared(ann, "A quick dragon")
    hasty = {"environ_base": {"REMOTE_ADDR": "10.0.0.9"}}
    for _ in range(READS_A_MINUTE):
        stranger.get("/s/x", **hasty)  # guesses count as much
    refused = stranger.get(path, **hasty)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert stranger.get(path).status_code == 200, "others read on"
