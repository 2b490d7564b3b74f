"""What a person does on the page, and what they see there. Knows the page's marks, no test."""

from __future__ import annotations

import json
import re

import httpx
from playwright.sync_api import Page, expect

from tests.live.conftest import until

BEFORE = "/static/favicon.svg"  # a page that costs next to nothing, for what is done before the first


class Talk:
    """A page with a conversation in it."""

    def __init__(self, page: Page, server, watch) -> None:
        self.page, self.server, self.watch = page, server, watch
        self.box = page.locator("#question")
        self.turns = page.locator("#turns > .turn[data-number]")
        self.last = page.locator("#turns > .turn.last[data-number]")

    # doing

    def begin(self, text):
        """Sends a question and returns when its answer has begun to grow."""
        before = self.turns.count()
        self.box.fill(text)
        self.box.press("Enter")
        expect(self.turns).to_have_count(before + 1)
        expect(self.last).to_have_class(re.compile(r"\b(streaming|complete)\b"))

    def ask(self, text):
        """Sends a question and returns the text of the whole answer."""
        self.begin(text)
        return self.answer()

    def answer(self):
        """The last answer, when it is complete."""
        expect(self.last).to_have_class(re.compile(r"\bcomplete\b"))
        return self.said(self.last)

    def tab(self, path=None):
        """A second tab of the same visitor."""
        page = self.page.context.new_page()
        page.goto(path or self.page.url)
        return Talk(page, self.server, self.watch)

    def put_in(self, *talks):
        """Imports conversations (see tests/web/listing.py) behind the page's back. Returns their ids."""
        data = json.dumps({"format": "webbot", "version": 1, "conversations": talks}).encode()
        file = {"name": "a.json", "mimeType": "application/json", "buffer": data}
        answer = self.page.request.post("/import", multipart={"file": file}, headers={"Accept": "application/json"})
        assert answer.ok, answer.text()
        return [each["id"] for each in answer.json()["taken"]]

    def open(self, path):
        """Goes to a page with a conversation, and waits for its script."""
        self.page.goto(path)
        expect(self.box).to_be_focused()

    def panel(self):
        """Opens what can be set of the conversation."""
        self.page.bring_to_front()  # a tab in the background draws once a second
        self.page.locator("header.head button[popovertarget=options]:visible").last.click()
        panel = self.page.locator("#options")
        expect(panel).to_be_visible()
        return panel

    # seeing

    @staticmethod
    def said(turn):
        return turn.locator(".said").inner_text().strip()

    @staticmethod
    def asked(turn):
        return turn.locator(".asked").inner_text().strip()

    def questions(self):
        return [self.asked(turn) for turn in self.turns.all()]

    def moved(self):
        """The page's address, once it is the conversation's."""
        self.page.wait_for_url("**/c/**")
        return self.page.url


def running(server):
    text = httpx.get(f"{server.url}/metrics", verify=False).text
    return float(re.search(r"^webbot_answers_running (\S+)", text, re.MULTILINE)[1])


def idle(server, seconds=20.0):
    until(lambda: running(server) == 0, seconds, "the engine is still at an answer")
