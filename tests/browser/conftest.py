"""A real Chromium before real servers. Whatever a page does wrong in silence fails its test: see `Watch`."""

from __future__ import annotations

import shutil
from collections import defaultdict
from urllib.parse import urlsplit

import pytest

from tests.browser.talk import Talk
from tests.live.conftest import LiveServer

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--ignore-certificate-errors", "--disable-gpu"]
# A microphone that plays a file or beeps. The sound stays in the browser process: one less that a full machine keeps waiting.
FAKE_MICROPHONE = [
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--disable-features=AudioServiceOutOfProcess,AudioServiceSandbox",
]
PATIENCE = 20_000  # milliseconds that a condition may take on a busy machine
# A server that is away or refuses is part of some tests; what the page makes of it is asserted there.
FORGIVEN = ("Failed to load resource", "net::ERR_")


def pytest_collection_modifyitems(items):
    for item in items:
        if "/tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


def find_chromium():
    return next((path for path in map(shutil.which, CHROMIUMS) if path), None)


class Shared:
    """One Chromium with its windows for all pages' tests of a process: each costs seconds of the processor."""

    def __init__(self):
        self.playwright = self.chromium = None
        self.windows = defaultdict(list)

    def open(self):
        if self.chromium is not None and not self.chromium.is_connected():
            self.close()
        if self.chromium is None:
            path = find_chromium()
            if path is None:
                pytest.skip("no Chromium here: sudo apt-get install chromium")
            try:
                from playwright.sync_api import expect, sync_playwright
            except ImportError:
                pytest.skip("the package playwright is missing: pip install -r requirements-tests.txt")
            expect.set_options(timeout=PATIENCE)
            self.playwright = sync_playwright().start()
            self.chromium = self.playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        return self.chromium

    def close(self):
        if self.playwright is not None:
            self.windows.clear()
            self.playwright.stop()
        self.playwright = self.chromium = None


shared = Shared()


@pytest.fixture(scope="module")
def browser(request):
    """A Chromium. Beside it nobody else in this process can have an event loop, so it goes with the last of the pages' tests."""
    yield shared.open()
    if "/tests/browser/" not in request.path.as_posix():
        shared.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem):
    if nextitem is None or "/tests/browser/" not in nextitem.path.as_posix():
        shared.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Starts a server for the rest of the session; settings as strings by keyword."""
    servers = []

    def start(**settings):
        folder = tmp_path_factory.mktemp("server")
        servers.append(LiveServer(folder, **settings))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def echo(serve):
    """A server that answers with the question, fifty words a second."""
    return serve(engine="echo")


class Watch:
    """What nobody would see: errors of scripts, violations of the content policy, dialogs, requests to other hosts."""

    def __init__(self, context, host):
        self.host, self.trouble = host, []
        context.on("weberror", lambda error: self.trouble.append(f"script: {error.error}"))
        context.on("console", self._console)
        context.on("request", self._request)
        context.on("dialog", self._dialog)

    def forgive(self, part):
        """A test provoked trouble with these words by itself."""
        self.trouble = [line for line in self.trouble if part not in line]

    def _console(self, message):
        if message.type == "error" and not any(part in message.text for part in FORGIVEN):
            self.trouble.append(f"console: {message.text}")

    def _request(self, request):
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob", "about") and url.netloc != self.host:
            self.trouble.append(f"request to {request.url}")

    def _dialog(self, dialog):
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()


class Window:
    """A browser's window that one visitor after another uses, because a new one costs a second of the processor."""

    def __init__(self, browser, server, options):
        self.context = browser.new_context(
            base_url=server.url, ignore_https_errors=True, **{"locale": "en-US", **options}
        )
        self.context.set_default_timeout(PATIENCE)
        self.watch = Watch(self.context, urlsplit(server.url).netloc)
        self.page = self.context.new_page()
        self.size = self.page.viewport_size

    def leave(self):
        """Nothing of this visitor is left: no cookie, no draft, no other tab, no script that goes on."""
        first, *others = self.context.pages
        assert first is self.page
        for page in others:
            page.close()
        if first.url.startswith("http"):
            first.evaluate("sessionStorage.clear()")
        first.goto("about:blank")
        first.set_viewport_size(self.size)
        self.context.clear_cookies()


@pytest.fixture(scope="module")
def windows(browser):
    """The windows that nobody uses, by server and options."""
    return shared.windows


@pytest.fixture
def visit(browser, windows):
    """Opens a page of a server for a new visitor: `visit(server, path, **options of the browser context)` gives a Talk."""
    used = []

    def open_page(server, path="/", **options):
        free = windows[server.url, repr(sorted(options.items()))]
        window = free.pop() if free else Window(browser, server, options)
        used.append((window, free))
        window.page.goto(path)
        return Talk(window.page, server, window.watch)

    yield open_page
    trouble = []
    for window, free in used:
        window.leave()
        trouble += window.watch.trouble
        window.watch.trouble = []
        free.append(window)
    assert not trouble, "\n".join(trouble)
