import pytest

from webbot.transfer import file_name


@pytest.mark.parametrize(("title", "name"), [
    ("A dragon", "A dragon.md"), ("../../etc/passwd", "etc passwd.md"), ("C:\\autoexec", "C autoexec.md"),
    ('"quoted" <b>?*|', "quoted b.md"), ("con", "conversation con.md"), ("LPT1.txt", "conversation LPT1.txt.md"),
    ("", "conversation.md"),
    ("...", "conversation.md"), (".hidden", "hidden.md"), ("a\r\nb\x00c", "a b c.md"), ("\u202egnp.exe", "gnp.exe.md"),
    ("北京的冬天", "北京的冬天.md"), ("50% off", "50 off.md"), ("a  b", "a b.md"),
])
def test_names_are_safe_and_still_say_what_it_is(title, name):
    assert file_name(title, "md") == name


def test_names_are_not_too_long():
    assert len(file_name("北" * 500, "json").encode()) <= 130
