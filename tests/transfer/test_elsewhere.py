"""The exports of other programs become conversations that this one can show and go on with."""

import json

import pytest

from tests.transfer import samples
from tests.transfer.samples import archive, as_bytes, chatgpt, chatgpt_node, librechat_message, open_webui, small, webbot
from webbot import transfer
from webbot.errors import Problem
from webbot.transfer import Broken


def one(value):
    [talk] = transfer.read(as_bytes(value))
    return talk


def lines(talk):
    """Each message as "parent>id role: text"."""
    return [f"{m.parent}>{m.id} {m.role}: {m.text}" for m in talk.messages]


def test_chatgpt():
    talk = one([chatgpt()])
    assert lines(talk) == [
        ">1 user: [picture]\n\nHow do I roll back?", "1>2 assistant: The older answer", "1>3 assistant: Let me look.\n\nRun it.",
    ]
    assert (talk.about.title, talk.about.titled_by, talk.about.tip) == ("Rolling back", "person", "3")
    assert (talk.about.created_at, talk.messages[1].created_at) == (1.0e9, 1.0e9 + 1)
    assert talk.about.role == ""


def test_chatgpt_shows_the_branch_that_was_shown():
    assert one([chatgpt(current="a1")]).about.tip == "2"
    assert one([chatgpt(current="tool")]).about.tip == "3", "a hidden message leads to what is shown before it"
    assert one([chatgpt(current="nowhere")]).about.tip == "3"


@pytest.mark.parametrize("title", [None, "", "  "])
def test_without_a_title_the_first_question_gives_one(title):
    about = one([chatgpt(title=title)]).about
    assert (about.title, about.titled_by) == ("[picture] How do I roll back?", "question")


def test_chatgpt_code_and_voices():
    talk = one([chatgpt(extra=[
        chatgpt_node("q2", "a2", "user", kind="multimodal_text", parts=[
            {"content_type": "audio_transcription", "text": "Say it in Python", "direction": "in"},
            {"content_type": "audio_asset_pointer", "asset_pointer": "x"},
        ]),
        chatgpt_node("a3", "q2", "assistant", "print('```')", kind="code"),
        chatgpt_node("thoughts", "a3", "assistant", kind="thoughts"),
    ], current="thoughts")])
    assert lines(talk)[-2:] == ["3>4 user: Say it in Python", "4>5 assistant: ````\nprint('```')\n````"]


@pytest.mark.parametrize("name", ["conversations__json", "export/conversations__json", "conversations-000__json"])
def test_chatgpt_sends_an_archive(name):
    data = archive(**{name: [chatgpt("one"), chatgpt("two")], "chat__html": "<html>", "user__json": {"id": "u"}})
    assert [talk.about.title for talk in transfer.read(data)] == ["one", "two"]


def test_a_large_export_of_chatgpt_is_in_several_files():
    data = archive(**{"conversations-001__json": [chatgpt("two")], "conversations-000__json": [chatgpt("one")]})
    assert [talk.about.title for talk in transfer.read(data)] == ["one", "two"]


def test_an_archive_of_our_own_files():
    data = archive(first__json=webbot(small("one")), second__json=webbot(small("two")))
    assert [talk.about.title for talk in transfer.read(data)] == ["one", "two"]


def test_open_webui():
    talk = one([open_webui()])
    assert lines(talk) == [
        ">1 user: [sums.txt]\n\nFifteen times seventeen?", "1>2 assistant: 250", "1>3 assistant: 255",
        "3>4 user: And this?\n\n[picture]", "4>5 assistant: ",
    ]
    assert [m.feedback for m in talk.messages] == ["", "down", "", "", ""]
    assert (talk.messages[-1].status, talk.messages[-1].error) == ("failed", "The model is away.")
    assert (talk.about.tip, talk.about.title, talk.about.role, talk.about.pinned) == ("5", "Sums", "You count.", True)
    assert talk.about.created_at == 1700000000


def test_open_webui_one_chat_alone_and_an_old_one():
    assert one(open_webui()).about.title == "Sums"
    assert one(open_webui()["chat"]).about.title == "Sums"
    old = {"title": "Old", "chat": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}}
    assert lines(one([old])) == [">1 user: a", "1>2 assistant: b"]


@pytest.mark.parametrize("recursive", [False, True])
def test_librechat(recursive):
    talk = one(samples.librechat(recursive))
    assert lines(talk) == [
        ">1 user: [dragon.png]\n\nTell me a story", "1>2 assistant: Once upon", "1>3 assistant: Long ago\n\na dragon",
        ">4 user: Tell me a long story",
    ]
    assert [m.status for m in talk.messages] == ["complete", "stopped", "complete", "complete"]
    assert talk.messages[2].feedback == "up"
    assert (talk.about.title, talk.about.role) == ("Stories", "You tell stories.")
    assert int(talk.messages[0].created_at) == 1716919735


def test_librechat_nests_as_deep_as_a_conversation_is_long():
    children = []
    for number in range(3000, 0, -1):
        children = [librechat_message(f"m{number}", "ignored", f"text {number}", number % 2 == 1) | {"children": children}]
    # json.dumps itself cannot write that deep: each level goes around the one before.
    text = '"children": []'
    for number in range(3000, 0, -1):
        message = librechat_message(f"m{number}", "ignored", f"text {number}", number % 2 == 1)
        text = '"children": [' + json.dumps(message)[:-1] + ", " + text + "}]"
    text = text.replace('"children"', '"messagesTree"', 1)
    [talk] = transfer.read(('{"conversationId": "c", "recursive": true, ' + text + "}").encode())
    assert len(talk.messages) == 3000
    assert talk.messages[-1].text == "text 3000"
    assert talk.about.tip == "3000"


def test_a_conversation_always_begins_with_a_question_and_speakers_take_turns():
    talk = one({"conversationId": "c", "messages": [
        librechat_message("hello", "", "Hello, I am a bot", False), librechat_message("q1", "hello", "one", True),
        librechat_message("q2", "q1", "two", True), librechat_message("a1", "q2", "first", False),
        librechat_message("a2", "a1", "second", False), librechat_message("a3", "a1", "third", False),
    ]})
    assert lines(talk) == [
        ">1 user: …", "1>2 assistant: Hello, I am a bot", "2>3 user: one\n\ntwo", "3>4 assistant: first", "4>5 user: …",
        "5>6 assistant: second", "4>7 user: …", "7>8 assistant: third",
    ]


def test_good_ones_come_in_and_broken_ones_are_told():
    found = list(transfer.read(as_bytes([chatgpt("one"), {"title": "Corrupted"}, chatgpt("two"), chatgpt(current=7)])))
    assert [getattr(talk, "about", talk).title for talk in found] == ["one", "Corrupted", "two", "Rolling back"]
    assert [(each.number, str(each.problem)) for each in found if isinstance(each, Broken)] == [
        (2, "This is no conversation of a known form."), (4, "current_node is no text."),
    ]


def test_what_a_cut_file_still_has():
    data = as_bytes(webbot(small("one"), small("two"), small("three")))
    found = list(transfer.read(data[:data.index(b"three")]))
    assert [talk.about.title for talk in found[:2]] == ["one", "two"]
    assert str(found[2].problem) == "The file ends in the middle: a part of it is missing."


def test_a_file_of_nothing_is_a_file_of_nothing():
    assert list(transfer.read(as_bytes(webbot()))) == []
    with pytest.raises(Problem, match="no conversations here"):
        list(transfer.read(b"[]"))
