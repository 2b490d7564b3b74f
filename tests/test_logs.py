"""A line of the log: one event each, escaped, short, without secrets, however long or strange the text is."""

import io
import logging

import pytest

from tests.computed import computed_within
from webbot import logs

TOKEN = "Q1w2E3r4T5y6U7i8O9p0A1s2D3f4G5h6"


def line(message, *values, **more):
    record = logging.LogRecord("webbot.test", logging.WARNING, __file__, 1, message, values, None, **more)
    return logs.Line().format(record)


@pytest.mark.parametrize("text", [
    "a\r\nERROR forged", "a\nb", "\x1b[31mred\x1b[0m", "\x07\x08\x00", "\u2028\u2029\x85", "\u202egnp.exe", "\udc80", "\x9b31m",
])
def test_nothing_begins_a_second_line_or_colours_it(text):
    told = line("the name is %s", text)
    assert told.isprintable() and told.startswith("20") and "\\" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("text", ["%s %d %n", "{0} {name}", "100%", "%(asctime)s", "${x}"])
def test_what_looks_like_a_template_is_text(text):
    assert line("the name is %s", text).endswith(text)


@pytest.mark.parametrize("said", [
    f"GET /join/{TOKEN} 200", f"request 1 failed: POST /join/{TOKEN}", f"Exception on /s/{TOKEN} [GET]",
    f"https://localhost:8443/join/{TOKEN}", f"GET /enter?code={TOKEN}&next=/x", f"/oidc/back?state={TOKEN}&code={TOKEN}",
    f"wb-{TOKEN}12345678901", f"Authorization: Bearer {TOKEN}", f"authorization: bearer {TOKEN}.{TOKEN}", f"'/join/{TOKEN}'",
])
def test_links_keys_and_queries_are_cut(said):
    assert TOKEN not in line("%s", said) and "..." in line("%s", said)


@pytest.mark.parametrize("text", ["x", "/", "?", "/a?", "wb-", "/join/", "bearer ", "\x1b", "/s/a b?c "], ids=repr)
def test_ten_megabytes_are_a_short_line_soon(text):
    whole = text * (10_000_000 // len(text))
    assert len(computed_within(2, lambda: line("the title is %s", whole))) < 13 * logs.LONGEST


def test_a_traceback_stays_in_its_line():
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError as error:
        record = logging.LogRecord("webbot", logging.ERROR, __file__, 1, "failed", (), (type(error), error, error.__traceback__))
    told = logs.Line().format(record)
    assert told.isprintable() and "RuntimeError: first\\nsecond" in told


def test_other_packages_are_heard_only_when_they_warn(monkeypatch):
    """What a library tells at debug is its own business, and may hold what somebody said."""
    root, ours = logging.getLogger(), logging.getLogger("webbot")
    kept = root.level, root.handlers[:], ours.level
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    try:
        logs.configure("debug")
        for name in ("markdown_it.rules", "authlib", "wsproto", "asyncio", "httpx", "urllib3.connectionpool", "whoever"):
            logging.getLogger(name).debug("canary")
            logging.getLogger(name).info("canary")
            logging.getLogger(name).warning("heard %s", name)
        logging.getLogger("webbot.any").debug("ours")
        logs.configure("error")
        logging.getLogger("webbot.any").warning("not any more")
    finally:
        root.setLevel(kept[0])
        root.handlers[:] = kept[1]
        ours.setLevel(kept[2])
        logging.getLogger("__main__").setLevel(logging.NOTSET)
    told = out.getvalue()
    assert "canary" not in told and "ours" in told and told.count("heard") == 7 and "not any more" not in told
