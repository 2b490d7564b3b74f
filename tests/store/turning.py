"""Turns as tests of stores write them."""

from __future__ import annotations

from dataclasses import replace

from webbot.messages import Message


def ask(store, conversation, text="What is a tree?", **more):
    return store.begin_turn(conversation.owner, conversation.id, Message(role="user", text=text), **more)


def turn(store, conversation, text="What is a tree?", reply="A plant.", **more):
    """A question and its whole answer, as they are stored then."""
    question, answer = ask(store, conversation, text, **more)
    return question, ended(store, conversation, answer, reply)


def again(store, conversation, question, reply="A big plant."):
    """One more whole answer to that question."""
    _, answer = store.begin_answer(conversation.owner, conversation.id, question.id)
    return ended(store, conversation, answer, reply)


def ended(store, conversation, answer, reply="A plant."):
    answer = replace(answer, text=reply, status="complete")
    store.save_answer(conversation.owner, conversation.id, answer)
    return answer


def texts(store, conversation):
    """What is said in the branch that is shown."""
    return [message.text for message in store.messages(conversation.owner, conversation.id)]


def marks(store, conversation):
    about = store.conversation(conversation.owner, conversation.id)
    return about.remembers_from, about.cut_for
