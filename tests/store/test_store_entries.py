"""Entries and counters: what every store does with small values that have versions and ends, also when several do it at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from webbot.errors import BadInput, Conflict
from webbot.store.base import Entry

NAMES = ["a/b", "a:b", "1:a", "", "%", "*", "é树\u202e", "a b", "'; --", "x" * 1000, "树" * 333, "\x01\x7f"]
NO_NAMES = ["\ud800", "a\0b", "x" * 1001, "树" * 334, "x" * 1_000_000]


def at_once(acts):
    """What each of them gave, or raised as Conflict, all begun at the same moment."""
    begin = threading.Barrier(len(acts))

    def work(act):
        begin.wait()
        try:
            return act()
        except Conflict as problem:
            return problem

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(work, acts))


class TestEntries:
    def test_one_is_kept_as_it_was_made(self, store):
        made = store.put_entry(Entry(kind="person", id="p-1", owner="ann", value={"name": "Ann", "turns": None}))
        assert (made.version, made.ends_at) == (1, None)
        assert abs(made.created_at - time.time()) < 60
        assert store.entry("person", "p-1") == made
        assert store.entries("person") == store.entries("person", "ann") == [made]
        for other in (("person", "p-2"), ("device", "p-1"), ("", "")):
            assert store.entry(*other) is None
        assert list(store.entries("device")) == list(store.entries("person", "bob")) == list(store.entries("person", "")) == []

    def test_a_change_needs_the_version_that_was_seen(self, store):
        seen = store.put_entry(Entry(kind="k", id="1", owner="ann", value={"a": 1}))
        changed = store.put_entry(replace(seen, value={"b": [2.5]}, ends_at=9e9))
        assert changed == store.entry("k", "1") == replace(seen, value={"b": [2.5]}, ends_at=9e9, version=2)
        for stale in (seen, replace(seen, version=0), replace(seen, version=3), replace(seen, version=-1)):
            with pytest.raises(Conflict):
                store.put_entry(replace(stale, value={"lost": True}))
        with pytest.raises(Conflict):
            store.put_entry(Entry(kind="k", id="2", version=1))  # none is there
        assert store.entries("k") == [changed]

    def test_what_is_not_changed_stays_whoever_writes_it(self, store):
        made = store.put_entry(Entry(kind="k", id="1", owner="ann"))
        changed = store.put_entry(Entry(kind="k", id="1", owner="eve", value={"x": 1}, version=1))
        assert changed == store.entry("k", "1") == replace(made, value={"x": 1}, version=2)
        assert (store.entries("k", "ann"), list(store.entries("k", "eve"))) == ([changed], [])

    def test_they_come_oldest_first(self, store, clock):
        for seconds, id in ((0, "z"), (1, "b"), (2, "a"), (3, "c")):
            clock(seconds)
            store.put_entry(Entry(kind="k", id=id, owner="ann" if id < "c" else "bob"))
        assert [entry.id for entry in store.entries("k")] == ["z", "b", "a", "c"]
        assert [entry.id for entry in store.entries("k", "ann")] == ["b", "a"]
        assert [entry.id for entry in store.entries("k", "bob")] == ["z", "c"]

    def test_one_is_deleted_once(self, store):
        made = store.put_entry(Entry(kind="k", id="1", owner="ann"))
        assert [store.delete_entry("k", "1") for _ in range(3)] == [True, False, False]
        assert store.delete_entry("k", "none") is False
        assert store.entry("k", "1") is None
        assert list(store.entries("k")) == list(store.entries("k", "ann")) == []
        with pytest.raises(Conflict):
            store.put_entry(made)
        again = store.put_entry(Entry(kind="k", id="1", owner="bob"))
        assert (again.version, store.entries("k", "bob")) == (1, [again])
        assert store.verify() == []

    def test_one_that_has_ended_counts_as_none(self, store, clock):
        now = time.time()
        ending = store.put_entry(Entry(kind="k", id="1", owner="ann", ends_at=now + 60))
        lasting = store.put_entry(Entry(kind="k", id="2", owner="ann"))
        longer = store.put_entry(Entry(kind="k", id="3", owner="ann", ends_at=now + 60))
        longer = store.put_entry(replace(longer, ends_at=now + 600))
        store.put_entry(Entry(kind="k", id="4", owner="ann", ends_at=now + 60))
        assert len(store.entries("k")) == 4
        clock(61)
        assert (store.entry("k", "1"), store.delete_entry("k", "4")) == (None, False)
        assert store.entries("k") == store.entries("k", "ann") == [lasting, longer]
        assert [record.id for record in store.records()] == ["k/2", "k/3"]
        with pytest.raises(Conflict):
            store.put_entry(replace(ending, ends_at=now + 600))
        anew = store.put_entry(Entry(kind="k", id="1", owner="bob"))
        assert (anew.version, store.entry("k", "1")) == (1, anew)
        assert (store.entries("k", "ann"), store.entries("k", "bob")) == ([lasting, longer], [anew])
        clock(0)
        assert store.entry("k", "4") is None
        assert store.entries("k") == [lasting, longer, anew]
        assert store.verify() == []

    def test_an_end_can_be_taken_away(self, store, clock):
        made = store.put_entry(Entry(kind="k", id="1", ends_at=time.time() + 60))
        made = store.put_entry(replace(made, ends_at=None))
        clock(61)
        store.put_entry(Entry(kind="k", id="2"))
        assert store.entry("k", "1") == made
        past = store.put_entry(Entry(kind="k", id="3", ends_at=5.0))
        assert past.version == 1 and store.entry("k", "3") is None

    def test_odd_names_are_names_of_their_own(self, store):
        made = {
            (kind, id): store.put_entry(Entry(kind=kind, id=id, owner=id, value={"n": n}))
            for n, (kind, id) in enumerate([(name, name) for name in NAMES] + [("a", "b:c"), ("a:b", "c"), ("1:a", "b")])
        }
        for (kind, id), entry in made.items():
            assert store.entry(kind, id) == entry
            assert entry in store.entries(kind, id)
        assert {entry.id for kind in NAMES for entry in store.entries(kind)} == {*NAMES, "c", "b"}
        assert store.verify() == []
        assert all(store.delete_entry(kind, id) for kind, id in made)
        assert list(store.records()) == []

    @pytest.mark.parametrize("name", NO_NAMES, ids=range(len(NO_NAMES)))
    def test_what_is_no_name_is_refused_and_never_there(self, store, name):
        for entry in (Entry(kind=name, id="1"), Entry(kind="k", id=name), Entry(kind="k", id="1", owner=name)):
            with pytest.raises(BadInput):
                store.put_entry(entry)
        with pytest.raises(BadInput):
            store.add_up(name, 1, 9e9)
        assert store.entry("k", name) is store.entry(name, "1") is None
        assert list(store.entries(name)) == list(store.entries("k", name)) == []
        assert store.delete_entry("k", name) is store.delete_entry(name, "1") is False

    def test_any_json_comes_back(self, store):
        value = {"\ud800": "a\0\u2028", "": [1, 2.5, -0.1, 2**70, None, True, {"deep": [[]]}], "huge": "树x" * 300_000, "e": "😀"}
        made = store.put_entry(Entry(kind="k", id="1", value=value | {"list": (1, 2)}))
        assert made.value == store.entry("k", "1").value == value | {"list": [1, 2]}
        assert store.put_entry(replace(made, value={})).value == store.entry("k", "1").value == {}

    def test_what_is_no_json_is_refused(self, store):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        for value in (float("nan"), float("inf"), deep, 10**5000):
            with pytest.raises(BadInput):
                store.put_entry(Entry(kind="k", id="1", value={"a": value}))
        assert list(store.entries("k")) == []


class TestCounters:
    def test_one_adds_up_until_its_end(self, store, clock):
        ends_at = time.time() + 60
        assert [store.add_up("a", amount, ends_at) for amount in (1, 10, 0, -3)] == [1, 11, 11, 8]
        assert store.add_up("b", 0, ends_at) == 0
        clock(61)
        assert store.add_up("a", 0, ends_at + 60) == 0
        assert store.add_up("a", 5, ends_at + 60) == 5
        clock(0)
        assert store.add_up("a", 1, ends_at + 60) == 6

    def test_the_end_given_last_counts(self, store, clock):
        now = time.time()
        store.add_up("later", 1, now + 60)
        store.add_up("later", 1, now + 600)
        store.add_up("earlier", 1, now + 600)
        store.add_up("earlier", 1, now + 60)
        clock(61)
        assert (store.add_up("later", 1, now + 600), store.add_up("earlier", 1, now + 600)) == (3, 1)
        assert store.add_up("past", 7, 5.0) == 7
        assert store.add_up("past", 1, now + 600) == 1

    def test_much_and_odd_keys(self, store):
        ends_at = time.time() + 60
        assert store.add_up("big", 2**31 - 1, ends_at) == 2**31 - 1
        assert store.add_up("big", 2**31 - 1, ends_at) == 2**32 - 2
        assert store.add_up("big", 10**30, ends_at) == 3 * (2**31 - 1)
        for n, key in enumerate(NAMES, start=1):
            assert store.add_up(key, n, ends_at) == n
        assert [store.add_up(key, 0, ends_at) for key in NAMES] == list(range(1, len(NAMES) + 1))


class TestAtOnce:
    """Two stores on the same data, as two processes have them, eight threads."""

    @pytest.fixture
    def stores(self, opened):
        return [opened(), opened()] * 4

    def test_of_several_that_make_it_one_does(self, stores):
        for round in range(4):
            found = at_once([
                lambda store=store, n=n, id=str(round): store.put_entry(Entry(kind="k", id=id, owner=str(n), value={"by": n}))
                for n, store in enumerate(stores)
            ])
            made = [one for one in found if isinstance(one, Entry)]
            assert len(made) == 1, found
            assert stores[0].entry("k", str(round)) == made[0]
            assert stores[0].entries("k", made[0].owner)[-1] == made[0]
        assert stores[0].verify() == []

    def test_of_several_that_change_it_one_does(self, stores):
        seen = stores[0].put_entry(Entry(kind="k", id="1"))
        for _ in range(4):
            new = [replace(seen, value={"by": n}) for n in range(len(stores))]
            found = at_once([lambda store=store, one=one: store.put_entry(one) for store, one in zip(stores, new, strict=True)])
            made = [one for one in found if isinstance(one, Entry)]
            assert len(made) == 1, found
            seen = made[0]
            assert stores[0].entry("k", "1") == seen
        assert seen.version == 5

    def test_of_several_that_delete_it_one_is_told_so(self, stores):
        for round in range(4):
            stores[0].put_entry(Entry(kind="token", id=str(round)))
            found = at_once([lambda store=store, id=str(round): store.delete_entry("token", id) for store in stores])
            assert sorted(found) == [False] * 7 + [True]

    def test_nothing_that_is_added_is_lost(self, stores):
        ends_at = time.time() + 600

        def add(store):
            return [store.add_up("c", 1, ends_at) for _ in range(10)]

        found = at_once([lambda store=store: add(store) for store in stores])
        assert sorted(value for values in found for value in values) == list(range(1, 81))

    def test_an_end_and_a_new_beginning_at_the_same_moment(self, stores, clock):
        stores[0].add_up("c", 50, time.time() + 60)
        stores[0].put_entry(Entry(kind="k", id="1", owner="ann", ends_at=time.time() + 60))
        clock(61)
        found = at_once([lambda store=store: store.add_up("c", 1, time.time() + 600) for store in stores])
        assert sorted(found) == list(range(1, 9))
        found = at_once([
            lambda store=store, n=n: store.put_entry(Entry(kind="k", id="1", owner=str(n))) for n, store in enumerate(stores)
        ])
        assert len([one for one in found if isinstance(one, Entry)]) == 1
        assert stores[0].verify() == []
