"""People on their own browsers: each sees only their own, a passkey signs in on a third, and whoever is removed is told so."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.live.conftest import ROOT, LiveServer

AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = LiveServer(tmp_path_factory.mktemp("people"), access="invite").start(ready=False)
    yield made
    made.stop()


def people(server, *words):
    """Runs `webbot people` beside the server; what it printed."""
    return subprocess.run([sys.executable, "-m", "webbot", "people", *words], cwd=ROOT, env=server.environment, check=True,
                          capture_output=True, text=True, timeout=60).stdout


def path_of(printed):
    return re.search(r"https://localhost:\d+(/join/\S+)", printed)[1]


@pytest.fixture(scope="module")
def owner_link(server):
    """As it was printed when the server started."""
    return path_of(server.log.read_text())


def join(visit, server, path, name=""):
    talk = visit(server, path)
    if name:
        talk.page.get_by_label("Your name").fill(name)
    talk.page.get_by_role("button", name="Sign in").click()
    expect(talk.box).to_be_visible()
    talk.page.wait_for_load_state()
    return talk


def authenticator(page):
    """A virtual authenticator of that page: a session of the browser's protocol, and its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})["authenticatorId"]


def sees(talk, *titles):
    """The page shows these conversations, and no others."""
    expect(talk.page.locator("#list a[data-conversation]")).to_have_text(list(titles))


def test_two_people_a_passkey_and_a_removal(visit, server, owner_link):
    olga = join(visit, server, owner_link, "Olga")
    olga.ask("Only Olga sees this")
    bob = join(visit, server, path_of(people(server, "invite", "Bob")))
    sees(bob)
    bob.ask("Only Bob sees that")
    sees(olga, "Only Olga sees this")
    sees(bob, "Only Bob sees that")
    assert bob.page.request.get(olga.page.url).status == 404

    # a passkey, made on the second browser, signs in on a third
    page = bob.page
    here, first = authenticator(page)
    page.goto("/preferences")
    adding = page.locator('form[data-passkey="add"]')
    adding.get_by_label("Name").fill("my key")
    adding.get_by_role("button").click()
    expect(page.locator(".passkeys")).to_contain_text("my key")
    (credential,) = here.send("WebAuthn.getCredentials", {"authenticatorId": first})["credentials"]
    third = visit(server, "/help")
    there, second = authenticator(third.page)
    there.send("WebAuthn.addCredential", {"authenticatorId": second, "credential": credential})
    third.page.get_by_role("button", name="Sign in with a passkey").click()
    sees(third, "Only Bob sees that")
    assert third.page.url == f"{server.url}/help", "where he wanted to go"

    # the owner removes him: what is open ends, and what he was writing stays
    third.open(re.search(r"/c/[\w-]+", third.page.content())[0])
    third.box.fill("half a sentence")
    third.page.wait_for_timeout(100)
    third.page.evaluate("""() => {
      window.troubles = [];
      new MutationObserver((all) => all.forEach(({ addedNodes }) => window.troubles.push(...addedNodes)))
        .observe(document.getElementById("troubles"), { childList: true });
    }""")
    people(server, "remove", "Bob", "--yes")
    box = third.page.locator("#signed-out")
    expect(box).to_contain_text("You were signed out here.")
    expect(third.box).to_have_value("half a sentence")
    expect(third.page.locator("#send")).to_be_disabled()
    assert third.page.evaluate("window.troubles.length") == 0, "not that the conversation was deleted in another tab"
    box.get_by_role("link").click()
    expect(third.page.get_by_role("heading", name="Sign in")).to_be_visible()
    third.page.get_by_role("button", name="Sign in with a passkey").click()
    expect(third.page.locator("[data-passkey] .told")).to_contain_text("not known here")
    olga.page.reload()
    sees(olga, "Only Olga sees this")


def test_a_device_that_is_signed_out_says_so_when_something_is_sent(visit, server):
    cleo = join(visit, server, path_of(people(server, "invite", "Cleo")))
    cleo.page.route(re.compile(r"/events(\?|$)"), lambda route: route.abort())  # no stream tells it
    cleo.page.reload()
    own_page = {"Origin": server.url, "Accept": "application/json"}
    link = cleo.page.request.post("/preferences/devices/link", headers=own_page).json()["link"]
    cleo.page.request.post("/leave", headers=own_page)
    cleo.box.fill("a question")
    cleo.box.press("Enter")
    expect(cleo.page.locator("#signed-out")).to_contain_text("You were signed out here.")
    expect(cleo.box).to_have_value("a question")
    expect(cleo.page.locator(".trouble")).to_have_count(1)

    # another person in the same tab does not see it, the same one finds it again, and signing out deletes it
    def come(path):
        cleo.page.goto(path)
        cleo.page.get_by_role("button", name="Sign in").click()
        expect(cleo.box).to_be_visible()

    come(path_of(people(server, "invite", "Dan")))
    expect(cleo.box).to_have_value("")
    come(link)
    expect(cleo.box).to_have_value("a question")
    cleo.page.goto("/preferences")
    cleo.page.get_by_role("button", name="Sign out", exact=True).click()
    expect(cleo.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert cleo.page.evaluate("sessionStorage.length") == 0


def test_a_browser_without_a_passkey_is_told(visit, server):
    talk = visit(server, "/")
    talk.page.evaluate("delete window.PublicKeyCredential")
    talk.page.get_by_role("button", name="Sign in with a passkey").click()
    expect(talk.page.locator("[data-passkey] .told")).to_contain_text("This browser has no passkeys.")


def test_a_key_and_a_link_are_shown_once_and_copied(visit, server):
    permissions = ["clipboard-read", "clipboard-write"]
    _, token = path_of(people(server, "invite", "Dora")).rsplit("/", 1)
    page = visit(server, f"/join/{token}", permissions=permissions).page
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#question")).to_be_visible()
    page.goto("/preferences")
    section = page.locator("#keys")
    section.get_by_label("Name").fill("my editor")
    section.get_by_role("button", name="Make the key").click()
    secret = section.get_by_label("The new key").input_value()
    section.get_by_role("button", name="Copy").click()
    expect(section.get_by_role("button", name="Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    expect(section).to_be_in_viewport()
    section = page.locator("#devices")
    section.get_by_role("button", name="Add a device of yours").click()
    expect(section.get_by_label("Link", exact=True)).to_have_value(re.compile(rf"{server.url}/join/[\w-]{{22,}}"))
    code = section.get_by_role("img", name="QR code").locator("svg")
    expect(code).to_be_in_viewport()
    assert code.bounding_box()["width"] > 120
    expect(page.get_by_label("The new key")).to_have_count(0)
