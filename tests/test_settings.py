"""The table of settings: what older systems called them, and what nobody is shown."""

import os

import pytest

from webbot import manual, settings, surroundings
from webbot.errors import SettingsError
from webbot.settings import load

SECRET = "sk-canary-0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("LLAMA_CONTEXT_SIZE", "4096", "context", 4096), ("LLAMA_MODEL_FILE", "/m/a.gguf", "gguf", "/m/a.gguf"),
        ("OPENAI_API_KEY", SECRET, "openai_key", SECRET), ("MODEL_PATH", "/m/llama", "model", "/m/llama"),
        ("MAX_CONTEXT_LENGHT", "16384", "context", 4096), ("MAX_CONTEXT_LENGHT", "1027", "context", 256),
        *(("LOG_LEVEL", old, "log_level", new) for old, new in [
            ("DEBUG", "debug"), ("Info", "info"), ("WARN", "warning"), ("WARNING", "warning"), ("ERROR", "error"),
            ("CRITICAL", "error"), ("FATAL", "error"), ("10", "debug"), ("20", "info"), ("30", "warning"), ("50", "error"),
            ("NOTSET", "debug"),
        ]),
    ],
)
def test_older_names_are_read(name, value, field, expected):
    assert getattr(load({name: value}), field) == expected


def test_the_own_name_wins_over_older_ones():
    assert load({"WEBBOT_CONTEXT": "1000", "LLAMA_CONTEXT_SIZE": "2000", "MAX_CONTEXT_LENGHT": "12000"}).context == 1000
    assert load({"LLAMA_CONTEXT_SIZE": "2000", "MAX_CONTEXT_LENGHT": "12000"}).context == 2000
    assert load({"LLAMA_CONTEXT_SIZE": "", "MAX_CONTEXT_LENGHT": "12000"}).context == 3000


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning', 'error'"), ("LOG_LEVEL", "25", "LOG_LEVEL is '25'"),
        ("LLAMA_CONTEXT_SIZE", "many", "LLAMA_CONTEXT_SIZE is 'many': a whole number"),
        ("MAX_CONTEXT_LENGHT", "1000", "MAX_CONTEXT_LENGHT is 1000: it must be from 1024 to 4194304"),
        ("WEBBOT_LEONID_PORT", "65536", "from 0 to 65535"), ("WEBBOT_LEONID_PORT", "-1", "from 0 to 65535"),
    ],
)
def test_what_does_not_fit_is_said_with_the_name_that_was_used(name, value, told):
    with pytest.raises(SettingsError) as refused:
        load({name: value})
    assert told in str(refused.value)


def test_secrets_are_shown_nowhere(monkeypatch):
    secret = {row.name for row in settings.table() if row.metadata["secret"]}
    assert secret == {
        "access_code", "leonid_secret", "oidc_secret", "openai_key", "proxy_secret", "redis", "remote_key", "store",
    }
    chosen = load({f"WEBBOT_{name.upper()}": SECRET for name in secret})
    assert all(getattr(chosen, name) == SECRET for name in secret)
    assert SECRET not in repr(chosen) and "canary" not in manual.settings_page()
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("WEBBOT_LEONID_SECRET", SECRET)
    assert SECRET not in surroundings.process_environment().values()  # of the model's process
    assert os.environ["OPENAI_API_KEY"] == SECRET


def test_another_process_is_told_the_same_settings():
    chosen = load({}, hosts=("a.example", "b.example"), lan=True, temperature=0.3, access="invite", speech=False, access_code="x")
    assert load(settings.spelled(chosen)) == chosen
    assert load(settings.spelled(load({}))) == load({})
