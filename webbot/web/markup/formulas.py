r"""Formulas, `$..$` `$$..$$` `\(..\)` `\[..\]`, as MathML made on the server: rules for markdown-it and the conversion.

What cannot be converted is shown as it was written. Amounts of money stay text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape, unescape
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import Converter
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

LONGEST = 4_000  # characters of one formula
_CACHED = 200  # a longer formula is rare, and its MathML large

_INLINE = {
    "$$": (re.compile(r"\$\$((?:[^$\\]|\\.)+)\$\$", re.DOTALL), "block"),
    "$": (re.compile(r"\$(?![\s$])((?:[^$\\`]|\\.)*?(?:[^$\\`\s]|\\\S))\$(?!\d)", re.DOTALL), "inline"),
    r"\(": (re.compile(r"\\\(((?:(?!\\[()]).)+)\\\)", re.DOTALL), "inline"),
    r"\[": (re.compile(r"\\\[((?:(?!\\[\[\]]).)+)\\\]", re.DOTALL), "block"),
}
_CLOSERS = {"$$": "$$", r"\(": r"\)", r"\[": r"\]"}
_MONEY = re.compile(r"[\d.,]+\s+[^\W\d_]{2,}|[\d.,]+\s*(?:[-–/]|to|and)\s*$")
# A macro of a macro of a macro: a short text that grows without end.
_MACROS = re.compile(r"\\(?:re)?newcommand|\\[egx]?def(?![a-z])|\\let(?![a-z])")


def formula_html(source: str, display: str) -> str | None:
    """The MathML of a formula, None when it cannot be made. `display` is "inline" or "block"."""
    source = source.strip()
    if not source or len(source) > LONGEST or _MACROS.search(source):
        return None
    return _cached(source, display) if len(source) <= _CACHED else _convert(source, display)


def _convert(source: str, display: str) -> str | None:
    try:
        math = Converter(display=display).convert_to_element(source)
        return tostring(_plain(math), encoding="unicode")
    except Exception:  # the parser meets whatever a model writes; any failure means: show the source
        return None


_cached = lru_cache(maxsize=512)(_convert)


def _plain(math: Element) -> Element:
    """The converter leaves character references in its texts: they become characters, so that they are escaped only once."""
    math.attrib.pop("xmlns", None)
    for part in math.iter():
        part.text = unescape(part.text) if part.text else part.text
    return math


def formulas(md: MarkdownIt) -> None:
    """A plug-in of markdown-it."""
    md.inline.ruler.before("escape", "formula", _inline)
    md.block.ruler.before("fence", "formula_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    md.add_render_rule("formula", _render)
    md.add_render_rule("formula_block", _render_block)


def _inline(state: StateInline, silent: bool) -> bool:
    source, at = state.src, state.pos
    mark = source[at : at + 2]
    if mark not in _INLINE:
        mark = mark[:1]
    if mark not in _INLINE or (mark == "$" and at and (source[at - 1].isalnum() or source[at - 1] == "$")):
        return False
    pattern, display = _INLINE[mark]
    found = pattern.match(source, at, min(state.posMax, at + LONGEST + 8))
    if found and not (mark == "$" and _MONEY.match(found.group(1))):
        end, content = found.end(), found.group(1)
    elif state.env.get("growing") and mark in _CLOSERS and _CLOSERS[mark] not in source[at + 2 :]:
        end, content, display = state.posMax, source[at + 2 : state.posMax], "source"
    else:
        return False
    if not silent:
        token = state.push("formula", "math", 0)
        token.content, token.markup, token.info = content, mark, display
    state.pos = end
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    mark = first[:2]
    if mark not in ("$$", r"\["):
        return False
    content, following = _until_closed(state, first[2:], mark, start, end)
    if content is None:
        return False
    if not silent:
        token = state.push("formula_block", "math", 0)
        token.block, token.map, token.markup = True, [start, following], mark
        token.content = content.removesuffix(_CLOSERS[mark])
        token.info = "block" if content.endswith(_CLOSERS[mark]) else "source"
    state.line = following
    return True


def _until_closed(state: StateBlock, line: str, mark: str, start: int, end: int) -> tuple[str | None, int]:
    """The text up to and with the closing mark at the end of a line (without one: all there is of a growing answer)."""
    lines, size, at = [], 0, start
    closer = _CLOSERS[mark]
    while True:
        line = line.rstrip()
        lines.append(line)
        size += len(line)
        inner = line.removesuffix(closer)
        if mark in inner or closer in inner or size > LONGEST:
            return None, at
        at += 1
        if inner != line:
            return "\n".join(lines), at
        if at >= end:
            return ("\n".join(lines) if state.env.get("growing") else None), at
        if state.isEmpty(at) or state.sCount[at] < state.blkIndent:
            return None, at
        line = state.src[state.bMarks[at] + state.tShift[at] : state.eMarks[at]]


def _render(renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    if token.info == "source":
        return f"<code>{escape(token.content.strip(), quote=False)}</code>" if token.content.strip() else ""
    made = formula_html(token.content, token.info)
    if made is None:
        return f"<code>{escape(token.markup + token.content + _CLOSERS.get(token.markup, '$'), quote=False)}</code>"
    return made


def _render_block(renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return f"<p>{_render(renderer, tokens, index, options, env)}</p>\n"
