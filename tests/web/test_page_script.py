"""The page's script in a real browser, over the real application and the echo engine."""

import re
import shutil
import threading
from types import SimpleNamespace

import pytest
from werkzeug.serving import make_server

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser, pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
NAME = "My name is Lisa."
LONG = " ".join(f"word{number}" for number in range(120))
TROUBLE = re.compile("voice|404|409|ERR_INTERNET_DISCONNECTED|ERR_FAILED")  # what a test provokes itself


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as control:
        browser = control.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site(make_app):
    """The application on a port of its own; `pause` is the seconds between two words."""
    servers = []

    def start(pause=0.0, **settings):
        app = make_app(**settings)
        app.extensions["services"].engine.pause = pause
        server = make_server("localhost", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return SimpleNamespace(address=f"http://localhost:{server.port}", services=app.extensions["services"])

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join(10)


@pytest.fixture
def visit(chromium):
    """Opens a page in a browser of its own; a failure of the script or of the policy fails the test."""
    contexts, complaints = [], []

    def open_page(address, **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
        page.set_default_timeout(20_000)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [complaint for complaint in complaints if not TROUBLE.search(complaint)] == []


def ask(page, text):
    page.fill("#question", text)
    page.press("#question", "Enter")


def answered(page):
    page.wait_for_selector(".turn.last.complete")


def test_the_first_answer_comes_without_a_reload(site, visit):
    page = visit(site(0.02).address)
    page.evaluate("window.same = true")
    ask(page, NAME)
    answered(page)
    assert page.inner_text(".turn.last .said").strip() == NAME
    assert "/c/" in page.url and page.evaluate("window.same")
    assert page.input_value("#question") == "" and NAME[:10] in page.title()
    ask(page, "what did I say")
    page.wait_for_function("() => document.querySelectorAll('.turn.complete').length === 2")
    assert NAME in page.inner_text(".turn.last .said")
    page.reload()
    assert page.locator(".turn").count() == 2


def test_stop_takes_the_place_of_send_and_stops(site, visit):
    page = visit(site(0.1).address)
    ask(page, LONG)
    page.wait_for_selector(".turn.streaming .caret")
    assert page.is_visible("#halt") and not page.is_visible("#send")
    assert page.title().startswith("●")
    page.wait_for_selector(".list .live")
    page.press("#question", "Escape")
    page.wait_for_selector(".turn.stopped")
    assert "Stopped here." in page.inner_text(".turn.last")
    assert page.is_visible("#send") and not page.title().startswith("●")
    assert len(page.inner_text(".turn.last .said")) < len(LONG)


def test_a_running_answer_survives_a_reload_and_is_followed_by_another_tab(site, visit):
    page = visit(site(0.05).address)
    ask(page, LONG)
    page.wait_for_selector(".turn.streaming .caret")
    other = page.context.new_page()
    other.goto(page.url)
    page.reload()
    for tab in (page, other):
        tab.wait_for_selector(".turn.last.complete")
        assert tab.inner_text(".turn.last .said").strip() == LONG
        assert tab.locator(".turn").count() == 1


def test_a_refused_question_comes_back_into_its_box(site, visit):
    page = visit(site(0.1).address)
    ask(page, LONG)
    page.wait_for_selector(".turn.streaming .caret")
    ask(page, "too early")
    page.wait_for_selector("#troubles .trouble")
    assert "still being written" in page.inner_text("#troubles")
    assert page.input_value("#question") == "too early"
    page.reload()
    page.wait_for_function("() => document.querySelector('#question').value === 'too early'")


def test_without_a_server_nothing_typed_is_lost(site, visit):
    page = visit(site().address)
    ask(page, NAME)
    answered(page)
    page.context.set_offline(True)
    ask(page, "are you there?")
    page.wait_for_selector("#troubles .trouble")
    assert "cannot be reached" in page.inner_text("#troubles")
    assert page.input_value("#question") == "are you there?" and page.locator(".turn").count() == 1
    page.context.set_offline(False)
    page.press("#question", "Enter")
    page.wait_for_function("() => document.querySelectorAll('.turn.complete').length === 2")


def test_again_and_edit_replace_the_last_turn(site, visit):
    page = visit(site().address)
    ask(page, NAME)
    answered(page)
    first = page.get_attribute(".turn.last", "data-answer")
    page.click(".turn.last [form=again]")
    page.wait_for_function(f"() => document.querySelector('.turn.last.complete')?.dataset.answer !== '{first}'")
    assert page.locator(".turn").count() == 1
    page.wait_for_selector(".turn.last.complete .edit")
    page.click(".edit summary")
    page.wait_for_selector(".editing textarea:focus")
    page.fill(".editing textarea", "My name is Ann.")
    page.press(".editing textarea", "Enter")
    page.wait_for_function("() => document.querySelector('.turn.last.complete .said')?.textContent.includes('Ann')")
    assert page.locator(".turn").count() == 1 and page.inner_text(".turn.last .asked").strip() == "My name is Ann."


def test_what_is_forgotten_is_marked_while_it_happens_and_after_a_reload(site, visit):
    page = visit(site(context=600).address)
    ask(page, NAME)
    answered(page)
    for number in range(1, 5):
        ask(page, " ".join(f"w{number}x{word}" for word in range(60)))
        page.wait_for_function(f"() => document.querySelectorAll('.turn.complete').length === {number + 1}")
    page.wait_for_selector(".edge")
    marks = "[...document.querySelectorAll('#turns > *')].map((each) => each.className.replace(/ last| forgotten/g, '') + "
    marks += "(each.classList.contains('forgotten') ? ' forgotten' : ''))"
    live, meter = page.evaluate(marks), page.inner_text("details.memory summary")
    assert "forgotten" in live[0] and "forgotten" not in live[-1]
    page.reload()
    assert page.evaluate(marks) == live and page.inner_text("details.memory summary") == meter


def test_the_page_follows_the_text_only_for_who_is_at_its_end(site, visit):
    page = visit(site(0.02).address, viewport={"width": 800, "height": 400})
    left = "Math.round(talk.scrollHeight - talk.scrollTop - talk.clientHeight)"
    ask(page, LONG)
    answered(page)
    page.wait_for_function(f"() => {left} < 5")
    ask(page, LONG)
    page.wait_for_selector(".turn.streaming .caret")
    page.hover("#talk")
    page.mouse.wheel(0, -300)
    page.wait_for_selector("#newer:visible")
    page.wait_for_function("() => document.querySelectorAll('.turn.complete').length === 2")
    assert page.evaluate(left) > 100
    page.click("#newer")
    page.wait_for_function(f"() => {left} < 5")
    assert not page.is_visible("#newer")


def test_the_list_is_searched_while_one_types(site, visit):
    page = visit(site().address)
    ask(page, "apples and pears")
    answered(page)
    page.goto(page.url.split("/c/")[0])
    ask(page, "bread and butter")
    answered(page)
    page.wait_for_function("() => document.querySelectorAll('#list a').length === 2")
    page.fill("#search", "pear")
    page.wait_for_function("() => document.querySelectorAll('#list a').length === 1")
    assert "apples" in page.inner_text("#list")


def test_what_the_model_writes_stays_harmless(site, visit):
    page = visit(site().address)
    ask(page, "<img src=x onerror=alert(1)> <script>alert(2)</script> [x](javascript:alert(3)) <b>bold</b>")
    answered(page)
    assert page.locator("#turns img, #turns script").count() == 0
    assert page.locator("#turns a[href^='javascript']").count() == 0


def test_keys(site, visit):
    page = visit(site().address)
    ask(page, NAME)
    answered(page)
    page.click("#title")
    page.keyboard.press("?")
    page.wait_for_selector("#keys:popover-open")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    assert page.input_value("#question") == "one\ntwo"
    page.keyboard.press("Control+Shift+O")
    page.wait_for_selector("#welcome")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_is_wide_enough(site, visit, scheme):
    page = visit(site().address, viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True, is_mobile=True)
    ask(page, "| a | b |\n|---|---|\n| " + "x" * 200 + " | y |\n\n```\n" + "long " * 60 + "\n```\n")
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = page.evaluate("""[...document.querySelectorAll('.head button, .writing :is(button, label), .marks > button, summary')]
        .filter((each) => each.checkVisibility()).map((each) => [each.outerHTML.slice(0, 60), each.getBoundingClientRect()])
        .filter(([, box]) => box.width < 44 || box.height < 44).map(([name]) => name)""")
    assert small == []
    assert page.evaluate("getComputedStyle(document.querySelector('#question')).fontSize") == "16px"
    page.click(".menu")
    page.wait_for_selector("#side:popover-open")
    assert page.is_visible("#side .new")


def test_without_script_the_whole_way(site, visit):
    page = visit(site().address, java_script_enabled=False)
    page.fill("#question", NAME)
    page.click("#send")
    assert NAME in page.inner_text(".turn.last .said")
    page.fill("#question", "what did I say")
    page.click("#send")
    assert NAME in page.inner_text(".turn.last .said") and page.locator(".turn").count() == 2
    page.click(".edit summary")
    page.fill(".editing textarea", "something else")
    page.click(".editing button[form=edit]")
    assert page.inner_text(".turn.last .said").strip() == "something else"
    page.click(".head [popovertarget=options].round")
    page.click("#options summary >> nth=0")
    page.click("#options button:has-text('Socrates')")
    assert page.inner_text("#role-name") == "Socrates"
    page.fill("#search", "nothing has this")
    page.click(".find button")
    assert "No conversation" in page.inner_text("#list")
    page.click(".head [popovertarget=options].round")
    page.click("#options summary >> nth=2")
    page.click("#options .rust:visible")
    page.wait_for_selector("#welcome")
