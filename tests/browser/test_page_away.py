"""The server is killed while the page is open: the page says so, loses nothing, and goes on when it is back."""

import re
import signal

import pytest
from playwright.sync_api import expect

WORDS = " ".join(f"w{number}" for number in range(150))


@pytest.fixture
def server(serve):
    return serve(engine="echo")


def test_the_server_goes_and_comes_back(visit, server):
    talk = visit(server)
    away = talk.page.locator("#away")
    talk.ask("before")
    talk.moved()
    server.stop(signal.SIGKILL)
    expect(away).to_be_visible()
    expect(away).to_have_text("The server is away. The page tries again by itself.")
    talk.box.fill("written meanwhile")
    talk.box.press("Enter")
    expect(talk.page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(talk.box).to_have_value("written meanwhile")
    expect(talk.page.locator(".turn")).to_have_count(1)
    server.start()
    expect(away).to_be_hidden()
    talk.box.press("Enter")
    expect(talk.turns).to_have_count(2)
    assert talk.answer() == "written meanwhile"
    expect(talk.page.get_by_role("alert")).to_have_count(0)
    assert talk.questions() == ["before", "written meanwhile"]
    talk.page.reload()
    assert talk.questions() == ["before", "written meanwhile"]


def test_the_server_goes_in_mid_answer(visit, server):
    talk = visit(server)
    away = talk.page.locator("#away")
    talk.ask("before")
    talk.begin(WORDS)
    expect(talk.last.locator(".said")).to_contain_text("w60")
    server.stop(signal.SIGKILL)
    expect(away).to_be_visible()
    server.start()
    expect(away).to_be_hidden()
    expect(talk.last).to_have_class(re.compile("failed"))
    expect(talk.last.locator(".trouble")).to_contain_text("stopped in the middle")
    kept = talk.said(talk.last).split()
    assert kept and kept == WORDS.split()[: len(kept)], "what was saved of the answer stays"
    expect(talk.page.locator("#halt")).to_be_hidden()
    talk.last.get_by_role("button", name="Try again").click()
    expect(talk.last).to_have_class(re.compile("streaming"))
    assert talk.answer() == WORDS
    assert talk.questions() == ["before", WORDS]
