"""Files to text: what the bytes say, whatever the name; what is no text is refused with a sentence."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webbot.documents import MOST_CHARACTERS, Document, read
from webbot.errors import Problem, TooLong, Unusable

GREETING = "Grüße, 世界 🌍\n\tzweite Zeile\n"


@pytest.mark.parametrize("data", [
    GREETING.encode(), codecs.BOM_UTF8 + GREETING.encode(), GREETING.encode("utf-16"),
    codecs.BOM_UTF16_BE + GREETING.encode("utf-16-be"), GREETING.replace("\n", "\r\n").encode(),
])
def test_unicode_is_read_in_its_forms(data):
    assert read("a.txt", data) == Document("text/plain", GREETING)


def test_an_older_western_text_is_read():
    text = "Zürich, “Größe” 5 €\nJa – gewiss."
    assert read("a.txt", text.encode("cp1252")).text == text


@pytest.mark.parametrize("text", [
    "# Title\n\n* one\n* two\n", "a,b\n1,2\n", '{"a": [1, 2]}', "def f():\n    return 1\n",
    "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "<!doctype html><script>1</script>",
    "What %PDF-1.7 means is told in this text.",
])
def test_what_is_written_in_text_is_plain_text(text):
    assert read("picture.svg", text.encode()) == Document("text/plain", text)


@pytest.mark.parametrize(("data", "media_type"), [
    (b"\x89PNG\r\n\x1a\n" + b"\x00" * 9, "image/png"), (b"\xff\xd8\xff\xe0 and so on", "image/jpeg"),
    (b"GIF89a\x01\x00", "image/gif"), (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
])
def test_a_picture_is_kept_without_text(data, media_type):
    assert read("notes.txt", data) == Document(media_type, "")


@pytest.mark.parametrize("data", [
    b"PK\x03\x04\x14\x00word/document.xml", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x7fELF\x02\x01\x01" + bytes(100), b"a\x00b",
    "a text without a mark".encode("utf-16-le"), "Привет, как дела".encode("cp1251"), bytes(range(1, 256)) * 9,
    b"\xff\xfe\x00\xd8", b"\x81\x8d\x8f\x90\x9d", b"RIFF\x10\x00\x00\x00WAVEfmt ", bytes(range(1, 32)) * 50, b"{\\rtf1 hello}",
])
def test_what_is_no_text_is_refused_with_what_is_read(data):
    with pytest.raises(Unusable, match=r"letter\.docx cannot be read: webbot reads text .* PDF, and keeps PNG"):
        read("letter.docx", data)


@pytest.mark.parametrize("data", [b"", b" \n\t ", codecs.BOM_UTF8])
def test_nothing_is_refused(data):
    with pytest.raises(Unusable):
        read("a.txt", data)


def test_a_text_over_the_limit_is_refused_with_the_limit():
    assert len(read("a.txt", b"a" * MOST_CHARACTERS).text) == MOST_CHARACTERS
    for data in (b"a" * (MOST_CHARACTERS + 1), b"a" * (5 * MOST_CHARACTERS), "世".encode() * (MOST_CHARACTERS + 1)):
        with pytest.raises(TooLong, match=str(MOST_CHARACTERS)):
            read("a.txt", data)


def test_control_characters_do_not_come_along():
    log = "\x1b[32mok\x1b[0m\n" + "a line of the log\n" * 30
    assert read("a.log", log.encode()).text == log.replace("\x1b", "")


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_whatever_comes_is_a_text_or_a_problem(data):
    if data.startswith(b"%PDF-"):
        return
    try:
        document = read("x", data)
    except Problem:
        return
    document.text.encode()
    assert "\x00" not in document.text
    assert document.media_type in ("text/plain", "image/png", "image/jpeg", "image/gif", "image/webp")
