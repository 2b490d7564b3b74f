"""A server with persons: who they are, browsers that are signed in, and what is somebody's own."""

from __future__ import annotations

import io
import itertools
import json
import re
from secrets import token_hex

from sqlalchemy import event

from webbot.messages import Message
from webbot.people import entries
from webbot.people.passkeys import Passkey

HOME = "https://localhost"
JSON = {"Accept": "application/json"}
CANARY = "canary7391"  # in everything that is somebody's own


addresses = itertools.count(1)


class Household:
    """Persons of an application, by name; `client` is a browser in which somebody is signed in."""

    def __init__(self, app):
        self.app, self.services = app, app.extensions["services"]
        self.people = self.services.people

    def person(self, name, rank="member"):
        return self.people.add(name, rank)

    def client(self, person):
        _, token = self.people.invitations.link(person.id)
        client = self.stranger()
        answer = client.post(f"/join/{token}", base_url=HOME, data={}, headers={"Origin": HOME})
        assert answer.status_code == 303, answer.text
        return client

    def stranger(self):
        """A browser at an address of its own, so that nobody is slowed down by the guesses of another."""
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{next(addresses)}"
        return client

    def key(self, person, *scopes):
        scopes = scopes or ("chat", "speech", "conversations")
        return {"Authorization": f"Bearer {self.people.keys.make(person.id, f'{CANARY} key', scopes)[1]}"}

    def records(self, person):
        """Everything in the store that is that person's, but when they were seen."""
        every = [record for record in self.services.store.records() if record.kind not in ("session", "counter")]
        own = {record.id for record in every if record.kind == "conversation" and record.fields["owner"] == person.id}
        return [record for record in every if record.fields.get("owner") == person.id or record.fields.get("conversation") in own
                or record.id in own or record.id == f"person/{person.id}"]


class Belongings:
    """What somebody has: one of each kind, with a word in it that is nowhere else."""

    def __init__(self, household, person, word=CANARY):
        self.household, self.person, self.word = household, person, word
        services, people = household.services, household.people
        store = services.store
        self.conversation = store.create_conversation(person.id, title=f"{word} title", role=f"{word} role").id
        reply = services.chat.ask(person.id, self.conversation, f"{word} question")
        assert reply.wait(20)
        self.question, self.message = (message.id for message in store.messages(person.id, self.conversation))
        client = household.client(person)
        sent = {"attached": (io.BytesIO(f"{word} file".encode()), f"{word}.txt")}
        added = client.post(f"/c/{self.conversation}/files", base_url=HOME, data=sent, headers=JSON)
        assert added.status_code < 400, added.text
        self.file = store.files(person.id, self.conversation)[0].id
        self.share = store.share(person.id, self.conversation).token
        self.device = people.devices.of(person.id)[0].id
        self.key = people.keys.make(person.id, f"{word} key", ["chat"])[0].id
        self.invitation = people.invitations.invite(f"{word} guest", "member", person.id)[0].id
        self.role = people.library.add(person.id, title=f"{word} role", prompt=f"{word} prompt").id
        kept = Passkey(id=token_hex(32), person=person.id, name=f"{word} passkey", site="localhost", credential="AAAA",
                       public_key="AAAA")
        self.passkey = store.put_entry(entries.entry("passkey", kept, owner=person.id)).id
        self.response = self._response()
        deleted = store.create_conversation(person.id, title=f"{word} deleted", beginning=[Message(role="user", text="x")]).id
        store.delete_conversation(person.id, deleted)

    def _response(self):
        headers = self.household.key(self.person)
        answer = self.household.app.test_client().post(
            "/v1/responses", base_url=HOME, json={"model": "echo", "input": f"{self.word} input"}, headers=headers,
        )
        assert answer.status_code == 200, answer.text
        return answer.json["id"]


def like(id):
    """Another id of the same form: every letter and digit behind the first underscore or dash is another one."""
    kept = re.match(r"(resp_|[a-z]-)?", id)[0]
    return kept + re.sub(r"[A-Za-z0-9]", lambda found: turned(found[0]), id[len(kept):])


def turned(letter):
    """The same kind of letter, another one; hexadecimal stays hexadecimal."""
    for letters in ("0123456789", "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEF", "GHIJKLMNOPQRSTUVWXYZ"):
        if letter in letters:
            return letters[(letters.index(letter) + 1) % len(letters)]
    return letter


def told(response, *ids):
    """What an answer says, without what has to differ: the request's number, and the ids that were asked for."""
    text = response.get_data(as_text=True).replace(response.headers.get("X-Request-Id", "\0"), "REQUEST")
    for id in ids:
        text = text.replace(json.dumps(id)[1:-1], "ID")
    ignored = ("X-Request-Id", "Set-Cookie", "Date")
    return text, sorted((name, value) for name, value in response.headers if name not in ignored and "Remaining" not in name
                        and "Reset" not in name)


class Statements:
    """Counts what a store asks of its database."""

    def __init__(self, store):
        self.count, self.engine = 0, store._database._engine

    def __enter__(self):
        event.listen(self.engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_):
        event.remove(self.engine, "before_cursor_execute", self._note)

    def _note(self, *_):
        self.count += 1
