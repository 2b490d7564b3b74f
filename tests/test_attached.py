"""What attaching costs: names that are no paths, how many, how large."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webbot.chat.attached import MEGABYTE, MOST_FILES, NAME_CHARACTERS, name_of, read
from webbot.errors import Conflict, TooLong, Unusable
from webbot.messages import File


def names(*given):
    return [File(name=name, media_type="text/plain", size=1) for name in given]


@pytest.mark.parametrize(("given", "name"), [
    ("notes.txt", "notes.txt"), ("../../etc/passwd", "passwd"), ("C:\\Users\\ann\\my notes.txt", "my notes.txt"), ("/", "file"),
    ("..", "file"), (". . .", "file"), ("", "file"), ("\x00\x1f\x7f", "file"), ("a\x00b\r\nc\td.txt", "ab c d.txt"),
    ("\u202egnp.exe", "gnp.exe"), ("  spaced   out .txt ", "spaced out .txt"), ("dir/", "dir"), (".profile", ".profile"),
    ("报告.pdf", "报告.pdf"), ("half \ud800.txt", "half .txt"), ("می\u200cخواهم.txt", "می\u200cخواهم.txt"),
    ("n" * 300 + ".txt", "n" * 196 + ".txt"), ("." + "n" * 300, "." + "n" * 199),
])
def test_a_name_is_what_a_person_calls_it(given, name):
    assert name_of(given) == name


@given(st.text(max_size=400) | st.text("/\\. \x00\n", max_size=20))
def test_no_name_is_a_path_or_empty(given):
    name = name_of(given)
    assert 0 < len(name) <= NAME_CHARACTERS
    assert not set(name) & set("/\\\x00\n\r\u202e") and name not in (".", "..") and name == name.strip()
    name.encode()
    assert name_of(name) == name


def test_a_name_that_is_taken_gets_a_number():
    assert read("a.txt", b"x", names("a.txt"), 1)[0].name == "a (2).txt"
    assert read("a.txt", b"x", names("a.txt", "a (2).txt"), 1)[0].name == "a (3).txt"
    assert read("noend", b"x", names("noend"), 1)[0].name == "noend (2)"
    assert read(".profile", b"x", names(".profile"), 1)[0].name == ".profile (2)"
    long = "n" * 196 + ".txt"
    assert read(long, b"x", names(long), 1)[0].name == "n" * 192 + " (2).txt"


def test_the_file_and_its_text():
    file, text = read("a/b.md", b"# Title\r\n", [], 1)
    assert (file.name, file.media_type, file.size, file.tokens, text) == ("b.md", "text/plain", 9, None, "# Title\n")
    file, text = read("a.txt", b"GIF89a...", [], 1)
    assert (file.media_type, file.tokens, text) == ("image/gif", 0, "")


def test_limits_are_told():
    with pytest.raises(Conflict, match="holds 20 files"):
        read("a.txt", b"x", names(*map(str, range(MOST_FILES))), 1)
    with pytest.raises(TooLong, match="larger than 2 MB"):
        read("a.txt", b"x" * (2 * MEGABYTE + 1), [], 2)
    with pytest.raises(Unusable, match="empty"):
        read("a.txt", b"", [], 1)
    with pytest.raises(Unusable, match=r"^letter\.docx cannot be read"):
        read("../letter.docx", b"PK\x03\x04...", [], 1)
