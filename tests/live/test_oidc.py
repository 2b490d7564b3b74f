"""Signing in at a real provider: node's oidc-provider, which is certified for OpenID. It runs on this machine."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.live.conftest import LiveServer
from tests.npm import fetched

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent / "provider"
PAGE = {"Accept": "text/html"}


class Provider:
    """The provider's process; `issuer` is its address."""

    def __init__(self, folder, *redirects):
        command = ["node", "provider.mjs", *redirects]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.issuer = next((line for line in iter(lambda: self.process.stdout.readline().decode().strip(), "")
                            if line.startswith("http")), "")
        assert self.issuer, (folder / "log").read_text()

    def pause(self, paused):
        os.kill(self.process.pid, signal.SIGSTOP if paused else signal.SIGCONT)

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The provider beside its packages."""
    return fetched(HERE, tmp_path_factory.mktemp("provider"))


@pytest.fixture(scope="module")
def provider(folder, server):
    yield server.provider
    server.provider.pause(False)


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    server = LiveServer(tmp_path_factory.mktemp("oidc"), access="oidc", oidc_client="webbot", oidc_name="the club",
                        oidc_secret="a secret: with %, + and more", owners="ann@example.org", admitted="@example.org,bob")
    server.provider = Provider(folder, f"{server.url}/oidc/back")
    server.environment["WEBBOT_OIDC_URL"] = server.provider.issuer
    server.start(ready=False)
    yield server
    server.provider.stop()
    server.stop()


class Browser:
    """Follows the provider's redirects by hand, so that each step can be looked at."""

    def __init__(self, server):
        self.server = server
        self.http = httpx.Client(verify=False, timeout=30, headers=PAGE)

    def get(self, path, **given):
        return self.http.get(self.server.url + path, **given)

    def there(self, name, cancel=False):
        """The address with which the provider sends the browser back; `name` signs in, None has signed in before."""
        answer = self.get("/oidc/start")
        assert answer.status_code == 302, answer.text
        while True:
            address = str(answer.headers["Location"] if answer.is_redirect else answer.url)
            address = str(answer.url.join(address))
            if address.startswith(f"{self.server.url}/oidc/back"):
                return address
            if urlsplit(address).path.startswith("/interaction/") and "?" not in address:
                address += "?cancel=1" if cancel else f"?name={name}" if name else ""
            answer = self.http.get(address)
            assert answer.is_redirect, answer.text

    def sign_in(self, name):
        return self.http.get(self.there(name))

    def who(self):
        told = self.get("/api/userinfo", headers={"Accept": "application/json"})
        return told.json()["username"] if told.status_code == 200 else told.status_code


def test_signing_in_and_out(server, provider):
    browser = Browser(server)
    page = browser.get("/")
    assert page.status_code == 401
    assert 'href="/oidc/start' in page.text
    assert "the club" in page.text
    back = browser.sign_in("ann")
    assert (back.status_code, back.headers["Location"]) == (303, "/")
    assert browser.who() == "ann"
    assert browser.get("/metrics").status_code == 200  # an owner by an address that the provider has verified
    out = browser.http.post(f"{server.url}/oidc/out", headers={"Origin": server.url})
    address = out.headers["Refresh"].removeprefix("0; url=")
    assert browser.who() == 401
    farewell = browser.http.get(address)
    assert farewell.status_code == 200
    assert "/session/end/confirm" in farewell.text


def test_who_may_come_in_is_whom_the_provider_vouches_for(server, provider):
    """bob calls himself by ann's address and has not verified it: he is let in by his subject, and is no owner."""
    bob, dan = Browser(server), Browser(server)
    assert bob.sign_in("bob").status_code == 303
    assert bob.get("/metrics").status_code == 403
    refused = dan.sign_in("dan")
    assert refused.status_code == 403
    assert 'role="alert"' in refused.text
    assert dan.who() == 401


def test_a_second_browser_is_the_same_person(server, provider):
    first, second = Browser(server), Browser(server)
    first.sign_in("ann")
    second.sign_in("ann")
    form = {"question": "seven ducks"}
    made = first.http.post(f"{server.url}/turns", data=form, headers={"Accept": "application/json", "Origin": server.url})
    key = made.json()["conversation"]
    assert second.get(f"/c/{key}").status_code == 200
    bob = Browser(server)
    bob.sign_in("bob")
    assert bob.get(f"/c/{key}").status_code == 404


def test_whoever_cancels_is_told_and_may_try_again(server, provider):
    browser = Browser(server)
    told = browser.http.get(browser.there("ann", cancel=True))
    assert told.status_code == 403
    assert "You were not signed in" in told.text
    assert browser.sign_in("ann").status_code == 303


def test_a_code_is_good_once_and_for_one_browser(server, provider):
    browser, thief = Browser(server), Browser(server)
    address = browser.there("ann")
    assert thief.http.get(address).status_code == 400
    assert thief.who() == 401
    assert browser.http.get(address).status_code == 303
    assert browser.http.get(address).headers["Location"] == "/"
    assert browser.who() == "ann"
    own = parse_qs(urlsplit(thief.there("bob")).query)  # a sign-in of the thief's own, into which the used code is put
    stolen = {**own, "code": parse_qs(urlsplit(address).query)["code"]}
    assert thief.get("/oidc/back", params=stolen).status_code == 400
    assert thief.who() == 401


def test_a_provider_that_takes_its_time_holds_up_only_its_own_sign_in(server, provider):
    ann, bob = Browser(server), Browser(server)
    ann.sign_in("ann")
    address, told = bob.there("bob"), []
    provider.pause(True)
    try:
        waiting = threading.Thread(target=lambda: told.append(bob.http.get(address)))
        waiting.start()
        time.sleep(0.3)
        assert ann.who() == "ann"
        assert not told, "others are answered while that one waits"
    finally:
        provider.pause(False)
    waiting.join(20)
    assert told[0].status_code == 303
    assert bob.who() == "ann@example.org"  # the name that he has given himself

