"""Who holds which page: books, no cache."""

import random

import pytest

from webbot.engines.compute.gaps import Gaps
from webbot.engines.compute.pages import Pages, keys

TEXT = list(range(100, 112))  # three pages of four


def chain(tokens=TEXT, owner="alice", common=0):
    return keys(tokens, 4, owner, common)


def filled(pages, tokens=TEXT, owner="alice"):
    """Pages that hold a text, and are given back."""
    found = chain(tokens, owner)
    taken = pages.take(len(found))
    for page, key in zip(taken, found, strict=True):
        pages.keep(page, key)
    pages.give_back(taken)
    return taken


def figures(pages):
    return pages.used, pages.kept, pages.free


def test_what_was_computed_is_found_again():
    pages = Pages(8, 4)
    taken = filled(pages)
    assert figures(pages) == (0, 3, 5)
    assert pages.find(chain([*TEXT, 1, 2, 3, 4])) == taken
    assert figures(pages) == (3, 0, 5)


def test_a_text_that_differs_is_found_up_to_there():
    pages = Pages(8, 4)
    taken = filled(pages)
    other = [*TEXT[:6], 0, *TEXT[7:]]
    assert pages.find(chain(other)) == taken[:1]


def test_the_same_tokens_after_other_ones_are_another_content():
    pages = Pages(8, 4)
    filled(pages)
    assert pages.find(chain([9, 9, 9, 9, *TEXT[4:]])) == []


def test_a_page_that_two_use_is_kept_when_both_gave_it_back():
    pages = Pages(8, 4)
    taken = filled(pages)
    pages.find(chain())
    pages.find(chain())
    pages.give_back(taken)
    assert figures(pages) == (3, 0, 5)
    pages.give_back(taken)
    assert figures(pages) == (0, 3, 5)


def test_owners_do_not_find_what_others_asked():
    pages = Pages(8, 4)
    filled(pages, owner="alice")
    assert pages.find(chain(owner="bob")) == []
    assert pages.find(chain(owner="")) == []


def test_what_is_common_is_one_page_for_everybody():
    alice, bob = chain(owner="alice", common=6), chain(owner="bob", common=6)
    assert [one == other for one, other in zip(alice, bob, strict=True)] == [True, False, False]
    assert not {chain(owner="alice")[0], chain(owner="")[0]} & {*alice, *bob}
    assert keys(TEXT, 4, "alice", 6)[1:] == keys(TEXT[4:], 4, "alice", 6, alice[:1])


def test_a_page_that_is_not_full_has_no_key():
    assert len(chain(TEXT[:7])) == 1


def test_all_or_nothing_is_taken():
    pages = Pages(4, 4)
    pages.take(2)
    assert pages.take(3) is None
    assert figures(pages) == (2, 0, 2)


def test_what_was_not_used_for_longest_goes_first_and_its_end_before_its_beginning():
    pages = Pages(6, 4)
    old, new = filled(pages, TEXT), filled(pages, [*range(12)])
    assert pages.take(1) == old[2:]
    pages.touch(chain())
    assert pages.take(1) == new[2:]
    assert pages.evicted == 2
    assert pages.find(chain()) == old[:2]


def test_the_second_page_of_the_same_content_is_empty_when_it_is_given_back():
    pages = Pages(8, 4)
    (first,) = filled(pages, TEXT[:4])
    (second,) = pages.take(1)
    pages.keep(second, chain()[0])
    pages.give_back([second])
    assert figures(pages) == (0, 1, 7)
    assert pages.find(chain()) == [first]


def test_texts_that_are_here_whole_are_counted_once_however_often_they_went_on():
    pages = Pages(8, 4)
    filled(pages, TEXT[:4])
    pages.touch(chain(TEXT[:4]))
    filled(pages)
    pages.touch(chain())
    assert pages.texts == 1
    filled(pages, list(range(8)))
    pages.touch(chain(list(range(8))))
    assert pages.texts == 2
    pages.give_back(pages.take(4))  # the first one's end had to go
    assert pages.texts == 1
    pages.forget()
    assert pages.texts == 0


def test_what_is_forgotten_is_not_found_and_its_users_still_give_it_back():
    pages = Pages(8, 4)
    taken = filled(pages)
    pages.find(chain()[:1])
    pages.forget()
    assert pages.find(chain()) == []
    assert figures(pages) == (1, 0, 7)
    pages.give_back(taken[:1])
    assert figures(pages) == (0, 0, 8)


def test_answers_that_grow_keep_their_pages_together():
    pages = Pages(64, 4)
    texts = [pages.take(4) for _ in range(4)]
    for _ in range(5):
        for text in texts:
            text.extend(pages.take(1, text[-1]))
    assert [text == [*range(text[0], text[0] + 9)] for text in texts] == [True] * 4


def test_where_all_is_kept_some_pages_are_given_up_together():
    pages = Pages(64, 4)
    filled(pages, list(range(256)))
    text = pages.take(3)
    text += pages.take(1, text[-1])
    assert text == [*range(text[0], text[0] + 4)]
    assert pages.evicted == 4


@pytest.mark.parametrize("seed", range(3))
def test_gaps_are_the_pages_that_are_not_taken(seed):
    luck, gaps, taken = random.Random(seed), Gaps(40), set()
    for _ in range(400):
        if taken and (luck.random() < 0.5 or not gaps.size):
            page = luck.choice(sorted(taken))
            gaps.add(page)
            taken.remove(page)
        else:
            after = luck.choice([None, *range(40)])
            run = gaps.take(luck.randint(1, 5), after)
            assert run and not taken & set(run)
            if after is not None and after + 1 < 40 and after + 1 not in taken and after in taken:
                assert run.start == after + 1
            taken |= set(run)
        assert gaps.size == 40 - len(taken)
