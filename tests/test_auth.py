"""The access code: made once, kept for its owner, compared without care for its spelling."""

import stat

import pytest

from webbot import auth, settings
from webbot.errors import SettingsError


def test_a_server_for_this_machine_only_asks_for_none(tmp_path):
    assert auth.access_code(settings.load({}, data=tmp_path)) == ""
    assert not (tmp_path / "access_code").exists()


@pytest.mark.parametrize("access", ["invite", "header", "oidc"])
def test_where_people_are_known_there_is_none(tmp_path, access):
    assert auth.access_code(settings.load({}, data=tmp_path, lan=True, access=access, access_code="correct horse")) == ""


def test_the_code_is_made_once_and_kept_for_its_owner(tmp_path):
    chosen = settings.load({}, data=tmp_path / "data", access="code", lan=True)
    code = auth.access_code(chosen)
    assert len(code.replace("-", "")) == 12 and set(code.replace("-", "")) <= set(auth.LETTERS)
    assert auth.access_code(chosen) == code
    path = tmp_path / "data" / "access_code"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_text().strip() == code
    assert [file.name for file in path.parent.iterdir()] == ["access_code"]
    assert auth.access_code(settings.load({}, data=tmp_path / "other", access="code", lan=True)) != code


def test_the_code_of_the_settings_wins(tmp_path):
    assert auth.access_code(settings.load({}, data=tmp_path, access_code="correct horse")) == "correct horse"
    assert not (tmp_path / "access_code").exists()


@pytest.mark.parametrize("code", ["1234", "-------- -", "a"])
def test_a_short_code_is_refused(tmp_path, code):
    with pytest.raises(SettingsError, match="too short"):
        auth.access_code(settings.load({}, data=tmp_path, access_code=code))


def test_an_emptied_file_is_refused(tmp_path):
    (tmp_path / "access_code").touch()
    with pytest.raises(SettingsError):
        auth.access_code(settings.load({}, data=tmp_path, access="code", lan=True))


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("abcd-efgh-2345", True), ("ABCD EFGH 2345", True), ("abcdefgh2345", True),
        ("abcd-efgh-2346", False), ("", False), ("\ud800", False),
    ],
)
def test_codes_are_compared_as_people_write_them(given, same):
    assert auth.same_code(given, "abcd-efgh-2345") is same


def test_no_code_equals_nothing():
    assert not auth.same_code("", "")


def test_the_link_carries_the_code():
    assert auth.entry_link("https://h:1", "a b&c-defgh") == "https://h:1/enter?code=a%20b%26c-defgh"
    assert auth.entry_link("https://h:1", "") == "https://h:1/"


@pytest.mark.parametrize("secret", ["a", "password", "x" * 31, "é" * 15])
def test_a_short_secret_of_tokens_is_refused_and_not_shown(secret):
    with pytest.raises(SettingsError, match="32 bytes") as refused:
        auth.token_secret(settings.load({"WEBBOT_LEONID_SECRET": secret}))
    assert len(secret) == 1 or secret not in str(refused.value)


@pytest.mark.parametrize("secret", ["-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQ\n", "ssh-ed25519 " + "A" * 68])
def test_what_others_may_know_is_no_secret(secret):
    with pytest.raises(SettingsError, match="key pair"):
        auth.token_secret(settings.load({"WEBBOT_LEONID_SECRET": secret}))


def test_a_secret_is_counted_in_bytes():
    assert auth.token_secret(settings.load({"WEBBOT_LEONID_SECRET": "é" * 16})) == ("é" * 16).encode()
    assert auth.token_secret(settings.load({})) == b""
