"""The rules by which a proxy is believed, and what does not start."""

import socket
from pathlib import Path

import pytest

from webbot.errors import BadInput, SettingsError
from webbot.forwarding import companions, email_address, host_told, networks, scheme_told, trust, user_name
from webbot.issuer import is_safe_address
from webbot.local_socket import listen_at, socket_path
from webbot.safety import check_access, remarks
from webbot.settings import load

SECRET = "s" * 32
OIDC = {"oidc_url": "https://id.example.org", "oidc_client": "webbot"}


@pytest.mark.parametrize("name", ["ann", "A", "0", "ann@example.org", "ann.lee+x_y-z", "a" * 128])
def test_names(name):
    assert user_name(name) == name


@pytest.mark.parametrize("name", [
    "", "alice,evil", "alice, evil", "alice evil", " ann", "ann ", "ann\n", "ann\r\n x", "ann\t", "ann\x00", "-ann", ".ann", "@x",
    "ünn", "ann;x", "ann/x", "a" * 129, "ann\x1b[31m", "ａｎｎ", "an\u0130", "٣",
])
def test_what_is_no_name(name):
    with pytest.raises(BadInput):
        user_name(name)


def test_an_address_is_one_or_none():
    assert email_address("ann.lee+x@example.org") == "ann.lee+x@example.org"
    assert email_address("") == ""
    for wrong in ("ann", "ann@example.org,bob@example.org", "ann@exa mple.org", "ann@example.org\n"):
        with pytest.raises(BadInput):
            email_address(wrong)


class TestProof:
    def test_the_secret_the_socket_or_an_address(self):
        trusted = trust(load({}, access="header", proxy_secret=SECRET, proxies=("10.0.0.0/8", "fd00::5")))
        assert trusted.proof("", "192.0.2.1", SECRET.encode()) == "secret"
        assert trusted.proof("socket", "unix", b"") == "socket"
        for address in ("10.1.2.3", "fd00::5", "::ffff:10.1.2.3"):
            assert trusted.proof("", address, b"") == "address"

    @pytest.mark.parametrize("secret", [b"", b"s" * 31, b"s" * 33, b"S" * 32, b"s" * 32 + b"," + b"s" * 32, b"\xff" * 32])
    def test_nothing_else(self, secret):
        trusted = trust(load({}, access="header", proxy_secret=SECRET, proxies=("10.0.0.0/8",)))
        for address in ("192.0.2.1", "127.0.0.1", "::1", "unix", "", "10.0.0.1.example", "11.0.0.1"):
            assert trusted.proof("", address, secret) == ""
            assert trusted.proof("port", address, secret) == ""

    def test_no_secret_is_no_proof(self):
        assert trust(load({}, access="header", proxies=("10.0.0.1",))).proof("", "192.0.2.1", b"") == ""

    def test_other_modes_believe_nobody(self):
        trusted = trust(load({}, access="invite", proxy_secret=SECRET, proxies=("0.0.0.0/0",)))
        assert trusted.proof("", "10.0.0.1", SECRET.encode()) == ""


def test_what_the_nearest_proxy_says_of_the_browsers_address():
    assert host_told("evil.example, chat.example.org") == "chat.example.org"
    assert host_told("[fd00::1]:8443") == "[fd00::1]:8443"
    assert [host_told(text) for text in ("", "a b", "a/b", "a@b", "x\r\ny", "é")] == [""] * 6
    assert [scheme_told(text) for text in ("", "http", "HTTP", "http,https", "https,http", "javascript")] == [
        "https", "http", "http", "https", "http", "https"]


def test_headers_beside_the_user_s_are_those_of_its_family():
    assert companions("X-Forwarded-User") == ("X-Forwarded-Preferred-Username", "X-Forwarded-Email")
    assert companions("remote-user") == ("Remote-Name", "Remote-Email")
    assert companions("kubeflow-userid") == ("", "")


class TestStart:
    """A44: one line that names the setting."""

    @pytest.mark.parametrize(("given", "named"), [
        ({"access": "header"}, "WEBBOT_PROXY_SECRET"),
        ({"access": "header", "proxy_secret": "s" * 31}, "WEBBOT_PROXY_SECRET"),
        ({"access": "header", "proxy_secret": SECRET + " "}, "WEBBOT_PROXY_SECRET"),
        ({"access": "header", "proxy_secret": SECRET + "\n" + SECRET}, "WEBBOT_PROXY_SECRET"),
        ({"access": "header", "proxy_secret": SECRET, "proxies": ("the proxy",)}, "WEBBOT_PROXIES"),
        ({"access": "header", "proxies": ("10.0.0.1/8",)}, "WEBBOT_PROXIES"),
        ({"access": "header", "proxies": ("proxy.example.org",)}, "WEBBOT_PROXIES"),
        ({"access": "header", "proxy_secret": SECRET, "user_id_header": "X_Forwarded_User"}, "WEBBOT_USER_ID_HEADER"),
        ({"access": "header", "proxy_secret": SECRET, "user_id_header": "X-Forwarded-User: x"}, "WEBBOT_USER_ID_HEADER"),
        ({"access": "header", "proxy_secret": SECRET, "user_id_header": "cookie"}, "WEBBOT_USER_ID_HEADER"),
        ({"access": "header", "proxy_port": 9000}, "WEBBOT_PROXY_SECRET"),
        ({"access": "invite", "proxy_port": 9000}, "WEBBOT_PROXY_PORT"),
        ({"access": "oidc", **OIDC, "socket": "/tmp/x"}, "WEBBOT_SOCKET"),
        ({"socket": "/tmp/x"}, "WEBBOT_SOCKET"),
        ({"access": "oidc"}, "WEBBOT_OIDC_URL"),
        ({"access": "oidc", "oidc_url": "https://id.example.org"}, "WEBBOT_OIDC_CLIENT"),
        ({"access": "oidc", "oidc_client": "webbot"}, "WEBBOT_OIDC_URL"),
        ({"access": "oidc", "oidc_client": "webbot", "oidc_url": "http://id.example.org"}, "WEBBOT_OIDC_URL"),
        ({"access": "oidc", "oidc_client": "webbot", "oidc_url": "id.example.org"}, "WEBBOT_OIDC_URL"),
    ])
    def test_refused(self, given, named):
        with pytest.raises(SettingsError) as refused:
            check_access(load({}, **given))
        assert named in str(refused.value)
        assert len(str(refused.value).splitlines()) == 1
        assert SECRET not in str(refused.value)

    @pytest.mark.parametrize("given", [
        {"access": "header", "proxy_secret": SECRET}, {"access": "header", "socket": "/tmp/x"},
        {"access": "header", "proxies": ("10.0.0.0/8", "::1"), "proxy_port": 9000}, {"access": "oidc", **OIDC},
        {"access": "header", "proxy_secret": SECRET, "user_id_header": "kubeflow-userid", "lan": True},
    ])
    def test_taken(self, given):
        check_access(load({}, **given))

    def test_what_may_be_a_mistake_is_said(self):
        def said(**given):
            return " ".join(remarks(load({}, access="header", **given)))

        assert "WEBBOT_PROXIES lists 127.0.0.1" in said(proxies=("127.0.0.1",))
        assert "every address" in said(proxies=("::/0",))
        assert "WEBBOT_PROXY_PORT" in said(proxies=("10.0.0.1",), proxy_port=9000)
        assert said(proxies=("10.0.0.1",)) == said(proxy_secret=SECRET, proxy_port=9000) == ""


def test_networks_in_all_their_forms():
    found = networks(["10.0.0.1", "10.0.0.0/24", "fd00::/8"])
    assert [str(network) for network in found] == ["10.0.0.1/32", "10.0.0.0/24", "fd00::/8"]


@pytest.mark.parametrize(("address", "safe"), [
    ("https://id.example.org", True), ("https://id.example.org:8443/realms/home", True), ("http://localhost:4444", True),
    ("http://127.0.0.1/x", True), ("http://[::1]:80", True), ("http://id.example.org", False),
    ("http://localhost.evil.example", False),
    ("http://127.0.0.1.evil.example", False), ("https://ann:pw@id.example.org", False), ("http://localhost@evil.example", False),
    ("javascript:alert(1)", False), ("file:///etc/passwd", False), ("", False), ("https://", False), ("//id.example.org", False),
    ("https://id.example.org\\@evil.example", False), ("https://id example.org", False), ("https://[::1", False),
    ("https://id.example.org:99999", False), ("https://id.example.org/\n", False),
])
def test_addresses_of_a_provider(address, safe):
    assert is_safe_address(address) is safe


class TestSocket:
    def test_for_owner_and_group_and_instead_of_one_that_nobody_listens_at(self, tmp_path):
        path = str(tmp_path / "webbot.sock")
        listen_at(path).close()  # as after a crash: the file stays
        with listen_at(path) as listening:
            assert Path(path).stat().st_mode & 0o777 == 0o660
            with socket.socket(socket.AF_UNIX) as asking:
                asking.connect(path)
            assert listening.getsockname() == path

    def test_not_instead_of_another_server_or_of_a_file(self, tmp_path):
        path = tmp_path / "webbot.sock"
        with listen_at(str(path)), pytest.raises(SettingsError, match="another server listens there"):
            listen_at(str(path))
        file = tmp_path / "letter"
        file.write_text("dear")
        with pytest.raises(SettingsError, match="a file that is no socket is there"):
            listen_at(str(file))
        assert file.read_text() == "dear"

    @pytest.mark.parametrize(("name", "why"), [("x" * 200, "longer than 107 bytes"), ("none/webbot.sock", "no such file")])
    def test_where_none_can_be(self, name, why, tmp_path):
        with pytest.raises(SettingsError, match=why):
            listen_at(str(tmp_path / name))

    def test_its_path_is_whole(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        assert socket_path(load({}, socket="run/x.sock")) == str(tmp_path / "run" / "x.sock")
