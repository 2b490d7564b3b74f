"""Guesses from the text itself."""

from webbot.engines.compute.drafts import LONGEST_REST, Lookup


def lookup(*tokens):
    made = Lookup()
    made.add(tokens)
    return made


def test_what_followed_the_last_tokens_before_is_guessed():
    assert lookup(1, 2, 3, 4, 5, 9, 1, 2, 3).propose(2) == (4, 5)


def test_three_tokens_count_more_than_two_and_the_newest_place_most():
    assert lookup(7, 1, 2, 5, 8, 1, 2, 6, 7, 1, 2).propose(1) == (5,)
    assert lookup(1, 2, 5, 1, 2, 6, 0, 1, 2).propose(1) == (6,)


def test_one_token_alone_is_no_reason_to_guess():
    assert lookup(1, 2, 3, 2).propose(4) == ()
    assert lookup().propose(4) == ()


def test_a_text_that_repeats_itself_is_guessed_beyond_its_end():
    assert lookup(5, 1, 2, 1, 2).propose(5) == (1, 2, 1, 2, 1)


def test_it_grows_with_the_text():
    one, all_at_once = lookup(), lookup(*[1, 2, 3] * 5, 1)
    for token in [1, 2, 3] * 5 + [1]:
        one.add([token])
    assert one.propose(4) == all_at_once.propose(4) == (2, 3, 1, 2)


def test_wrong_guesses_become_rare():
    text, tried = lookup(1, 2, 3, 1, 2), 0
    for _ in range(20 * LONGEST_REST):
        draft = text.propose(8)
        tried += len(draft)
        text.learn(len(draft), 0)
    assert 1 <= tried < 40


def test_a_right_guess_ends_the_long_rests():
    text = lookup(1, 2, 3, 1, 2)
    for accepted in (0, 0, 0):
        text.learn(1, accepted)
    assert [len(text.propose(1)) for _ in range(5)] == [0] * 4 + [1]
    text.learn(1, 1)
    text.learn(1, 0)
    assert [len(text.propose(1)) for _ in range(2)] == [0, 1]


def test_right_guesses_become_long_again():
    text = lookup(*[1, 2, 3] * 5)
    text.learn(8, 1)
    lengths = []
    for _ in range(4):
        draft = text.propose(8)
        lengths.append(len(draft))
        text.learn(len(draft), len(draft))
    assert lengths == [1, 2, 4, 8]
