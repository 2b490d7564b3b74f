"""What every store finds: titles, and texts where it searches them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.store.stores import SEARCHING_TEXTS
from tests.store.turning import again, ask, turn

TITLES = ("100 % sure", "Die Straße", "一棵树 in spring", "Oaks and elms", "snake_case")


def found(store, search, owner="ann", **more):
    return [c.title for c in store.conversations(owner, search=search, **more)]


@pytest.fixture
def titled(store):
    for title in reversed(TITLES):
        store.create_conversation("ann", title=title)
    return store


@pytest.fixture
def read(store, talk):
    assert store.searches_texts
    return talk


def test_titles_are_found_by_words(titled):
    sure, street, oaks, snake = "100 % sure", "Die Straße", "Oaks and elms", "snake_case"
    tree = "一棵树 in spring"
    expected = {
        "OAK": [oaks], "elms oaks": [oaks], "oak elm": [], "straße": [street], "STRASSE": [street], "棵树": [tree],
        "树 spr": [tree], "树棵": [], "100": [sure], "snake": [snake], "s": [sure, street, tree, snake], "  ": list(TITLES),
        "": list(TITLES), "%": [], "\\": [], "*": [], "oa_s": [], "'; drop table messages; --": [], '"oaks': [oaks],
        "oaks*": [oaks], "oaks AND elms": [oaks], "oaks NOT elms": [], "oaks OR x": [], "title:oaks": [], "oaks" * 1000: [],
        "oaks " * 1000: [oaks], "\ud800\0": [], "^oaks": [oaks], "oaks NEAR elms": [], "and": [oaks], "\u00a4title": [],
        "Oaks\u202e": [oaks],
    }
    assert {search: found(titled, search) for search in expected} == expected


@pytest.mark.parametrize("opened", SEARCHING_TEXTS, indirect=True)
def test_words_inside_one_text(store, read):
    turn(store, read, "How do I bake an éclair? 面包", "Some fifty minutes.")
    expected = {
        "éclair": True, "E\u0301CLAIR": True, "bake éclair": True, "éclair ba": True, "ba éclair": False, "fifty": True,
        "fifty bake": False, "trees bake": False, "面包": True, "包面": False,
    }
    assert {search: bool(found(store, search)) for search in expected} == expected


def test_a_new_title_is_found_and_the_old_one_is_not(store, talk):
    store.change_conversation("ann", talk.id, title="Oaks")
    assert (found(store, "trees"), found(store, "oaks")) == ([], ["Oaks"])
    store.change_conversation("ann", talk.id, title="")
    assert found(store, "oaks") == []


def test_it_is_listed_like_all_and_by_pages(store):
    for n in range(5):
        store.create_conversation("ann", title=f"tree {n}")
    pinned = store.create_conversation("ann", title="tree pinned")
    store.change_conversation("ann", pinned.id, pinned=True)
    store.create_conversation("ann", title="tree last")
    store.create_conversation("bob", title="tree of Bob")
    everything = ["tree pinned", "tree last", *(f"tree {n}" for n in reversed(range(5)))]
    assert found(store, "tree") == everything
    assert found(store, "tree", limit=2, offset=1) == everything[1:3]
    assert found(store, "tree", limit=10, offset=6) == everything[6:]
    assert found(store, "tree", owner="bob") == ["tree of Bob"]
    assert found(store, "tree", owner="eve") == []


def test_a_store_says_what_it_searches(store, talk):
    turn(store, talk, "oaks")
    assert found(store, "oaks") == (["Trees"] if store.searches_texts else [])


@pytest.mark.parametrize("opened", SEARCHING_TEXTS, indirect=True)
class TestTexts:
    def test_a_question_is_found_at_once_and_an_answer_when_it_has_ended(self, store, read):
        _, answer = ask(store, read, "Hm?")
        assert found(store, "hm") == ["Trees"]
        store.save_answer("ann", read.id, replace(answer, text="A conifer"))
        store.save_answer("ann", read.id, replace(answer, text="A conifer grows", status="stopped"))
        assert found(store, "conifer grows") == ["Trees"]
        _, answer = store.resume_answer("ann", read.id, answer.id)
        store.save_answer("ann", read.id, replace(answer, text="A larch", status="complete"))
        assert (found(store, "larch"), found(store, "conifer")) == (["Trees"], [])

    @pytest.mark.parametrize("how", ["interrupted", "deleted"])
    def test_an_answer_that_was_ended_by_others(self, store, read, how):
        _, answer = ask(store, read)
        store.save_answer("ann", read.id, replace(answer, text="A conifer"))
        if how == "interrupted":
            store.fail_interrupted("It stopped.")
        else:
            store.delete_conversation("ann", read.id)
            store.restore_conversation("ann", read.id)
        assert found(store, "conifer") == ["Trees"]

    def test_other_branches_are_found_too(self, store, read):
        question, _ = turn(store, read, "one", "first")
        again(store, read, question, "second")
        turn(store, read, "another", after="")
        assert found(store, "first") == found(store, "second") == found(store, "another") == ["Trees"]

    def test_what_is_deleted_is_not_found(self, store, read):
        question, answer = turn(store, read, "one", "first")
        turn(store, read, "two", "second")
        store.delete_messages("ann", read.id, [question.id, answer.id])
        assert (found(store, "first"), found(store, "second")) == ([], ["Trees"])
        store.clear("ann", read.id)
        assert (found(store, "second"), found(store, "trees")) == ([], ["Trees"])
        turn(store, read, "three", "third")
        store.delete_conversation("ann", read.id)
        assert found(store, "third") == found(store, "trees") == []
        store.restore_conversation("ann", read.id)
        assert found(store, "third") == ["Trees"]
        store.delete_conversation("ann", read.id)
        store.purge(time.time() + 100)
        assert found(store, "third") == []
        assert store.verify() == []

    def test_long_texts_are_found_to_their_end(self, store, read):
        text = " ".join(f"word{n}" for n in range(20_000)) + " 一" * 20_000 + " 最后的话"
        turn(store, read, text, "x" * 1_000_000)
        for search in ("word0 word7", "word19999", "最后的话", "word12345", "x" * 64):
            assert found(store, search) == ["Trees"], search
        assert found(store, "word20000") == []
        assert store.verify() == []
