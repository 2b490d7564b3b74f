"""Files that are broken, huge or hostile: a sentence that says what is wrong and where, soon, and without much memory."""

import io
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transfer.samples import NOBODY, archive, as_bytes, chatgpt, chatgpt_node, librechat_message, open_webui, small, webbot
from webbot import transfer
from webbot.errors import Problem
from webbot.transfer import librechat, reading, scan
from webbot.transfer import talk as limits
from webbot.transfer.deep import parse_deep

MEGABYTE = 1_000_000


def refused(data, **more):
    """The sentence; nothing came in before it."""
    with pytest.raises(Problem) as caught:
        assert list(transfer.read(data, **more)) == []
    assert 400 <= caught.value.status < 500
    assert str(caught.value).encode(), "a page can show it"
    return str(caught.value)


def ours(**changes):
    """Why our own form with these changes in its second message is refused."""
    talk = small()
    talk["messages"][1] |= changes
    return refused(as_bytes(webbot(talk)))


@pytest.mark.parametrize(("data", "sentence"), [
    (b"", "no conversations here"), (b"\x00\x01\x02", "no conversations here"), (b"hello", "no conversations here"),
    (b"[", "no conversations here"), (b"{", "ends in the middle"), (b'{"a": "', "ends in the middle"), (b"[{]", "see byte 2"),
    (b"[{}]]", "see byte 4"), (b'[{"a": nul}]', "see byte 7"), (b"[{} {}]", "see byte 3"), (b"[1, 2]", "see byte"),
    (b'{"mapping": NaN}', "NaN is no number"), (b'{"mapping": -Infinity}', "-Infinity is no number"),
    (b'{"mapping": {"a": 1, "a": 2}}', "'a' stands twice"), (b'{"mapping": ' + b"9" * 5000 + b"}", "see byte 0"),
    (b'{"mapping": "\xff"}', "no UTF-8: see byte 13"), (b'{"mapping": 5}', "mapping is no object"),
    (b'{"mapping": {"\\ud800": 5}}', "mapping.\\ud800 is no object"), (b'{"mapping": {"\\ud800": {}, "\\ud800": {}}}', "twice"),
    (b"\xff\xfe[\x00]\x00", "no conversations here"), (b'{"format": "webbot", "version": 1}', "no conversation of a known form"),
    (b'{"format": "webbot", "version": 2, "conversations": []}', "version 2"),
    (b'{"format": "other", "conversations": []}', "does not say"),
    (b'{"format": "webbot", "version": 1, "roles": {}, "conversations": []}', "roles is no list"),
    (b"<!-- webbot 1 -->\n\xff", "no UTF-8"), (b"<!-- webbot 1 -->\n\x00", "no text"),
])
def test_broken_files(data, sentence):
    assert sentence in refused(data)


@pytest.mark.parametrize(("begin", "end"), [(b'"x": "', b'", "conversations": []}'), (b'"conversations": [], "x": "', b'"}')])
def test_too_much_beside_the_conversations(begin, end):
    assert "too much beside" in refused(b'{"format": "webbot", "version": 1, ' + begin + b"a" * scan.MOST_HEAD + end)


@pytest.mark.parametrize(("role", "sentence"), [
    (5, "roles[0] is no object."), ({"title": 5}, "roles[0].title is no text."),
    ({"title": "Cook", "prompt": "\x00"}, "roles[0].prompt holds a character that is no text."),
    ({"title": "Cook", "prompt": "You cook.", "owner": "ann"}, "roles[0].owner is not known here."),
    ({"title": "Cook", "prompt": "You cook.", "openings": ["a", 5]}, "roles[0].openings[1] is no text."),
    ({"title": "Cook", "prompt": "You cook.", "openings": "abc"}, "roles[0].openings is no list."),
])
def test_a_broken_role_keeps_nothing_else_out(role, sentence):
    value = webbot(small()) | {"roles": [role, {"title": "Cook", "prompt": "You cook."}]}
    broken, cook, talk = transfer.read(as_bytes(value))
    assert (broken.number, broken.role, str(broken.problem)) == (1, True, sentence)
    assert cook == transfer.WrittenRole("Cook", "You cook.")
    assert talk.about.title == small()["title"]


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"text": 5}, "messages[1].text is no text."), ({"text": "a\x00b"}, "messages[1].text holds a character"),
    ({"text": "\ud800"}, "no UTF-8"), ({"id": "a"}, "messages[1].id is there twice, or empty."),
    ({"id": ""}, "messages[1].id is there twice, or empty."), ({"parent": "z"}, "messages[1].parent names a message"),
    ({"parent": "b"}, "messages[1].parent names a message"), ({"number": 1}, "messages[1].number is not larger"),
    ({"number": -1}, "messages[1].number must be a whole number."), ({"number": True}, "messages[1].number must be"),
    ({"number": 2**31}, "messages[1].number must be"), ({"role": "root"}, "messages[1].role must be one of"),
    ({"status": []}, "messages[1].status must be one of"), ({"created_at": "x"}, "messages[1].created_at must be a number."),
    ({"created_at": 1e300}, "messages[1].created_at must be"), ({"pinned": 1}, "messages[1].pinned must be true or false."),
    ({"feedback": "best"}, "messages[1].feedback must be"), ({"usage": 5}, "messages[1].usage is no object."),
    ({"usage": {"x": 1}}, "messages[1].usage.x is not known here."), ({"spoken": {"a": []}}, "messages[1].spoken.a must be"),
    ({"spoken": {"a": "b" * 3000}}, "messages[1].spoken.a is longer"), ({"wrong": 1}, "messages[1].wrong is not known here."),
    ({"text": "x" * (limits.MOST_TEXT + 1)}, "messages[1].text is longer than 10485760 bytes."),
])
def test_broken_messages(changes, sentence):
    assert sentence in ours(**changes)


def test_an_escaped_surrogate_is_no_text():
    data = as_bytes(webbot(small())).replace(b"A beast.", b"\\ud83d")
    assert refused(data) == "messages[1].text holds a character that is no text."


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"name": "../../etc/passwd"}, "files[0].name is no name"), ({"name": ".."}, "files[0].name is no name"),
    ({"name": ""}, "files[0].name is no name"), ({"name": "a\nb"}, "files[0].name is no name"),
    ({"media_type": "text/html; x"}, "files[0].media_type"), ({"data": "%%"}, "files[0].data is no base64."),
    ({"size": 5}, "files[0].size is not the number"), ({"text": 1}, "files[0].text is no text."),
])
def test_broken_attachments(changes, sentence):
    file = {"id": "f", "name": "a.txt", "media_type": "text/plain", "size": 1, "text": "a", "data": "YQ=="} | changes
    assert sentence in refused(as_bytes(webbot(small(files=[file]))))


def test_the_tip_is_one_of_the_messages():
    assert refused(as_bytes(webbot(small(tip="z")))) == "tip names a message that is not there."


@pytest.mark.parametrize("value", [
    [chatgpt(extra=[chatgpt_node("x", "y", "user", "a"), chatgpt_node("y", "x", "assistant", "b")])],
    {"conversationId": "c", "messages": [librechat_message("a", "b", "x", True), librechat_message("b", "a", "y", False)]},
    {"conversationId": "c", "messages": [librechat_message("a", "a", "x", True)]},
])
def test_rings(value):
    assert "in a ring" in refused(as_bytes(value))


def test_ids_that_are_there_twice():
    twice = [librechat_message("a", NOBODY, "x", True), librechat_message("a", NOBODY, "y", True)]
    assert "is there twice" in refused(as_bytes({"conversationId": "c", "messages": twice}))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "author", "role", "content", "parts", "content_type", "metadata", "message", "parent", "text", "children", "files",
        "history", "messages", "chat", "type", "name", "error", "messageId", "feedback", "rating", "annotation",
    ]), inner, max_size=4), max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_stands_where_something_else_should(data):
    """A value deep in a good file is put in place of another: the file is read, or refused with a sentence."""
    said = {"conversationId": "c", "messages": [librechat_message("a", "", "x", True)]}
    value = data.draw(st.sampled_from([chatgpt(), open_webui(), said, webbot(small())]))
    at = value
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 3)) == 0:
            at[key] = data.draw(JUNK)
            break
        at = at[key]
    try:
        found = list(transfer.read(as_bytes(value)))
    except Problem as problem:
        assert problem.status < 500
        return
    for talk in found:
        if not isinstance(talk, transfer.Broken):
            ids = [message.id for message in talk.messages]
            assert len(set(ids)) == len(ids)
            assert all(not m.parent or m.parent in ids[:place] for place, m in enumerate(talk.messages))
            assert talk.about.tip in ids or not ids


# size

def test_depth():
    deep = limits.MOST_DEPTH
    assert "nested more than 50000 levels" in refused(b"[" * (deep + 1) + b"]" * (deep + 1))
    assert "known form" in refused(b"[" * 2 + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"]" * 2)
    with pytest.raises(Problem, match="twice"):
        parse_deep('{"a": [], "a": 1}')
    for broken in ("[1 2]", '{"a" 1}', "{1: 2}", "[1,", "[01]", '["a]', '{"a": }', "[] []"):
        with pytest.raises(ValueError, match=r"line 1|Invalid"):
            parse_deep(broken)
    value = '{"a": [1, -2.5e3, true, false, null, "x\\n\\u00e9", {}, [], {"b": {"c": []}}]}'
    assert parse_deep(value) == {"a": [1, -2500.0, True, False, None, "x\né", {}, [], {"b": {"c": []}}]}


def test_how_many(monkeypatch):
    assert "more than 10000 conversations" in refused(b"[" + b"{}," * 10_001 + b"{}]")
    monkeypatch.setattr(librechat, "MOST_MESSAGES", 100)  # 100 000 take seconds
    monkeypatch.setattr(reading, "MOST_MESSAGES", 100)
    many = [librechat_message(str(number), "", "x", True) for number in range(101)]
    assert "more than 100 messages" in refused(as_bytes({"conversationId": "c", "messages": many}))
    *good, last = transfer.read(as_bytes(webbot(*(small() for _ in range(51)))))
    assert len(good) == 50
    assert str(last.problem) == "The file has more than 100 messages."


def test_parts_are_counted_before_they_are_made(monkeypatch):
    monkeypatch.setattr(scan, "MOST_PARTS", 10_000)
    data = b'{"conversationId":"c","messages":[' + b"1," * 300_000 + b'",,,,,"]}'
    tracemalloc.start()
    assert "more than 10000 parts" in refused(data)
    assert tracemalloc.get_traced_memory()[1] < MEGABYTE
    tracemalloc.stop()
    long = as_bytes({"conversationId": "c", "messages": [librechat_message("a", "", "1, [2], " * 20_000, True)]})
    assert len(list(transfer.read(long))) == 1, "what stands in a text is no part"


def test_a_text_that_never_ends_is_read_once():
    assert "no conversations here" in refused(b'["' + b'\\"' * 5 * MEGABYTE)


def test_others_get_their_turn():
    breaths = []
    list(transfer.read(as_bytes(webbot(*(small() for _ in range(50)))), breathe=lambda: breaths.append(1)))
    assert len(breaths) >= 50


# archives

def test_bombs():
    bomb = archive(conversations__json=b"[" + b" " * 30 * MEGABYTE + b"]")
    assert len(bomb) < MEGABYTE / 10
    tracemalloc.start()
    assert "longer than 1000000 bytes" in refused(bomb, most=MEGABYTE)
    assert tracemalloc.get_traced_memory()[1] < 6 * MEGABYTE
    tracemalloc.stop()
    several = archive(**{f"conversations-{number}__json": b"[" + b" " * 900_000 + b"]" for number in range(6)})
    with pytest.raises(Problem):
        list(transfer.read(several, most=MEGABYTE))


def test_the_whole_file_has_a_limit():
    assert "longer than 10 bytes" in refused(b"[" * 11, most=10)


def test_archives_that_are_broken():
    good = archive(conversations__json=[chatgpt()])
    assert "archive cannot be read" in refused(good[:-30])
    assert "archive cannot be read" in refused(good[:60] + b"\xff\xff\xff\xff" + good[64:])
    assert "holds no conversations.json" in refused(archive(picture__png=b"x"))
    encrypted = bytearray(good)
    place = good.rindex(b"PK\x01\x02") + 8
    encrypted[place] |= 1
    assert "encrypted" in refused(bytes(encrypted))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("conversations.json", "[]")
    assert "unusual way" in refused(packed.getvalue())


def test_an_archive_with_an_endless_list():
    good = archive(conversations__json=[chatgpt()])
    place = good.rindex(b"PK\x05\x06")
    long = good[:place + 12] + struct.pack("<L", 50 * MEGABYTE) + good[place + 16:]
    assert "too many files" in refused(long)
    assert "too many files" in refused(archive(**{f"{number}__json": "[]" for number in range(1001)}))


def test_names_in_an_archive_are_no_paths():
    [talk] = transfer.read(archive(**{"../../../tmp/conversations__json": [chatgpt()]}))
    assert talk.about.title == "Rolling back"
