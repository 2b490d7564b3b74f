"""The list of conversations and what is done with each, as a browser without script sees it."""

import re

import pytest

from tests.web.listing import JSON, key_of, put_in, talk, titles, version_of
from webbot.messages import Message
from webbot.web.list_views import LIST_PAGE


@pytest.fixture(scope="module")
def app(shared_app):
    return shared_app()


def test_a_page_of_the_list_and_more(ann, monkeypatch):
    monkeypatch.setattr("webbot.web.list_views.LIST_PAGE", 10)  # it is 100
    put_in(ann, *(talk(f"number {number}", pinned=number == 3) for number in reversed(range(25))))
    first = ann.get("/").text
    assert titles(first)[:3] == ["number 3", "number 24", "number 23"]
    assert len(titles(first)) == 10
    more = re.search(r'href="(\?offset=10)" data-more="10"', first)[1]
    second = ann.get("/" + more).text
    assert titles(second)[0] == "number 15"
    assert 'href="?offset=0"' in second
    third = ann.get("/?offset=20").text
    assert titles(third)[-1] == "number 0"
    assert "data-more" not in third
    assert len(titles(ann.get("/list?limit=1000").text)) == 25
    assert titles(ann.get("/?q=number+17&offset=0").text) == ["number 17"]
    assert 'href="?q=number&amp;offset=10"' in ann.get("/?q=number").text


def test_a_hundred_are_a_page():
    assert LIST_PAGE == 100


@pytest.mark.parametrize("wrong", ["offset=-1", "offset=x", "limit=1e3", "offset=9999999999999"])
def test_a_wrong_place_in_the_list(ann, wrong):
    assert ann.get(f"/list?{wrong}").status_code == 400


def test_far_behind_the_end_there_is_nothing(ann):
    put_in(ann, talk("one"))
    assert titles(ann.get("/list?offset=999999999999").text) == []


def test_days_stand_in_order_also_with_what_came_from_elsewhere(ann):
    ann.post("/turns", data={"question": "of today"}, headers=JSON)
    put_in(ann, talk("of long ago"), talk("pinned", pinned=True))
    listed = ann.get("/list").text
    assert re.findall(r"<h2>(\w+)", listed) == ["Pinned", "Today", "Earlier"]
    assert titles(listed) == ["pinned", "of today", "of long ago"]


def test_texts_are_found_and_the_words_stay(ann):
    put_in(ann, talk("one", "Do penguins fly?", "They swim."), talk("two"))
    page = ann.get("/?q=PENGUINS").text
    assert titles(page) == ["one"]
    assert 'value="PENGUINS"' in page
    assert "?q=PENGUINS" in re.search(r'<a href="(/c/[^"]+)" data-conversation', page)[1]
    assert "Only titles" not in page


def test_a_store_that_searches_titles_only_says_so(app, ann, services, monkeypatch):
    put_in(ann, talk("one"))
    monkeypatch.setattr(services.store, "searches_texts", False)
    assert "Only titles are searched here." in ann.get("/?q=one").text
    assert "Only titles" not in ann.get("/").text


def test_the_list_shows_which_answers_grow(ann, services):
    put_in(ann, talk("one"), talk("two"))
    key = key_of(ann, "two")
    services.chat.channels.claim(key)
    assert ann.get("/list").text.count('class="live"') == 1
    services.chat.channels.release(key)
    assert 'class="live"' not in ann.get("/list").text


def test_renaming_and_pinning_from_the_menu_of_the_list(ann):
    put_in(ann, talk("one"), talk("two"))
    key = key_of(ann, "one")
    assert f'action="/c/{key}/manage"' in ann.get("/").text
    ann.post(f"/c/{key}/options", data={"title": "Better", "version": version_of(ann, key)})
    ann.post(f"/c/{key}/options", data={"pinned": "on", "version": version_of(ann, key)})
    assert titles(ann.get("/list").text) == ["Better", "two"]


@pytest.mark.parametrize("headers", [{}, JSON])
def test_a_stale_form_changes_nothing_and_loses_nothing(ann, headers):
    put_in(ann, talk("one"))
    key = key_of(ann, "one")
    stale = version_of(ann, key)
    ann.post(f"/c/{key}/options", data={"title": "elsewhere"})
    refused = ann.post(f"/c/{key}/options", data={"title": "mine", "version": stale}, headers=headers)
    assert refused.status_code == 409
    assert "changed elsewhere meanwhile" in refused.text
    assert titles(ann.get("/list").text) == ["elsewhere"]
    refused = ann.post(f"/c/{key}/delete", data={"version": stale}, headers=headers)
    assert refused.status_code == 409
    assert titles(ann.get("/list").text) == ["elsewhere"]
    refused = ann.post(f"/c/{key}/options", data={"title": "mine"}, headers=headers | {"If-Match": f'"{stale}"'})
    assert refused.status_code == 409
    if not headers:
        assert 'value="mine"' in refused.text, "what was typed is there"
        now = re.search(r'name="version" value="(\d+)"', refused.text)[1]
        assert ann.post(f"/c/{key}/options", data={"title": "mine", "version": now}).status_code == 303


@pytest.mark.parametrize("version", ["x", "-1", "1.5", "9" * 20])
def test_a_version_is_a_number(ann, version):
    put_in(ann, talk("one"))
    key = key_of(ann, "one")
    assert ann.post(f"/c/{key}/options", data={"title": "x", "version": version}, headers=JSON).status_code == 400
    assert ann.post(f"/c/{key}/delete", data={"version": version}, headers=JSON).status_code == 400


def test_an_empty_title_comes_back(ann):
    put_in(ann, talk("one"))
    refused = ann.post(f"/c/{key_of(ann, 'one')}/options", data={"title": "  "})
    assert (refused.status_code, "The title is empty." in refused.text) == (400, True)


def test_deleting_can_be_undone_for_a_while(ann):
    put_in(ann, talk("one"), talk("two"))
    key = key_of(ann, "one")
    gone = ann.post(f"/c/{key}/delete", data={"version": version_of(ann, key)})
    assert gone.headers["Location"] == "/"
    for path in ("/", "/preferences", f"/c/{key_of(ann, 'two')}"):
        page = ann.get(path).text
        assert f'action="/c/{key}/restore"' in page, "also after a reload"
    assert titles(ann.get("/list").text) == ["two"]
    back = ann.post(f"/c/{key}/restore")
    assert back.headers["Location"] == f"/c/{key}"
    assert "A beast." in ann.get(f"/c/{key}").text
    assert "/restore" not in ann.get("/").text


def test_the_offer_can_be_put_away_and_the_one_before_comes(ann):
    put_in(ann, talk("one"), talk("two"))
    first, second = key_of(ann, "one"), key_of(ann, "two")
    for key in (first, second):
        assert "undo_html" in ann.post(f"/c/{key}/delete", headers=JSON).json
    assert f"/c/{second}/restore" in ann.get("/").text
    put_away = ann.post("/deleted/forget", data={"conversation": second}, headers=JSON)
    assert f"/c/{first}/restore" in put_away.json["undo_html"]
    assert ann.post(f"/c/{first}/restore", headers=JSON).json == {"url": f"/c/{first}", "undo_html": ""}


def test_the_settings_have_all_that_was_deleted_lately(ann, bob):
    put_in(ann, talk("one"), talk("two"))
    keys = [key_of(ann, "one"), key_of(ann, "two")]
    for key in keys:
        ann.post(f"/c/{key}/delete")
        ann.post("/deleted/forget", data={"conversation": key})
    assert "/restore" not in ann.get("/").text
    settings = ann.get("/preferences").text
    assert all(settings.count(f'action="/c/{key}/restore"') == 1 for key in keys), "though the offers were put away"
    assert f'action="/c/{keys[0]}/restore"' in ann.get(f"/deleted?conversation={keys[0]}").text
    for other in (bob.get(f"/deleted?conversation={keys[0]}"), ann.get("/deleted?conversation=nobody")):
        assert "/restore" not in other.text and 'href="/"' in other.text
    assert ann.post(f"/c/{keys[0]}/restore").headers["Location"] == f"/c/{keys[0]}"
    assert keys[0] not in ann.get("/preferences").text.split('id="deleted"')[1]


def test_what_is_gone_for_good_cannot_be_brought_back(ann, bob, services):
    put_in(ann, talk("one"))
    key = key_of(ann, "one")
    ann.post(f"/c/{key}/delete")
    assert bob.post(f"/c/{key}/restore").status_code == 404, "nor by others"
    services.store.purge(2e10)
    assert ann.post(f"/c/{key}/restore").status_code == 404
    assert "/restore" not in ann.get("/").text


def test_the_offer_ends_by_itself(ann, monkeypatch):
    put_in(ann, talk("one"))
    ann.post(f"/c/{key_of(ann, 'one')}/delete")
    monkeypatch.setattr("webbot.web.list_views.UNDO_SECONDS", 0)
    assert "/restore" not in ann.get("/").text


def test_others_cannot_do_anything_with_it(ann, bob):
    put_in(ann, talk("one"))
    put_in(bob, talk("his"))
    key = key_of(ann, "one")
    for path in ("manage", "export.json", "export.md"):
        assert bob.get(f"/c/{key}/{path}").status_code == 404
    for path in ("options", "clear", "delete", "restore", "share", "unshare"):
        assert bob.post(f"/c/{key}/{path}").status_code == 404
    assert titles(ann.get("/list").text) == ["one"]


def test_pages_of_another_site_cannot_do_anything_either(ann):
    put_in(ann, talk("one"))
    key = key_of(ann, "one")
    foreign = {"Sec-Fetch-Site": "cross-site"}
    for path in (f"/c/{key}/delete", f"/c/{key}/restore", f"/c/{key}/share", f"/c/{key}/unshare", "/deleted/forget", "/import"):
        assert ann.post(path, headers=foreign).status_code == 403


def test_unknown_fields_are_refused(ann):
    put_in(ann, talk("one"))
    key = key_of(ann, "one")
    for path in (f"/c/{key}/options", f"/c/{key}/delete", f"/c/{key}/restore", f"/c/{key}/share", f"/c/{key}/unshare", "/import"):
        assert ann.post(path, data={"wrong": "1"}, headers=JSON).status_code == 400, path


def test_titles_are_text(ann):
    put_in(ann, talk('<script>alert("x")</script>'))
    for path in ("/", f"/c/{key_of(ann, 'alert')}/manage", f"/c/{key_of(ann, 'alert')}/manage?part=item"):
        assert "<script>alert" not in ann.get(path).text


def test_a_running_answer_is_kept_out_of_the_way_of_a_share(ann, services):
    put_in(ann, talk("one"))
    key = key_of(ann, "one")
    owner = services.store.owner(key)
    services.store.begin_turn(owner, key, Message(role="user", text="more"))
    services.chat.channels.claim(key)
    assert ann.post(f"/c/{key}/share", headers=JSON).status_code == 409
    services.chat.channels.release(key)
