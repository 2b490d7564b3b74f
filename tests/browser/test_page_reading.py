"""For people who listen to the page, who use no mouse, or who need contrast."""

import pytest
from playwright.sync_api import expect

CONTROLS = {"button", "link", "textbox", "searchbox", "combobox", "radio", "checkbox", "option", "progressbar", "img"}
RICH = """Some *words* with `code` and a [link](https://example.org/).

> quoted

| a | b |
|---|---|
| 1 | 2 |

```python
def greet(name):  # a comment
    return "hello " + name * 2
```
"""
# Every text in sight, with its contrast. Colours are read off a canvas, so that any notation will do.
CONTRASTS = """() => {
  const ink = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const over = (colour, [r, g, b], opacity) => {
    ink.globalAlpha = 1;
    ink.fillStyle = `rgb(${r} ${g} ${b})`;
    ink.fillRect(0, 0, 1, 1);
    ink.globalAlpha = opacity;
    ink.fillStyle = colour;
    ink.fillRect(0, 0, 1, 1);
    return [...ink.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const chain = (each) => each ? [...chain(each.parentElement), each] : [];
  const found = [];
  const look = (each, style, text) => {
    const around = chain(each);
    const opacity = around.reduce((so_far, one) => so_far * getComputedStyle(one).opacity, 1);
    const ground = around.reduce((so_far, one) => over(getComputedStyle(one).backgroundColor, so_far, 1), [255, 255, 255]);
    const [a, b] = [light(ground), light(over(style.color, ground, opacity))].sort((x, y) => y - x);
    found.push([text.trim().slice(0, 40), each.className || each.tagName, (a + 0.05) / (b + 0.05)]);
  };
  for (const each of document.body.querySelectorAll('*')) {
    if (!each.checkVisibility() || each.closest('.unseen, .skip, :disabled, script, template')) continue;
    if (each.placeholder && !each.value) look(each, getComputedStyle(each, '::placeholder'), each.placeholder);
    const text = [...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join('');
    if (text.trim()) look(each, getComputedStyle(each), text);
  }
  return found;
}"""


def nameless(page):
    """Controls that a screen reader would announce without a name, and how many controls there are."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"] and node["role"]["value"] in CONTROLS]
    return [node for node in nodes if not node.get("name", {}).get("value", "").strip()], len(nodes)


@pytest.mark.parametrize("path", ["/", "/help", "/preferences", "/nothing"])
def test_every_control_has_a_name(visit, echo, path):
    bad, number = nameless(visit(echo, path).page)
    assert number >= (1 if path == "/nothing" else 5)
    assert not bad


def test_every_control_of_a_talk_has_a_name(visit, echo):
    talk = visit(echo)
    talk.ask(RICH)
    talk.panel()
    for details in talk.page.locator("details").all():
        details.evaluate("each => { each.open = true; }")
    bad, number = nameless(talk.page)
    assert number > 30
    assert not bad
    talk.page.locator("#keys").evaluate("each => each.showPopover()")
    assert not nameless(talk.page)[0]


def test_landmarks_and_headings(visit, echo):
    talk = visit(echo)
    talk.ask("hello")
    page = talk.page
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("navigation", name="Conversations")).to_have_count(1)
    expect(page.get_by_role("search")).to_have_count(1)
    expect(page.get_by_role("region", name="Conversation", exact=True)).to_have_count(1)
    expect(page.get_by_role("log")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("heading", name="You", exact=True)).to_have_count(1)
    expect(page.get_by_role("heading", name="Answer", exact=True)).to_have_count(1)
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_skip_link_comes_first(visit, echo):
    page = visit(echo, "/help").page
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_sentences_are_announced_whole(visit, echo):
    talk = visit(echo)
    place = talk.page.locator("#announced")
    expect(place).to_have_attribute("aria-live", "polite")
    place.evaluate("""each => {
      window.changes = [];
      new MutationObserver((all) => changes.push(...all.map((one) => one.type + one.removedNodes.length)))
        .observe(each, {subtree: true, childList: true, characterData: true});
    }""")
    sentences = ["The first sentence stands here.", "Then a second one goes there!", "Is the third a question?"]
    talk.begin(" ".join(sentences))
    assert talk.last.locator(".said").evaluate("each => each.closest('[aria-live], [role=log], [role=status]')") is None
    talk.answer()
    expect(place.locator("p")).to_have_text(sentences)
    assert talk.page.evaluate("changes") == ["childList0"] * 3, "a sentence came whole, and none was changed"
    expect(talk.page.locator("#told")).to_have_text("The answer is complete.")


def test_code_is_not_announced(visit, echo):
    talk = visit(echo)
    talk.ask("Look at this program.\n\n```python\nsecret = 1\n```\n\nThat was it.")
    announced = talk.page.locator("#announced")
    expect(announced).to_contain_text("That was it.")
    expect(announced).not_to_contain_text("secret")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_every_text(visit, echo, scheme):
    talk = visit(echo, color_scheme=scheme)
    check_contrast(talk.page, 10)
    talk.ask(RICH)
    talk.turns.first.evaluate("turn => turn.classList.add('forgotten')")
    talk.page.evaluate("""document.getElementById('away').hidden = false;
      document.getElementById('troubles').innerHTML = '<div class="trouble"><p><b>Trouble.</b> A remedy.</p></div>'""")
    for details in talk.page.locator(".memory, .edit").all():
        details.evaluate("each => { each.open = true; }")
    check_contrast(talk.page, 50)
    talk.panel()
    check_contrast(talk.page, 60)
    for path in ("/help", "/preferences", "/nothing"):
        talk.page.goto(path)
        check_contrast(talk.page, 3)


def check_contrast(page, least):
    page.wait_for_function("document.getAnimations().every((each) => each.playState !== 'running')")
    found = page.evaluate(CONTRASTS)
    assert len(found) >= least
    assert not [each for each in found if each[2] < 4.5], "contrast under 4.5"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_focus_is_visible_everywhere(visit, echo, scheme):
    talk = visit(echo, color_scheme=scheme)
    talk.ask(RICH)
    talk.page.evaluate("document.activeElement.blur()")
    plain = talk.page.locator("#composer").evaluate("each => getComputedStyle(each).borderColor")
    met = set()
    for _ in range(60):
        talk.page.keyboard.press("Tab")
        seen = talk.page.evaluate("""(plain) => {
          const each = document.activeElement;
          if (each === document.body) return ['end', true];
          const around = [each, each.parentElement];
          const outlined = around.some((one) => getComputedStyle(one).outlineStyle !== 'none');
          const ringed = each.closest('.find') && getComputedStyle(each.closest('.find')).boxShadow !== 'none';
          const box = each.closest('.composer');
          const framed = each.id === 'question' && getComputedStyle(box).borderColor !== plain;
          return [each.outerHTML.slice(0, 60), outlined || framed || Boolean(ringed)];
        }""", plain)
        assert seen[1], f"the focus is not seen: {seen[0]}"
        if seen[0] in met:
            break
        met.add(seen[0])
    assert len(met) > 15


def test_reduced_motion(visit, echo):
    talk = visit(echo, reduced_motion="reduce")
    talk.begin("word " * 60)
    assert talk.page.evaluate("document.getAnimations().length") == 0
    talk.answer()
