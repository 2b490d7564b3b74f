"""The templates over a made-up view model: what a reader without script, a screen reader and the strict policy need."""

import functools
import itertools
import re
from html.parser import HTMLParser

import pytest
from page_views import drawing_app

from webbot.settings import ROOT
from webbot.web.markup.colours import CLASSES

PAGES = (
    "talk.html", "talk.html?kind=welcome", "talk.html?models=coming", "talk.html?models=failed", "talk.html?models=unreachable",
    "talk.html?models=loading", "talk.html?models=several", "talk.html?models=gone", "talk.html?kind=welcome&models=several",
    "talk.html?preparing=1", "talk.html?queued=0", "talk.html?queued=1", "talk.html?queued=2", "models.html",
    "models.html?kind=empty", "models.html?kind=failed&trouble=No.", "help.html",
    "roles.html", "role.html", "preferences.html", "preferences.html?kind=person", "owner.html", "owner.html?kind=person",
    "parted.html", "enter.html?trouble=Wrong.", "problem.html",
)
VOID = {"meta", "link", "input", "br", "hr", "rect", "use", "img"}
# The routes that the pages may lead to, as the server has them.
ADDRESSES = re.compile(
    r"/($|turns$|c/[\w]+(/(turns|edit|again|on|show|pin|feedback|files/\w+(/delete)?|stop|role|options|model|clear|delete))?$|"
    r"c/\w+/(manage|share|unshare|restore|export.json|export.md)|deleted|import|export.json|help|api$|preferences(/[\w/-]+)?(#[\w-]+)?$|"
    r"owner(/[\w/-]+)?(#[\w-]+)?$|leave$|enter$|"
    r"session_out$|\?role=[\w-]+$|roles(/(new|[\w-]+(/(change|copy|share|unshare|delete))?))?$|models(/(load|use|pull|cancel|unload|remove))?$|static/)"
)


class Tree(HTMLParser):
    """All elements with their attributes, and whether every one was closed."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.crossed = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def draw():
    client = drawing_app().test_client()

    @functools.cache
    def page(path):
        response = client.get("/" + path)
        assert response.status_code == 200, path
        return response.text

    return page


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_inline_and_nothing_comes_from_outside(draw, path):
    tree = Tree(draw(path))
    for tag, attributes in tree.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], (tag, attributes)
        assert tag not in ("style", "iframe", "base")
        assert tag != "img" or re.fullmatch(r"/c/c1/files/\w+", attributes["src"]), "only files of the conversation"
        assert tag != "script" or attributes.get("src", "").startswith("/static/")
        for name in ("src", "href", "action", "formaction"):
            address = attributes.get(name)
            assert not address or address.startswith(("#", "/c/c1?before=")) or ADDRESSES.match(address), address


@pytest.mark.parametrize("path", PAGES)
def test_the_page_is_well_formed(draw, path):
    tree = Tree(draw(path))
    assert tree.crossed == [] and tree.open == []
    ids = [attributes["id"] for _, attributes in tree.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", PAGES)
def test_whatever_is_named_is_there(draw, path):
    """Labels, buttons of other forms, and buttons that open a panel."""
    tree = Tree(draw(path))
    ids = {attributes["id"] for _, attributes in tree.elements if "id" in attributes}
    for _, attributes in tree.elements:
        for name in ("for", "form", "popovertarget", "aria-labelledby"):
            assert attributes.get(name, next(iter(ids))) in ids, attributes


@pytest.mark.parametrize("path", PAGES)
def test_every_control_has_a_name(draw, path):
    html = draw(path)
    for button in re.findall(r"<(button|summary)\b([^>]*)>(.*?)</\1>", html, re.DOTALL):
        assert "aria-label" in button[1] or re.sub(r"<[^>]*>", "", button[2]).strip(), button
    labelled = set(re.findall(r'<label[^>]*\bfor="([^"]+)"', html))
    inside = "".join(re.findall(r"<label\b.*?</label>", html, re.DOTALL))
    for attributes in Tree(html).all("input", "textarea", "select"):
        if attributes.get("type") == "hidden":
            continue
        named = "aria-label" in attributes or attributes.get("id") in labelled
        assert named or f'name="{attributes.get("name")}"' in inside, attributes


@pytest.mark.parametrize("path", PAGES)
def test_landmarks_and_one_main_heading(draw, path):
    html = draw(path)
    assert html.count("<main") == 1
    assert len(re.findall(r"<h1\b", html)) == 1
    assert re.search(r'<html lang="en" data-theme="auto">', html)


def test_what_was_typed_stays_text(draw):
    html = draw("talk.html")
    assert "Squares &lt;in&gt; C" in html and "<in>" not in html


def test_without_script_every_act_is_a_form(draw):
    html = draw("talk.html")
    actions = {(form.get("method"), form.get("action")) for form in Tree(html).all("form")}
    for act in ("turns", "stop", "again", "edit", "show", "pin", "files/f1/delete", "role", "options", "clear", "delete"):
        assert ("post", f"/c/c1/{act}") in actions
    assert "/c/c1/feedback" in {button.get("formaction") for button in Tree(html).all("button")}
    assert 'enctype="multipart/form-data"' in html and 'type="file" name="file"' in html
    assert "at most 10 min and 64 MB" in html


def test_forgotten_turns_are_marked_and_the_line_stands_before_the_first_remembered(draw):
    html = draw("talk.html")
    turns = re.findall(r'<article class="turn ([^"]*)" id="(m\w+)"', html)
    assert [name for classes, name in turns if "forgotten" in classes] == ["mu1"]
    assert html.index('id="mu1"') < html.index('class="edge"') < html.index('id="mu3"')


def test_the_meter_adds_up(draw):
    html = draw("talk.html")
    rectangles = re.findall(r'<rect class="(\w+)" x="([\d.]+)" width="([\d.]+)"', html)
    assert [name for name, _, _ in rectangles] == ["role", "files", "pinned", "memory", "question"]
    assert float(rectangles[3][2]) == pytest.approx(4310 * 100 / 8192, abs=0.01)
    for before, rectangle in itertools.pairwise(rectangles):
        assert float(rectangle[1]) == pytest.approx(float(before[1]) + float(before[2]), abs=0.02)
    assert "remembers 4,310 of 6,024 tokens" in html


def turns_of(html):
    return dict(re.findall(r'<article class="[^"]*" id="m(\w+)"(.*?)</article>', html, re.DOTALL))


def test_every_turn_can_be_edited_pinned_and_answered_again(draw):
    for name, turn in turns_of(draw("talk.html")).items():
        for act in ("edit", "pin", "again"):
            assert f'action="/c/c1/{act}"' in turn, (name, act)
        assert f'value="{name}"' in turn


def test_only_the_last_answer_can_be_gone_on_with(draw):
    html = draw("talk.html")
    assert 'formaction="/c/c1/on"' not in html
    assert 'formaction="/c/c1/on"' in draw("talk.html?cut=1")


def test_versions_lead_to_those_beside(draw):
    turns = turns_of(draw("talk.html"))
    assert re.findall(r'name="message" value="(a6\d)"', turns["u5"]) == ["a61", "a63"]
    assert re.findall(r'name="message" value="(u70|)"( disabled)?', turns["u7"]) == [("u70", ""), ("", " disabled")]
    assert "Version of the question 2 / 2" in turns["u7"] and "Version of the answer 2 / 3" in turns["u5"]
    assert "versions" not in turns["u11"]


def test_marks_of_people_are_shown(draw):
    turns = turns_of(draw("talk.html"))
    assert re.findall(r'name="pinned" value="(\w+)" aria-pressed="(\w+)"', turns["u3"]) == [("off", "true")]
    assert re.findall(r'name="feedback" value="(\w*)" data-mark="\w+" aria-pressed="(\w+)"', turns["u5"]) == [
        ("", "true"), ("down", "false")
    ]


def test_files_say_how_much_of_them_is_read(draw):
    html = draw("talk.html")
    assert "500 of 15,360 tokens are read" in html and "all 120 tokens are read" in html
    assert "kept, not read by the model" in html and "notes &lt;about&gt; the north.md" in html


def test_the_line_about_the_models(draw):
    assert "Load Llama 3.2 1B (2.5 GB)" in draw("talk.html?kind=welcome")
    coming = draw("talk.html?models=coming")
    assert 'value="0.42"' in coming and "goes on answering" in coming and "42%" in coming
    failed = draw("talk.html?models=failed")
    assert "the disk is full" in failed and 'action="/models/load"' in failed
    unreachable = draw("talk.html?models=unreachable")
    assert "No model hub can be reached" in unreachable and 'action="/models/load"' not in unreachable


def test_the_page_is_chinese_when_asked(draw):
    html = draw("talk.html?language=zh")
    assert '<html lang="zh"' in html and "新对话" in html and "记得 4,310 / 6,024 个词元" in html
    assert "New conversation" not in html and "remembers" not in html


def test_every_colour_of_code_has_a_rule():
    rules = (ROOT / "static" / "css" / "code.css").read_text("utf-8")
    assert [name for name in CLASSES if not re.search(rf"\.{name}\b", rules)] == []


def test_every_word_of_the_script_is_in_the_page(draw):
    given = set(re.findall(r'data-word="([\w-]+)"', draw("talk.html")))
    used = set()
    for path in (ROOT / "static" / "js").glob("*.js"):
        source = path.read_text("utf-8")
        used |= set(re.findall(r'\bword\("([\w-]+)"', source))
        used |= set(re.findall(r'ended\(event, "([\w-]+)"\)', source))
    assert used <= given
    assert used > {"copied", "stopped", "unreachable"}


def test_every_icon_that_is_used_exists(draw):
    symbols = set(re.findall(r'<symbol [^>]*id="([\w-]+)"', (ROOT / "static" / "icons.svg").read_text("utf-8")))
    used = {name for path in PAGES for name in re.findall(r"icons\.svg\?v=0#([\w-]+)", draw(path))}
    assert used <= symbols


def test_scripts_are_small():
    for path in (ROOT / "static" / "js").rglob("*.js"):
        assert len(path.read_text("utf-8").splitlines()) < 200, path.name


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_its_ground(theme):
    base = (ROOT / "static" / "css" / "base.css").read_text("utf-8")
    found = re.findall(r"--([\w-]+):\s*light-dark\((#\w{6}), (#\w{6})\)", base)
    colours = {name: (light, dark)[theme] for name, light, dark in found}
    grounds = {
        "ink": ("paper", "sheet", "shade", "leaf-tint", "code"), "soft": ("paper", "sheet", "shade", "code"),
        "leaf": ("paper", "sheet", "leaf-tint", "code"), "amber": ("paper", "sheet", "code"),
        "rust": ("paper", "sheet", "rust-tint", "code"), "leaf-ink": ("leaf",),
    }
    for text, places in grounds.items():
        for ground in places:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
