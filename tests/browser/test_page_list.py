"""The list of conversations by mouse and by keyboard: found, renamed, deleted and brought back, shared, exported, imported."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.talk import BEFORE
from tests.web.listing import talk as made


@pytest.fixture
def talk(visit, echo):
    talk = visit(echo, BEFORE)
    talk.put_in(made("third"), made("second"), made("first"))
    talk.open("/")
    return talk


def links(talk):
    return talk.page.locator("#list a[data-conversation]")


def follow(talk, title):
    """Opens a conversation of the list, and waits for the page's script."""
    links(talk).filter(has_text=title).first.click()
    expect(talk.page.locator("#title")).to_have_text(title)
    expect(talk.box).to_be_focused()


def menu(talk, title):
    """Opens the menu of a conversation in the list."""
    talk.page.bring_to_front()  # a tab in the background draws once a second
    item = talk.page.locator("#list li").filter(has_text=title)
    item.hover()
    item.get_by_role("button").click()
    shown = talk.page.locator("#item-menu")
    expect(shown.get_by_label("Title")).to_be_focused()
    return shown


def test_the_menu_of_the_list_renames_and_pins_in_every_tab(talk):
    follow(talk, "third")
    other = talk.tab()
    shown = menu(talk, "first")
    shown.get_by_label("Title").fill("A better name")
    shown.get_by_role("button", name="Rename").click()
    expect(shown).to_be_hidden()
    for tab in (talk, other):
        expect(links(tab)).to_have_text(["A better name", "third", "second"])
    menu(talk, "second").get_by_role("button", name="Pin to the top").click()
    for tab in (talk, other):
        expect(links(tab)).to_have_text(["second", "A better name", "third"])
        expect(tab.page.locator("#list h2").first).to_have_text("Pinned")
    expect(menu(talk, "second").get_by_role("button", name="Unpin")).to_be_visible()


def test_a_stale_menu_says_so_and_keeps_what_was_typed(talk):
    shown = menu(talk, "first")
    key = shown.locator(".manage").get_attribute("data-of")
    talk.page.request.post(f"/c/{key}/options", form={"title": "elsewhere"})
    shown.get_by_label("Title").fill("mine")
    shown.get_by_role("button", name="Rename").click()
    expect(shown.get_by_role("alert")).to_contain_text("changed elsewhere meanwhile")
    expect(shown.get_by_label("Title")).to_have_value("mine")
    shown.get_by_role("button", name="Rename").click()
    expect(shown).to_be_hidden()
    expect(links(talk).first).to_have_text("mine")


def test_the_list_by_keyboard(talk):
    page = talk.page
    page.keyboard.press("Control+k")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(links(talk).nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(links(talk).nth(2)).to_be_focused()
    page.keyboard.press("F2")
    page.keyboard.type("renamed in place")
    page.request.post(f"/c/{links(talk).last.get_attribute('data-conversation')}/options", form={"speaks": "on"})
    page.keyboard.press("Enter")  # what a person typed is not asked for again because something else changed
    expect(links(talk).first).to_have_text("renamed in place")
    expect(links(talk).filter(has_text="renamed")).to_be_focused()
    page.keyboard.press("F2")
    page.keyboard.type("not this")
    page.keyboard.press("Escape")
    expect(links(talk).first).to_have_text("renamed in place")
    page.keyboard.press("/")
    expect(search).to_be_focused()


def test_the_words_of_a_search_stay_in_the_address(talk):
    talk.page.get_by_role("searchbox").fill("second")
    expect(links(talk)).to_have_text(["second"])
    expect(talk.page).to_have_url(re.compile(r"\?q=second$"))
    talk.page.reload()
    expect(links(talk)).to_have_text(["second"])
    expect(talk.page.get_by_role("searchbox")).to_have_value("second")
    follow(talk, "second")
    talk.page.get_by_role("searchbox").fill("")
    expect(links(talk)).to_have_count(3)


def test_the_newest_search_wins(talk):
    """The answer to the first letters comes late."""
    held = []
    talk.page.route(re.compile(r"/list\?q=f&"), lambda route: held.append(route))  # noqa: PLW0108 - it is marked by playwright
    search = talk.page.get_by_role("searchbox")
    with talk.page.expect_request(re.compile(r"/list\?q=f&")):
        search.fill("f")
    search.fill("second")
    expect(links(talk)).to_have_text(["second"])
    with talk.page.expect_response(re.compile(r"/list\?q=f&")):
        held[0].continue_()
    expect(links(talk)).to_have_text(["second"])


def test_deleting_another_one_and_taking_it_back(talk):
    follow(talk, "third")
    menu(talk, "first").get_by_role("button", name="Delete the conversation").click()
    bar = talk.page.locator(".undo")
    expect(bar).to_contain_text("Deleted: first")
    expect(links(talk)).to_have_text(["third", "second"])
    expect(talk.page.locator("#title")).to_have_text("third")
    bar.get_by_role("button", name="Undo").click()
    expect(links(talk)).to_have_count(3)
    expect(bar).to_have_count(0)


def test_deleting_the_open_one_leads_to_a_new_one(talk):
    follow(talk, "second")
    menu(talk, "second").get_by_role("button", name="Delete the conversation").click()
    expect(talk.page).to_have_url(re.compile(r"/$"))
    talk.page.locator(".undo").get_by_role("button", name="Undo").click()
    expect(talk.page.locator("#title")).to_have_text("second")
    talk.page.goto("/")
    expect(talk.page.locator(".undo")).to_have_count(0)


def test_more_than_a_hundred(talk):
    talk.put_in(*({"title": f"number {number}", "messages": []} for number in range(120)))
    talk.open("/")
    expect(links(talk)).to_have_count(100)
    talk.page.get_by_role("link", name="More").click()
    expect(links(talk)).to_have_count(123)
    expect(links(talk).nth(100)).to_be_focused()
    expect(talk.page.get_by_role("link", name="More")).to_have_count(0)


def test_sharing_by_a_link(talk, visit, echo):
    shown = menu(talk, "first")
    shown.get_by_role("button", name="Make a link").click()
    link = shown.get_by_label("Link", exact=True).input_value()
    shown.get_by_role("button", name="Copy").click()
    stranger = visit(echo, link)
    expect(stranger.page.locator("h1")).to_have_text("first")
    expect(stranger.page.locator(".said")).to_have_text("A beast.")
    assert stranger.page.evaluate("document.scripts.length") == 0
    talk.page.bring_to_front()
    shown.get_by_role("button", name="Stop sharing").click()
    expect(shown.get_by_role("button", name="Make a link")).to_be_visible()
    stranger.page.reload()
    expect(stranger.page.locator("h1")).to_have_text("There is nothing here.")


def test_out_and_in_again(talk, tmp_path):
    with talk.page.expect_download() as download:
        menu(talk, "first").get_by_role("link", name="JSON").click()
    assert download.value.suggested_filename == "first.json"
    file = tmp_path / "first.json"
    download.value.save_as(file)
    talk.page.goto("/preferences")
    talk.page.get_by_label("A file of conversations").set_input_files(file)
    talk.page.get_by_role("button", name="Import").click()
    expect(talk.page.get_by_role("status").first).to_have_text("Conversations that came in: 1, with 2 messages.")
    expect(links(talk)).to_have_text(["third", "second", "first", "first"])
    with talk.page.expect_download() as download:
        talk.page.goto("/preferences")
        talk.page.get_by_role("link", name="Export all conversations").click()
    download.value.save_as(file)
    assert len(json.loads(file.read_text())["conversations"]) == 4


def test_on_a_phone(visit, echo):
    talk = visit(echo, BEFORE, viewport={"width": 390, "height": 844}, has_touch=True)
    talk.put_in(made("first"), made("second"))
    talk.page.goto("/")
    talk.page.locator(".head .menu").click()
    talk.page.locator("#list li").filter(has_text="first").get_by_role("button").click()
    shown = talk.page.locator("#item-menu")
    expect(shown).to_be_in_viewport()
    shown.get_by_role("button", name="Delete the conversation").click()
    bar = talk.page.locator(".undo")
    expect(bar).to_be_in_viewport()
    bar.get_by_role("button", name="Close").click()
    expect(bar).to_have_count(0)


def test_without_script(visit, echo):
    talk = visit(echo, BEFORE, java_script_enabled=False)
    talk.put_in(made("first"), made("second"))
    page = talk.page
    page.goto("/?q=first")
    expect(links(talk)).to_have_text(["first"])
    page.locator("#list li").get_by_role("button").click()
    page.get_by_label("Title").fill("A better name")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator("#title")).to_have_text("A better name")
    page.locator("#list li").filter(has_text="better").get_by_role("button").click()
    page.get_by_role("button", name="Make a link").click()
    page.get_by_role("link", name="Look at it").click()
    expect(page.locator("h1")).to_have_text("A better name")
    page.go_back()
    page.get_by_role("button", name="Delete the conversation").click()
    page.locator(".undo").get_by_role("button", name="Undo").click()
    expect(page.locator("#title")).to_have_text("A better name")
