"""What goes out comes back: all of it through JSON, of the shown branch what Markdown holds."""

import dataclasses
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from webbot import transfer
from webbot.messages import Conversation, File, Message, Usage
from webbot.transfer import Talk, WrittenRole, markdown, webbot_json

# Whatever a store may hold: no surrogates, no NUL.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=30)
MARKED = st.lists(st.sampled_from([
    "```", "~~~~", "````python", "code", "", "## You <!-- webbot user 2026-01-01T00:00:00Z -->", "<!-- webbot closed -->",
    "\\## Answer <!-- webbot assistant -->", "\\\\<!-- webbot 1 -->", "# heading", "    ```", "> ```", "\r", " ",
]), max_size=6).map("\n".join)
TIMES = st.floats(0, 2e9)
KEYS = st.text("abcdefgh-_0123456789", min_size=1, max_size=8)
COUNTS = st.integers(0, 2**31 - 1)
USAGES = st.builds(Usage, prompt_tokens=COUNTS, answer_tokens=COUNTS, cached_tokens=COUNTS, seconds=TIMES)
SPOKEN = st.dictionaries(st.sampled_from(["language", "seconds", "took"]), st.sampled_from(["en", 2.5, 1]), max_size=3)


SAID = st.builds(
    Message, role=st.sampled_from(["user", "assistant"]), text=TEXT | MARKED,
    status=st.sampled_from(["complete", "stopped", "failed", "streaming"]), tokens=st.none() | COUNTS, counted_by=KEYS,
    created_at=TIMES, usage=st.none() | USAGES, error=TEXT, spoken=SPOKEN, pinned=st.booleans(),
    feedback=st.sampled_from(["", "up", "down"]), remembers_from=COUNTS, cut_for=KEYS,
)
ABOUT = st.builds(
    Conversation, id=st.just(""), owner=st.just(""), title=TEXT, titled_by=st.sampled_from(["", "question", "model", "person"]),
    role=TEXT, pinned=st.booleans(), speaks=st.booleans(), markup=st.sampled_from(["markdown", "textile"]), model=KEYS,
    cut_for=KEYS, remembers_from=COUNTS, created_at=TIMES, updated_at=TIMES,
)
FILES = st.tuples(st.builds(
    File, id=KEYS, name=KEYS, media_type=st.sampled_from(["text/plain", "application/pdf"]), size=st.just(0),
    tokens=st.none() | COUNTS, counted_by=KEYS, created_at=TIMES,
), TEXT, st.binary(max_size=20))


ROLES = st.builds(WrittenRole, TEXT, TEXT | MARKED, TEXT, st.lists(TEXT, max_size=3).map(tuple))


@st.composite
def talks(draw):
    messages = []
    for said in draw(st.lists(SAID, max_size=6)):
        parent = draw(st.sampled_from(["", *(message.id for message in messages)]))
        number = draw(st.integers(1, 3)) + (messages[-1].number if messages else 0)
        messages.append(dataclasses.replace(said, id=f"m{len(messages)}", parent=parent, number=number))
    tip = draw(st.sampled_from([message.id for message in messages] or [""]))
    files = draw(st.lists(FILES, max_size=2))
    sized = tuple((dataclasses.replace(file, size=len(data)), text, data) for file, text, data in files)
    return Talk(dataclasses.replace(draw(ABOUT), tip=tip), tuple(messages), sized)


def as_file(*those, roles=()):
    pieces = [webbot_json.written(talk.about, talk.messages, talk.files) for talk in those]
    return "".join(webbot_json.whole(pieces, roles)).encode()


@settings(max_examples=40, deadline=None)
@given(st.lists(talks(), max_size=2), st.lists(ROLES, max_size=3))
def test_json_loses_nothing(those, roles):
    data = as_file(*those, roles=roles)
    assert json.loads(data)["format"] == "webbot"
    assert list(transfer.read(data)) == [*roles, *those]


def test_roles_are_there_also_where_the_file_breaks_off():
    cook = WrittenRole("Cook", 'You say "conversations": [', "", ("Dinner?",))
    whole = as_file(Talk(Conversation(id="", owner="", title="A dragon")), roles=[cook])
    for end in range(whole.index(b'"conversations": [\n') + 20, len(whole) - 3):
        assert next(transfer.read(whole[:end])) == cook


@settings(max_examples=60, deadline=None)
@given(talks())
def test_markdown_holds_the_shown_branch(talk):
    ids = {message.id: message for message in talk.messages}
    branch, at = [], talk.about.tip
    while at:
        branch.insert(0, ids[at])
        at = ids[at].parent
    data = "".join(markdown.written(talk.about, branch, ["a.txt"])).encode()
    [back] = transfer.read(data)
    assert back.about.title == " ".join(talk.about.title.split())
    assert back.about.role == talk.about.role
    assert [(m.role, m.text, int(m.created_at)) for m in back.messages] == [(m.role, m.text, int(m.created_at)) for m in branch]
    assert [m.status for m in back.messages] == [m.status if m.status in ("stopped", "failed") else "complete" for m in branch]
    assert [m.parent for m in back.messages] == ["", *(m.id for m in back.messages)][:len(branch)]


def test_markdown_can_be_read():
    about = Conversation(id="", owner="", title="A dragon", role="You help.")
    said = [
        Message(role="user", text="How?", created_at=1.5e9),
        Message(role="assistant", text="```python\nprint(1)", status="stopped"),
    ]
    assert "".join(markdown.written(about, said, ["notes.txt"])) == """<!-- webbot 1 -->
# A dragon

## Role <!-- webbot role -->

You help.

## Files <!-- webbot files -->

- notes.txt

## You <!-- webbot user 2017-07-14T02:40:00Z -->

How?

## Answer <!-- webbot assistant 1970-01-01T00:00:00Z stopped -->

```python
print(1)
```
<!-- webbot closed -->

"""


def test_markdown_survives_an_editor_of_windows():
    about = Conversation(id="", owner="", title="A dragon")
    data = "".join(markdown.written(about, [Message(role="user", text="one\ntwo")])).encode()
    [talk] = transfer.read(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n").rstrip())
    assert talk.messages[0].text == "one\ntwo"
