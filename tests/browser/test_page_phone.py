"""A phone of 390 x 844 pixels: nothing scrolls sideways, everything can be touched, the list is a drawer."""

import pytest
from playwright.sync_api import expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
FINGER = 44  # CSS pixels
WIDE = """Look at this:

| One heading | Another heading | A third heading | A fourth heading | A fifth heading |
|---|---|---|---|---|
| some words here | some more words | and even more words | and yet some more | until the end |

```python
print("a long line that does not fit on a phone", "because it goes on", "and on", "and on", "and on")
```

$$ a^2 + b^2 + c^2 + d^2 + e^2 + f^2 + g^2 + h^2 + i^2 + j^2 + k^2 + l^2 + m^2 + n^2 = o^2 + p^2 + q^2 $$

""" + "Donaudampfschifffahrtsgesellschaft" * 4 + " https://example.org/" + "way/" * 40


@pytest.fixture(scope="module")
def server(serve):
    """With the microphone's button."""
    return serve(engine="echo", speech="1")


def no_wider(page):
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    outside = page.evaluate("""() => [...document.querySelectorAll('main *, nav *')].filter((each) => {
      const box = each.getBoundingClientRect();
      if (!each.checkVisibility() || !box.width || box.right <= 391) return false;
      for (let around = each.parentElement; around; around = around.parentElement) {
        const style = getComputedStyle(around);
        if (style.overflowX !== 'visible' && around.getBoundingClientRect().right <= 391) return false;
      }
      return true;
    }).map((each) => each.outerHTML.slice(0, 80))""")
    assert not outside, "sticks out at the right"


def touchable(locator):
    for each in locator.all():
        box = each.bounding_box()
        if box is not None:
            tag = each.evaluate("each => each.outerHTML")[:90]
            assert min(box["width"], box["height"]) >= FINGER - 0.1, f"{tag}: {box}"


def in_sight(page, selector):
    box = page.locator(selector).bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 844, f"{selector}: {box}"


def test_the_welcome(visit, server):
    page = visit(server, **PHONE).page
    no_wider(page)
    touchable(page.locator("header.head button:visible, .try, .writing button:visible, .attach, .chip:visible"))
    assert page.locator(".writing button:visible").count() == 2, "the microphone and Send"
    in_sight(page, "#composer")
    in_sight(page, ".welcome")
    assert page.locator("#question").evaluate("each => getComputedStyle(each).fontSize") == "16px", "smaller ones are zoomed in"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_talk(visit, server, scheme):
    talk = visit(server, **PHONE, color_scheme=scheme)
    talk.ask(WIDE)
    no_wider(talk.page)
    for scrolling in (".said table", ".said pre code"):
        sizes = talk.page.locator(scrolling).evaluate("each => [each.scrollWidth, each.clientWidth]")
        assert sizes[0] > sizes[1], f"{scrolling} scrolls by itself"
    touchable(talk.page.locator(".marks button:visible, .edit > summary, .said pre header button"))
    touchable(talk.page.locator(".memory summary, header.head button:visible"))
    in_sight(talk.page, "#composer")
    talk.last.locator("details.edit summary").tap()
    no_wider(talk.page)
    touchable(talk.page.locator(".editing button:visible"))
    talk.last.get_by_role("button", name="Cancel").tap()
    talk.page.locator("#memory summary").tap()
    no_wider(talk.page)
    in_sight(talk.page, "#composer")


@pytest.mark.parametrize("path", ["/help", "/preferences", "/owner"])
def test_other_pages(visit, server, path):
    page = visit(server, path, **PHONE).page
    no_wider(page)
    touchable(page.locator("header.head button:visible, main button.plain:visible, label.choice:visible, main summary:visible"))


def test_the_drawer(visit, server):
    talk = visit(server, **PHONE)
    talk.ask("hello")
    drawer, menu = talk.page.locator("#side"), talk.page.locator("button.menu")
    expect(drawer).to_be_hidden()
    menu.tap()
    expect(drawer).to_be_visible()
    no_wider(talk.page)
    touchable(drawer.locator("a:visible, button:visible"))
    drawer.get_by_role("button", name="Close").tap()
    expect(drawer).to_be_hidden()
    menu.tap()
    talk.page.touchscreen.tap(380, 400)  # beside it
    expect(drawer).to_be_hidden()
    menu.tap()
    drawer.get_by_role("link", name="New conversation").tap()
    expect(talk.page.locator("#welcome")).to_be_visible()
    expect(drawer).to_be_hidden()


def test_the_options(visit, server):
    talk = visit(server, **PHONE)
    talk.ask("hello")
    talk.panel().get_by_text("Role: who answers").tap()
    no_wider(talk.page)
    touchable(talk.page.locator("#options button:visible, #options summary:visible"))


def test_with_the_keyboard_open(visit, server):
    """The keyboard takes the lower half; the box and the last words stay in sight."""
    talk = visit(server, **PHONE)
    talk.ask("one two three")
    talk.page.set_viewport_size({"width": 390, "height": 440})
    box = talk.page.locator("#composer").bounding_box()
    assert box["y"] + box["height"] <= 440
    expect(talk.last.locator(".said")).to_be_in_viewport()
