"""The chats with functions that the chat starter learned from."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from jinja2 import Environment

KINDS = {"string": str, "integer": int, "number": int, "boolean": bool}


def offered(chat):
    """The functions of the system message by their names."""
    lines = chat[0]["content"].splitlines()
    return {each["name"]: each for each in map(json.loads, (line for line in lines if line.startswith('{"name"')))}


def calls(chat):
    """(question, call) of each call of a chat."""
    return [(asked["content"], json.loads(said["content"])) for asked, said in pairwise(chat)
            if said["role"] == "assistant" and said["content"].startswith('{"name"')]


def chats(starter, count=300):
    return [starter.tools.tool_chat(f"test:{number}") for number in range(count)]


def test_the_same_seed_makes_the_same_chats(starter):
    assert chats(starter, 20) == chats(starter, 20)
    assert starter.tools.tool_chat("1") != starter.tools.tool_chat("2")


def test_chats_are_well_formed(starter):
    # Other skills bring facts in system messages, and programs with their results, which are "ipython" there.
    answer, later = {"assistant"}, {"user", "system", "tool", "ipython"}
    follows = {"system": {"user"}, "user": answer, "assistant": later, "tool": answer, "ipython": answer}
    for chat in chats(starter):
        assert chat[0]["role"] == "system" and chat[-1]["role"] == "assistant"
        assert all(after["role"] in follows[before["role"]] for before, after in pairwise(chat))
        assert all(message["content"] and "\x01" not in message["content"] for message in chat)
        for before, after in pairwise(chat):  # a Python program of another skill has a result, too
            assert after["role"] == "tool" or before["role"] != "assistant" or not before["content"].startswith('{"name"')


def test_calls_fit_their_functions_and_copy_the_question(starter):
    count = 0
    for chat in chats(starter):
        functions = offered(chat)
        for question, call in calls(chat):
            schema = functions[call["name"]]["parameters"]
            assert set(schema.get("required", [])) <= set(call["parameters"]) <= set(schema["properties"])
            for key, value in call["parameters"].items():
                wanted = schema["properties"][key]
                assert type(value) is KINDS[wanted["type"]] and value in wanted.get("enum", [value])
                assert not isinstance(value, str) or value in question
            count += 1
    assert count > 300


def test_there_are_turns_without_a_call_and_several_functions(starter):
    some = chats(starter)
    assert sum(len(offered(chat)) > 1 for chat in some) > 100
    quiet = [said for chat in some for asked, said in pairwise(chat)
             if asked["role"] == "user" and not said["content"].startswith('{"name"')]
    assert len(quiet) > 100
    assert sum("no function" in said["content"] for said in quiet) > 20


@pytest.mark.parametrize("heldout", [False, True])
def test_functions_are_held_out_by_their_subject(starter, heldout):
    chat = starter.corpus.Chat(starter.corpus.random.Random(1), heldout)
    subjects = [starter.tools.Function(chat, set()).subject for _ in range(400)]
    slipped = sum(starter.heldout.held(subject) != heldout for subject in subjects)
    assert slipped < (0.1 if heldout else 0.01) * len(subjects)


def test_functions_and_calls_are_written_as_by_the_template(starter):
    environment = Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)  # as transformers has it
    template = environment.from_string(starter.tokens.CHAT_TEMPLATE)
    for chat in chats(starter, 60):
        about, found, _ = chat[0]["content"].rpartition(starter.tokens.TOOLS)
        assert found
        messages = [{"role": "system", "content": about}] if about else []
        for message in chat[1:]:
            if message["content"].startswith('{"name"') and message["role"] == "assistant":
                call = json.loads(message["content"])
                function = {"name": call["name"], "arguments": call["parameters"]}
                messages.append({"role": "assistant", "content": "", "tool_calls": [{"function": function}]})
            else:
                messages.append(message)
        functions = [{"type": "function", "function": each} for each in offered(chat).values()]
        assert template.render(messages=messages, tools=functions, bos_token="<|begin_of_text|>") == starter.tokens.render(chat)
