"""The names of all keys. What belongs to one conversation has its id in braces, so that one server of several would hold it.

    webbot:about                    hash    schema, changes (how many there were), filling, checked
    webbot:hold                     string  whoever reads or fills everything; ends by itself
    webbot:conversations            zset    id by the number of its last change; the deleted ones too
    webbot:deleted                  zset    id by when it was deleted
    webbot:running                  set     ids in which an answer is streaming
    webbot:shares                   hash    token -> id of the conversation
    webbot:sessions                 zset    key by when it ends
    webbot:session:KEY              string  when it ends (8 bytes), the value
    webbot:kinds                    set     kinds of entries
    webbot:entries:KIND             hash    id -> whose it is and JSON (redis_entries.py)
    webbot:owned:NAME               set     ids of the entries of a kind (NAME of kind and owner) that an owner has
    webbot:ending                   zset    NAME of kind and id, of an entry that ends, by when
    webbot:counters                 zset    key by when it ends
    webbot:counter:KEY              hash    value, ends_at
    webbot:done:CALL                string  what a call did; ends by itself
    webbot:owner:OWNER:list         zset    id by pinned and place (less than 0 for an older one from elsewhere)
    webbot:owner:OWNER:titles       hash    id -> the words of the title
    webbot:{ID}                     hash    about (JSON), place, revision (the number of its last change), commit (who made it)
    webbot:{ID}:messages            hash    id -> JSON
    webbot:{ID}:children            hash    id of a message, "" for none -> "NUMBER:ID NUMBER:ID ..." of those that follow it
    webbot:{ID}:branch              zset    ids of the shown branch by number
    webbot:{ID}:pinned              set     ids of pinned messages
    webbot:{ID}:requests            hash    id of an answer -> JSON
    webbot:{ID}:files               hash    id -> JSON
    webbot:{ID}:text:FILE, :data:FILE  hash  number of a piece -> bytes

A message is one value of a hash and not a hash of its own: that would take 2 kB more for each.
"""

from __future__ import annotations

from collections.abc import Iterable

PREFIX = b"webbot:"
ABOUT = PREFIX + b"about"
HOLD = PREFIX + b"hold"
CONVERSATIONS = PREFIX + b"conversations"
DELETED = PREFIX + b"deleted"
RUNNING = PREFIX + b"running"
SHARES = PREFIX + b"shares"
SESSIONS = PREFIX + b"sessions"
KINDS = PREFIX + b"kinds"
ENDING = PREFIX + b"ending"
COUNTERS = PREFIX + b"counters"
LISTS = (CONVERSATIONS, DELETED, RUNNING, SHARES, SESSIONS, KINDS, ENDING, COUNTERS)
# The patterns of all keys beside those, for SCAN.
PATTERNS = tuple(
    PREFIX + begin for begin in (b"{*", b"owner:*", b"session:*", b"entries:*", b"owned:*", b"counter:*", b"done:*")
)


def raw(text: str) -> bytes:
    """Any text as bytes of its own, also one that is not valid."""
    return text.encode("utf-8", "surrogatepass")


def text(value: bytes) -> str:
    return value.decode("utf-8", "surrogatepass")


def session(key: str) -> bytes:
    return PREFIX + b"session:" + raw(key)


def owners_list(owner: str) -> bytes:
    return PREFIX + b"owner:" + raw(owner) + b":list"


def owners_titles(owner: str) -> bytes:
    return PREFIX + b"owner:" + raw(owner) + b":titles"


def entries(kind: str) -> bytes:
    return PREFIX + b"entries:" + raw(kind)


def owned(kind: str, owner: str) -> bytes:
    return PREFIX + b"owned:" + name(kind, owner)


def name(kind: str, id: str) -> bytes:
    """One text for both, which no two others have."""
    return b"%d:%s%s" % (len(raw(kind)), raw(kind), raw(id))


def counter(key: str) -> bytes:
    return PREFIX + b"counter:" + raw(key)


def done(call: str) -> bytes:
    return PREFIX + b"done:" + raw(call)


class Keys:
    """Those of the conversation `id`."""

    def __init__(self, id: str) -> None:
        self.id = raw(id)
        self.base = PREFIX + b"{" + self.id + b"}"
        self.messages, self.children, self.branch, self.pinned, self.requests, self.files = (
            self.base + name for name in (b":messages", b":children", b":branch", b":pinned", b":requests", b":files")
        )

    def text(self, file: str) -> bytes:
        return self.base + b":text:" + raw(file)

    def data(self, file: str) -> bytes:
        return self.base + b":data:" + raw(file)

    def parts(self, files: Iterable[str]) -> list[bytes]:
        """Everything but the base, given the ids of its files."""
        fixed = [self.messages, self.children, self.branch, self.pinned, self.requests, self.files]
        return fixed + [key for file in files for key in (self.text(file), self.data(file))]
