"""The roles that people write: kept to themselves, shared, changed by one at a time, handed over; over a database and Redis."""

import pytest

from tests.servers import redis_url
from webbot.errors import BadInput, Conflict, NotFound, TooLong
from webbot.people import People
from webbot.people.library import MOST, OPENINGS, Library, mark_of
from webbot.settings import load
from webbot.store.base import Entry
from webbot.store.redis import RedisStore
from webbot.store.sql import SqlStore

STORES = {
    "sqlite": lambda folder: SqlStore(f"sqlite:///{folder}/webbot.db"),
    "redis": lambda folder: RedisStore(redis_url(folder)),
}


@pytest.fixture
def library(store):
    return Library(store, prompt_bytes=1000)


def cook(library, owner="ann", **changes):
    return library.add(owner, **{"title": "Cook", "prompt": "You cook.", **changes})


@pytest.mark.parametrize("kind", STORES)
def test_a_role_from_its_beginning_to_its_end(kind, tmp_path):
    store = STORES[kind](tmp_path)
    library = Library(store, prompt_bytes=1000)
    role = cook(library, description=" Cooks\n well ", openings=["What is a roux?", "", " What is a roux? ", "Dinner?"])
    assert (role.description, role.openings) == ("Cooks well", ("What is a roux?", "Dinner?"))
    assert (role.shared, role.version) == (False, 1)
    assert library.of("ann") == [role] == [library.find("ann", role.id)]
    assert library.of("bob") == library.shared() == []
    changed = library.change("ann", role.id, only_version=1, prompt="You bake.\r\nWell.")
    assert (changed.prompt, changed.title, changed.created_at) == ("You bake.\nWell.", "Cook", role.created_at)
    with pytest.raises(Conflict):
        library.change("ann", role.id, only_version=1, prompt="You fry.")
    shared = library.share("ann", role.id)
    assert library.find("bob", role.id) == shared
    (listed,) = library.shared(but="bob")
    assert (listed.id, listed.owner, listed.title, listed.mark) == (role.id, "ann", "Cook", mark_of("You bake.\nWell."))
    assert library.shared(but="ann") == []
    library.change("ann", role.id, title="Baker")
    assert [each.title for each in library.shared()] == ["Baker"]
    assert library.share("ann", role.id).shared  # once more changes nothing
    assert len(library.shared()) == 1
    assert not library.unshare("ann", role.id).shared
    assert library.shared() == []
    library.share("ann", role.id)
    assert library.hand_over("ann", "p-1") == 1
    (moved,) = library.of("p-1")
    assert (moved.prompt, moved.shared, moved.owner) == ("You bake.\nWell.", True, "p-1")
    assert library.of("ann") == []
    assert [each.id for each in library.shared()] == [moved.id]
    library.delete("p-1", moved.id)
    assert library.of("p-1") == library.shared() == []
    store.close()


@pytest.mark.parametrize("act", ["change", "share", "unshare", "delete", "own"])
def test_only_who_wrote_a_role_changes_it(library, act):
    kept, shared = cook(library), library.share("ann", cook(library).id)
    told = set()
    for owner, id in (("bob", kept.id), ("bob", shared.id), ("", kept.id), ("bob", "r-unknown"), ("bob", ""), ("bob", "\0")):
        with pytest.raises(NotFound) as refusal:
            getattr(library, act)(owner, id)
        told.add(str(refusal.value))
    assert len(told) == 1
    assert library.find("ann", kept.id) == kept
    assert library.find("ann", shared.id) == shared


def test_a_role_that_is_kept_is_not_told_apart_from_none(library):
    role = cook(library)
    for owner, id in (("bob", role.id), ("bob", "r-unknown"), ("", role.id), ("bob", "\ud800")):
        with pytest.raises(NotFound, match="This role is not here"):
            library.find(owner, id)


@pytest.mark.parametrize(("changes", "error"), [
    ({"title": " "}, BadInput), ({"title": "t" * 61}, BadInput), ({"title": "a\u202eb"}, BadInput),
    ({"title": "\u200d"}, BadInput), ({"title": "\ud800"}, BadInput), ({"description": "d" * 301}, BadInput),
    ({"prompt": " \n"}, BadInput),
    ({"prompt": "a\0b"}, BadInput), ({"prompt": "a\udfff"}, BadInput), ({"prompt": "角" * 334}, TooLong),
    ({"openings": [str(number) for number in range(OPENINGS + 1)]}, BadInput), ({"openings": ["o" * 201]}, BadInput),
])
def test_what_is_no_role(library, changes, error):
    with pytest.raises(error):
        cook(library, **changes)
    role = cook(library)
    with pytest.raises(error):
        library.change("ann", role.id, **changes)
    assert library.of("ann") == [role]


def test_what_just_fits(library):
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    role = cook(library, title="t" * 60, description="d" * 300, prompt="p" * 1000, openings=[family, *"abcde"])
    assert library.find("ann", role.id).openings[0] == family


def test_what_is_listed_follows_the_role_itself(library, store):
    """As after two changes at the same moment, of which the list got the wrong one."""
    role = library.share("ann", cook(library).id)
    library.unshare("ann", role.id)
    store.put_entry(Entry(kind="shared role", id=role.id, owner="ann", value={"title": "Left over"}))
    with pytest.raises(NotFound):
        library.find("bob", role.id)
    library.change("ann", role.id, title="Kept")
    assert library.shared() == []


def test_a_hundred_roles_and_no_more(library, store):
    for _ in range(MOST):
        cook(library)
    with pytest.raises(Conflict):
        cook(library)
    assert cook(library, "bob").title == "Cook"
    assert library.hand_over("bob", "ann") == 1  # what somebody had is not lost
    assert len(library.of("ann")) == MOST + 1
    library.forget("ann")
    assert library.of("ann") == []


def test_roles_from_elsewhere_come_once_and_what_is_none_says_why(library):
    cook(library, openings=["Dinner?"])
    given = [
        {"title": " Cook ", "prompt": "You cook.", "description": "", "openings": ["Dinner?", ""]},
        {"title": "Cook", "prompt": "You cook.", "description": "", "openings": []},
        {"title": "", "prompt": "x", "description": "", "openings": []},
        {"title": "Long", "prompt": "x" * 1001, "description": "", "openings": []},
        {"title": "Baker", "prompt": "You bake.", "description": "", "openings": []},
    ]
    there, another, untitled, long, baker = library.bring("ann", given)
    assert there is None
    assert (another.title, another.openings, another.shared, baker.title) == ("Cook", (), False, "Baker")
    assert isinstance(untitled, BadInput)
    assert isinstance(long, TooLong)
    assert library.of("ann")[1:] == [another, baker]
    assert [type(each) for each in library.bring("ann", given)].count(type(None)) == 3, "none twice"
    more = [{"title": f"{number}", "prompt": "x", "description": "", "openings": []} for number in range(MOST)]
    assert [isinstance(each, Conflict) for each in library.bring("ann", more)] == [False] * (MOST - 3) + [True] * 3


def test_the_title_of_a_prompt_is_one_s_own_first(library):
    library.share("bob", cook(library, "bob", title="Bob's").id)
    assert library.title_of("ann", "You cook.") == "Bob's"
    cook(library, title="Mine")
    assert library.title_of("ann", "You cook.") == "Mine"
    assert library.title_of("ann", "You fry.") == ""


def test_who_is_removed_leaves_no_role_behind(store):
    people = People(store, load({}, access="invite"))
    ann = people.add("Ann")
    people.library.share(ann.id, cook(people.library, ann.id).id)
    people.remove(ann.id)
    assert people.library.of(ann.id) == people.library.shared() == []
    assert store.entries("role") == store.entries("shared role") == []
