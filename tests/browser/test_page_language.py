"""English and Chinese, light and dark: what the browser asks for, and what a person chose."""

import re

import pytest
from playwright.sync_api import expect


def test_a_browser_that_asks_for_chinese(visit, echo):
    talk = visit(echo, locale="zh-CN")
    page = talk.page
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator("#welcome")).to_contain_text(re.compile("[\u4e00-\u9fff]{4}"))
    expect(page.locator("#send")).to_have_attribute("aria-label", "发送")
    talk.ask("你好，世界")
    assert talk.said(talk.last) == "你好，世界"
    expect(page.get_by_role("button", name="复制回答")).to_be_visible()
    expect(page.locator("#told")).not_to_contain_text("complete")
    page.goto("/help")
    expect(page.locator("html")).to_have_attribute("lang", "zh")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_chosen_language_stays(visit, echo, script):
    page = visit(echo, "/preferences", java_script_enabled=script).page
    page.get_by_label("中文").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.goto("/")
    expect(page.locator("#send")).to_have_attribute("aria-label", "发送")
    page.goto("/preferences")
    page.get_by_label("English").check()
    page.locator("main button.leaf").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize(("theme", "system"), [("dark", "light"), ("light", "dark")])
def test_a_chosen_theme_is_seen(visit, echo, theme, system, script):
    page = visit(echo, "/preferences", color_scheme=system, java_script_enabled=script).page
    before = ground(page)
    assert (before < 128) == (system == "dark")
    page.get_by_label(theme, exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    page.goto("/")
    assert (ground(page) < 128) == (theme == "dark")


def ground(page):
    """How light the page is, 0 to 255; the browser's tools compute it also where scripts are off."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    body = session.send("DOM.querySelector", {"nodeId": root, "selector": "body"})["nodeId"]
    style = session.send("CSS.getComputedStyleForNode", {"nodeId": body})["computedStyle"]
    colour = next(each["value"] for each in style if each["name"] == "background-color")
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(", "))) / 3
