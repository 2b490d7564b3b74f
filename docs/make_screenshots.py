"""Makes docs/page.png and docs/page-phone.png: a real server, the starter model, a real talk, Chromium.

    python docs/make_screenshots.py

Needs the packages of requirements-tests.txt and Chromium. The starter always takes the likeliest token here, so that the talk is
the same each time.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import ARGUMENTS, find_chromium  # noqa: E402
from tests.live.conftest import LiveServer  # noqa: E402

EARLIER = ("Tell me a story about a dragon", "What is 17 + 25?", "What is the capital of Iceland?")
TALK = (
    "Hello! My name is Mirela.",
    "What is the capital of France?",
    "Write Python that prints the squares from 1 to 10",
    "What is my name?",
)
WIDE = {"viewport": {"width": 1280, "height": 960}, "device_scale_factor": 1.5, "color_scheme": "light"}
PHONE = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "color_scheme": "dark",
    "is_mobile": True, "has_touch": True,
}
MOST_BYTES = 300_000


def ask(page: Page, question: str) -> None:
    """Asks on the page and waits for the whole answer."""
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    page.locator(".turn.last.complete[data-number] .asked", has_text=question).wait_for()


def talk(context: BrowserContext) -> str:
    """The talk of the pictures, with some earlier ones in the list; its address."""
    page = context.new_page()
    for question in EARLIER:
        page.goto("/")
        ask(page, question)
    page.goto("/")
    for question in TALK:
        ask(page, question)
    if "Mirela" not in page.locator(".turn.last .said").inner_text():
        raise SystemExit("The starter did not recall the name: no picture was made.")
    address = page.url
    page.close()
    return address


def picture(browser: Browser, cookies: list, address: str, name: str, options: dict) -> None:
    context = browser.new_context(ignore_https_errors=True, locale="en-US", reduced_motion="reduce", **options)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(address)
    page.locator("#turns .turn.last.complete").wait_for()
    page.mouse.move(1, 1)
    page.evaluate("document.activeElement.blur()")
    path = ROOT / "docs" / name
    page.screenshot(path=path, animations="disabled")
    context.close()
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{name} is larger than {MOST_BYTES / 1000:.0f} kB.")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="webbot-pictures-"))
    server = LiveServer(folder, engine="local", temperature="0", speech="1", speech_model="starter", offline="0")
    try:
        server.start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
            context = browser.new_context(base_url=server.url, ignore_https_errors=True, locale="en-US")
            address = talk(context)
            picture(browser, context.cookies(), address, "page.png", WIDE)
            picture(browser, context.cookies(), address, "page-phone.png", PHONE)
            browser.close()
    finally:
        if server.process is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
