"""How messages follow one another, without a server; damage included."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from webbot.store import redis_tree
from webbot.store.redis_tree import Tree


def grown(*parents):
    """A tree in which message n ("m1", "m2", ...) follows message parents[n - 1], 0 for none."""
    return redis_tree.from_parents({f"m{n}": (n, f"m{parent}" if parent else "") for n, parent in enumerate(parents, start=1)})


def test_a_branch_and_what_is_behind():
    tree = grown(0, 1, 1, 3, 2, 0)
    assert tree.branch("m5") == ["m1", "m2", "m5"]
    assert tree.branch("") == tree.branch("nowhere") == []
    assert [tree.newest_behind(id) for id in ("m1", "m2", "m3", "m4", "m6", "")] == ["m5", "m5", "m4", "m4", "m6", "m6"]
    assert Tree().newest_behind("") == ""


def test_a_circle_ends():
    tree = redis_tree.from_parents({"a": (1, "b"), "b": (2, "a")})
    assert set(tree.branch("a")) == {"a", "b"}
    assert tree.newest_behind("a") == "b"


@given(st.lists(st.integers(0, 30), max_size=30))
def test_what_is_kept_is_read_again(parents):
    tree = grown(*(min(parent, n) for n, parent in enumerate(parents)))
    lines = "\n".join(f"{before} {tree.value(before).decode()}" for before in tree.after)
    again = redis_tree.from_lines(lines)
    assert (again.after, again.number, again.before) == (tree.after, tree.number, tree.before)
