"""Passkeys against an authenticator that does as browsers' do, and against everything that is none."""

import copy
import dataclasses
import time

import pytest

from tests.people.authenticator import Authenticator
from webbot.errors import BadInput, Conflict, NotAllowed, NotFound
from webbot.people.passkeys import MOST, SECONDS, Site

HERE = Site(name="localhost", origin="https://localhost")


@pytest.fixture
def ann(people):
    return people.add("Ann")


def added(people, person, site=HERE, name="my phone", **made):
    authenticator = Authenticator(site.origin, **made)
    options, challenge = people.passkeys.begin_registration(person, site)
    return authenticator, people.passkeys.register(person, site, challenge, authenticator.create(options), name)


def signed_in(people, authenticator, site=HERE, **changes):
    options, challenge = people.passkeys.begin_signing_in(site)
    return people.passkeys.sign_in(site, challenge, authenticator.get(options, **changes))


def test_a_passkey_is_added_and_signs_in_without_a_name(people, ann):
    authenticator, passkey = added(people, ann)
    assert (passkey.name, passkey.person, passkey.site, passkey.transports) == ("my phone", ann.id, "localhost", ("internal",))
    assert people.passkeys.of(ann.id) == [passkey]
    for count in (1, 2):
        found = signed_in(people, authenticator)
        assert (found.id, found.person, found.counter) == (passkey.id, ann.id, count)
    assert people.passkeys.of(ann.id)[0].used_at > 0


def test_what_the_browser_is_asked_for(people, ann):
    _, passkey = added(people, ann)
    making, _ = people.passkeys.begin_registration(ann, HERE)
    assert making["rp"] == {"id": "localhost", "name": "webbot"} and making["user"]["name"] == "Ann"
    assert making["attestation"] == "none"
    chosen = making["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "preferred")
    assert [each["id"] for each in making["excludeCredentials"]] == [passkey.credential]
    signing, _ = people.passkeys.begin_signing_in(HERE)
    assert (signing["rpId"], signing["userVerification"], signing.get("allowCredentials", [])) == ("localhost", "preferred", [])


def test_one_that_does_not_count_signs_in_again_and_again(people, ann):
    authenticator, _ = added(people, ann, counts=0)
    assert {signed_in(people, authenticator).counter for _ in range(2)} == {0}


def test_a_copied_authenticator_is_refused(people, ann):
    authenticator, _ = added(people, ann)
    copied = copy.copy(authenticator)
    signed_in(people, authenticator)
    with pytest.raises(NotAllowed, match="not accepted"):
        signed_in(people, copied)
    signed_in(people, authenticator)


def test_a_challenge_works_once(people, ann):
    authenticator, _ = added(people, ann)
    options, challenge = people.passkeys.begin_signing_in(HERE)
    people.passkeys.sign_in(HERE, challenge, authenticator.get(options))
    with pytest.raises(NotAllowed, match="tried twice"):
        people.passkeys.sign_in(HERE, challenge, authenticator.get(options))


def test_a_challenge_is_for_one_purpose_one_site_and_one_person(people, ann):
    authenticator, _ = added(people, ann)
    bob, there = people.add("Bob"), Site(name="box.local", origin="https://box.local")
    options, challenge = people.passkeys.begin_registration(ann, HERE)
    signing, to_sign_in = people.passkeys.begin_signing_in(HERE)
    for refused in (
        lambda: people.passkeys.sign_in(HERE, challenge, authenticator.get(options)),
        lambda: people.passkeys.sign_in(there, to_sign_in, authenticator.get(signing)),
        lambda: people.passkeys.register(bob, HERE, challenge, Authenticator().create(options), "x"),
        lambda: people.passkeys.register(ann, HERE, to_sign_in, Authenticator().create(options), "x"),
        lambda: people.passkeys.register(ann, HERE, None, Authenticator().create(options), "x"),
    ):
        with pytest.raises(NotAllowed, match="took too long"):
            refused()
    assert len(people.passkeys.of(ann.id)) == 1 and not people.passkeys.of(bob.id)


def test_an_old_challenge_is_refused(people, ann):
    authenticator, _ = added(people, ann)
    options, challenge = people.passkeys.begin_signing_in(HERE)
    assert 0 < challenge.until - time.time() <= SECONDS
    with pytest.raises(NotAllowed, match="took too long"):
        people.passkeys.sign_in(HERE, dataclasses.replace(challenge, until=time.time() - 1), authenticator.get(options))


@pytest.mark.parametrize("changes", [
    {"origin": "https://evil.example"}, {"origin": "http://localhost"}, {"origin": "https://localhost:8443"},
    {"type": "webauthn.create"}, {"challenge": "AAAA"},
])
def test_what_was_signed_for_somebody_else_is_refused(people, ann, changes):
    authenticator, _ = added(people, ann)
    with pytest.raises(NotAllowed, match="not accepted"):
        signed_in(people, authenticator, **changes)


def test_another_key_with_the_same_id_is_refused(people, ann):
    authenticator, _ = added(people, ann)
    forged = Authenticator()
    forged.id, forged.user, forged.site = authenticator.id, authenticator.user, authenticator.site
    with pytest.raises(NotAllowed, match="not accepted"):
        signed_in(people, forged)


def test_a_passkey_says_whose_it_is(people, ann):
    authenticator, _ = added(people, ann)
    authenticator.user = people.add("Bob").id.encode()
    with pytest.raises(NotAllowed, match="not accepted"):
        signed_in(people, authenticator)


def test_a_passkey_is_for_the_site_where_it_was_made(people, ann):
    authenticator, _ = added(people, ann)
    there = Site(name="box.local", origin="https://box.local")
    authenticator.site, authenticator.origin = there.name, there.origin
    with pytest.raises(NotAllowed, match="not known"):
        signed_in(people, authenticator, there)


WHOLE = {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "clientExtensionResults": {}}


@pytest.mark.parametrize("answer", [
    None, 7, "x", [], {}, {"id": 7}, {"id": "A" * 5000}, {"id": "\ud800"}, {"id": "AAAA"}, {**WHOLE, "response": None},
    {**WHOLE, "response": {}}, {**WHOLE, "response": {"clientDataJSON": 7}},
    {**WHOLE, "response": {"clientDataJSON": "AAAA", "attestationObject": "AAAA"}},
    {**WHOLE, "response": {"clientDataJSON": "AAAA", "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": {}}},
])
def test_what_is_no_answer_is_refused(people, ann, answer):
    _, challenge = people.passkeys.begin_signing_in(HERE)
    with pytest.raises((NotAllowed, BadInput)):
        people.passkeys.sign_in(HERE, challenge, answer)
    _, challenge = people.passkeys.begin_registration(ann, HERE)
    with pytest.raises(NotAllowed):
        people.passkeys.register(ann, HERE, challenge, answer, "x")
    assert not people.passkeys.of(ann.id)


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
@pytest.mark.parametrize("spoil", [lambda text: text[:-4], lambda text: "A" + text[1:], lambda text: text * 50, lambda text: ""])
def test_a_spoiled_answer_is_refused(people, ann, part, spoil):
    authenticator, _ = added(people, ann)
    options, challenge = people.passkeys.begin_signing_in(HERE)
    answer = authenticator.get(options)
    answer["response"][part] = spoil(answer["response"][part])
    with pytest.raises(NotAllowed):
        people.passkeys.sign_in(HERE, challenge, answer)


def test_a_person_has_several_and_removes_own_ones_only(people, ann):
    (first, one), (second, two) = added(people, ann), added(people, ann, name="key ring")
    bob = people.add("Bob")
    with pytest.raises(NotFound):
        people.passkeys.remove(bob.id, one.id)
    people.passkeys.remove(ann.id, one.id)
    with pytest.raises(NotFound):
        people.passkeys.remove(ann.id, one.id)
    with pytest.raises(NotAllowed, match="not known"):
        signed_in(people, first)
    assert signed_in(people, second).id == two.id


def test_there_is_a_limit(people, ann, monkeypatch):
    monkeypatch.setattr("webbot.people.passkeys.MOST", 2)
    assert MOST > 2
    for _ in range(2):
        added(people, ann)
    with pytest.raises(Conflict, match="2 passkeys"):
        people.passkeys.begin_registration(ann, HERE)


def test_the_store_has_neither_the_id_nor_a_secret_as_a_name(people, ann):
    _, passkey = added(people, ann)
    assert passkey.credential not in passkey.id and len(passkey.id) == 64


def test_whoever_is_removed_has_none_left(people, ann):
    people.add("Owner", "owner")
    authenticator, _ = added(people, ann)
    people.remove(ann.id)
    with pytest.raises(NotAllowed, match="not known"):
        signed_in(people, authenticator)
