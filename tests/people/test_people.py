"""Who there is, and changes of one person that come at the same moment."""

import pytest

from webbot.errors import Conflict
from webbot.people.entries import ATTEMPTS


@pytest.fixture
def meanwhile(store, monkeypatch):
    """Does something just before each of the next `times` writes of an entry."""
    put = store.put_entry

    def before(act, times=1):
        left = iter(range(times))

        def put_entry(entry):
            for _ in left:
                with monkeypatch.context() as plain:
                    plain.setattr(store, "put_entry", put)
                    act()
                break
            return put(entry)

        monkeypatch.setattr(store, "put_entry", put_entry)

    return before


def test_preferences_that_change_at_the_same_moment_are_all_kept(people, meanwhile):
    ann = people.add("Ann")
    people.prefer(ann.id, theme="dark", voice="on")
    meanwhile(lambda: people.prefer(ann.id, language="zh", voice=None))
    people.prefer(ann.id, theme="light")
    assert people.person(ann.id).preferences == {"theme": "light", "language": "zh"}


def test_a_change_keeps_what_came_before_it(people, meanwhile):
    ann = people.add("Ann")
    meanwhile(lambda: people.prefer(ann.id, language="zh"))
    changed = people.change(ann.id, name="Anna")
    assert (changed.name, changed.preferences) == ("Anna", {"language": "zh"})


def test_a_change_that_others_always_come_before_is_refused(people, meanwhile):
    ann = people.add("Ann")
    meanwhile(lambda: people.prefer(ann.id, language="zh"), times=ATTEMPTS)
    with pytest.raises(Conflict):
        people.change(ann.id, name="Anna")
    assert people.person(ann.id).name == "Ann"
