"""The end of a growing Markdown text made calm: what is open is closed, what may become anything is held back."""

from __future__ import annotations

import re

_MARKS_ONLY = re.compile(r"\s*(?:[-=*_+#>~`|:$\\ ]+|\d{1,3}[.)]?)\s*")
_FENCE_BEGINS = re.compile(r"((?:\s|>)*)(`{3,}|~{3,})[^`]*")
_FENCE_ENDS = re.compile(r"[\s>]*(?:`+|~+)\s*")
_STARTS = re.compile(r"^(?:[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+|#{1,6}[ \t]|>|\||[ \t]*$)", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*$|(?<![^\s(*_])!?\[([^\[\]]*)$")
_RUNS = re.compile(r"\\.|\$[^$\s][^$]*\$|`+|\*+|_+|~~", re.DOTALL)
_DELIMITER = re.compile(r"\|?[\s:|-]*")


def calm(source: str, in_code: bool) -> str:
    """`source` as it is to be shown while more comes. `in_code` says that its complete lines leave a block of code open."""
    head, newline, last = source.rpartition("\n")
    if in_code:
        return head + newline if _FENCE_ENDS.fullmatch(last) else source
    begins = _FENCE_BEGINS.fullmatch(last)
    if begins:
        return head + newline + begins.group(1) + begins.group(2) + "\n"
    if _MARKS_ONLY.fullmatch(last) and (head or not last.strip().isdigit()):
        source = head + newline
    source = _without_begun_table(source)
    start = 0
    for found in _STARTS.finditer(source):
        start = found.end()
    return source[:start] + _closed(_LINK.sub(lambda link: link.group(1) or link.group(2) or "", source[start:]))


def _without_begun_table(source: str) -> str:
    """Until its second line is there, a table looks like a paragraph of bars."""
    paragraph = source.rfind("\n\n") + 1
    lines = source[paragraph:].lstrip("\n").split("\n")
    rows = [line for line in lines if line.startswith("|")]
    if not rows or lines.index(rows[0]) + len(rows) < len([line for line in lines if line]):
        return source
    if len(rows) == 1 or (len(rows) == 2 and lines[-1] == rows[1] and _DELIMITER.fullmatch(rows[1])):
        return source[: source.rindex(rows[0] if len(rows) == 1 else rows[0] + "\n")]
    return source


def _closed(text: str) -> str:
    """Emphasis and code that are open at the end, closed. Marks at the very end are dropped: what they close is closed anyway."""
    text = text.rstrip().rstrip("*_~`")
    text = text[:-1] if text.endswith("\\") else text
    opened: list[str] = []
    at = 0
    while found := _RUNS.search(text, at):
        run, at = found.group(), found.end()
        if run[0] == "`":
            closing = re.compile(f"(?<!`){run}(?!`)").search(text, at)
            if closing is None:
                opened.append(run)
                break
            at = closing.end()
        elif run[0] in "*_~":
            _note(opened, run, text[: found.start()][-1:], text[at : at + 1])
    return text.rstrip() + "".join(reversed(opened))


def _note(opened: list[str], run: str, before: str, after: str) -> None:
    """Takes a run of marks as the parser will: it closes behind a word, opens before one; `_` does neither within a word."""
    closes = bool(before) and not before.isspace() and not (run[0] == "_" and after.isalnum())
    opens = bool(after) and not after.isspace() and not (run in ("_", "__", "*") and before.isalnum())
    if closes and opened and opened[-1][0] == run[0]:
        opened.pop()
    elif opens:
        opened.append(run)
