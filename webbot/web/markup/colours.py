"""Which words of a program get a colour: Pygments' many token types, gathered into a few classes with Pygments' names.

static/css/code.css holds a colour for each class, and a test holds that it does.
"""

from __future__ import annotations

from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, Token, _TokenType

GROUPS: dict[_TokenType, str] = {
    Comment: "c",
    Comment.Preproc: "k",
    Keyword: "k",
    Operator.Word: "k",
    String: "s",
    Number: "m",
    Name.Builtin: "nb",
    Name.Class: "nf",
    Name.Decorator: "nf",
    Name.Exception: "nf",
    Name.Function: "nf",
    Name.Attribute: "nb",
    Name.Tag: "k",
    Generic.Deleted: "gd",
    Generic.Inserted: "gi",
    Generic.Heading: "gh",
    Generic.Subheading: "gh",
    Generic.Prompt: "c",
    Generic.Output: "c",
}
CLASSES = frozenset(GROUPS.values())

_known: dict[_TokenType, str] = {Token: ""}


def colour_class(kind: _TokenType) -> str:
    """The class of a token type: its own group's or that of the nearest type above it; "" for plain text."""
    if kind not in _known:
        _known[kind] = GROUPS.get(kind) or colour_class(kind.parent or Token)
    return _known[kind]
