"""Two tabs act on one conversation at the same moments, in random order, over HTTP: nothing is lost, doubled or mixed.

STATES=1000 in the environment makes so many steps.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading

import pytest

from tests.live.conftest import until
from webbot import makers
from webbot.store import address

pytestmark = pytest.mark.slow
STEPS = int(os.environ.get("STATES", "60"))
# What a tab may be told: done, made, not as it was (the version), not there any more (deleted meanwhile).
EXPECTED = {200, 201, 400, 404, 409}


class Tab(threading.Thread):
    """Does one thing at each step, at the same time as the other tab."""

    def __init__(self, name, server, key, steps, known):
        super().__init__(daemon=True)
        self.name, self.key, self.steps, self.known = name, key, steps, known
        self.visitor, self.chance = server.visitor(), random.Random(f"{name} {STEPS}")
        self.asked, self.titles, self.told, self.trouble = {}, [], [], None

    def post(self, door, **fields):
        answer = self.visitor.http.post(f"/c/{self.key}/{door}", data=fields)
        self.told.append((door, answer.status_code))
        assert answer.status_code in EXPECTED, (door, fields, answer.status_code, answer.text[:500])
        return answer

    def begun(self, answer, text=None):
        if answer.status_code == 201:
            told = answer.json()
            self.known.append(told["question"])
            self.known.append(told["answer"])
            if text:
                self.asked[told["question"]] = text

    def run(self):
        try:
            for number in range(STEPS):
                self.steps.wait(60)
                self.act(number)
        except BaseException as error:
            self.trouble = error
            self.steps.abort()

    def act(self, number):
        some, text = self.chance.choice(self.known), f"{self.name} asks {number}."
        deed = self.chance.choice(["turns", "turns", "edit", "again", "on", "stop", "stop", "show", "pin", "options", "delete"])
        if deed == "turns":
            self.begun(self.post("turns", question=text), text)
        elif deed == "edit":
            self.begun(self.post("edit", message=some, question=text), text)
        elif deed in ("again", "on"):
            self.begun(self.post(deed, message=some))
        elif deed == "show":
            self.post("show", message=some)
        elif deed == "pin":
            self.post("pin", message=some, pinned=self.chance.choice(["on", "off"]))
        elif deed == "options":
            if self.post("options", title=text).status_code == 200:
                self.titles.append(text)
        elif deed == "delete":
            self.post("delete")
            self.post("restore")
        else:
            self.post("stop")


def test_two_tabs_at_the_same_moments(live):
    server = live(owner="home")
    key, _, _ = server.visitor().answer("What begins it?")
    first = server.visitor()
    begun = first.ask("And then?", key)
    steps, known = threading.Barrier(2), [begun["question"], begun["answer"]]
    tabs = [Tab(name, server, key, steps, known) for name in ("Ann", "Bob")]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(600)
    troubles = [tab.trouble for tab in tabs if tab.trouble and not isinstance(tab.trouble, threading.BrokenBarrierError)]
    assert not troubles, troubles
    first.http.post(f"/c/{key}/restore")
    until(lambda: first.http.post(f"/c/{key}/stop").json()["stopped"] is False)
    assert server.stop() == 0
    with contextlib.closing(makers.open_store(address.in_folder(server.folder / "data"))) as store:
        assert store.verify() == []
        assert store.fail_interrupted("It stopped.") == 0
        tree = {message.id: message for message in store.tree("home", key)}
        questions = [message.text for message in tree.values() if message.role == "user"]
        for tab in tabs:
            for id, text in tab.asked.items():
                assert tree[id].text == text and questions.count(text) == 1
        for message in tree.values():
            assert not message.parent or tree[message.parent].number < message.number
            if message.role == "assistant":
                asked = tree[message.parent].text
                assert asked.startswith(message.text.strip()[:5]) or not message.text, "an answer is that of its own question"
        assert [message.id for message in store.messages("home", key)][-1] == store.conversation("home", key).tip
        titles = [title for tab in tabs for title in tab.titles]
        assert not titles or store.conversation("home", key).title in titles
    assert {status for tab in tabs for _, status in tab.told} >= {200, 201, 409}
    assert not set(faults_in_the_log(server)), "no fault stands in the log"


def faults_in_the_log(server):
    return [line for line in server.log.read_text().splitlines() if "Traceback" in line]
