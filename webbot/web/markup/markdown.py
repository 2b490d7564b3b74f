"""Markdown as clean HTML, one top-level element a block: CommonMark with tables, strikethrough, coloured code and formulas.

Raw HTML stays text. Images are never loaded: what they show is said instead. Links lead to the web and to mail only.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from webbot.web.markup.characters import visible
from webbot.web.markup.cleaning import clean_answer
from webbot.web.markup.code import MOST_COLOURED, code_block
from webbot.web.markup.formulas import formulas

GROWING_COLOURED = 16_384  # characters; a longer block of code gets the rest of its colours when it is complete
MOST_NESTED = 40  # quotes in lists in quotes ...
MOST_BRACKETS = 400  # in one paragraph with links
MOST_CELLS = 6_000  # of one table; the parser fills up short rows, so that a few characters may ask for thousands

_LINK = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)

_DELIMITERS = re.compile(r"[\s>|:-]*")

References = MutableMapping[str, Any]
RuleFunction = Callable[[StateInline, bool], bool]


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return _LINK.match(url) is not None


def blocks(source: str, references: References, growing: bool = False) -> list[str]:
    """The blocks of `source`, each one HTML element.

    `references` are the link definitions known so far; those in `source` are added. `growing` says that more will
    come: what has been begun and not closed is then shown calmly.
    """
    known: References = ChainMap({}, references) if growing else references
    env = {"references": known, "growing": growing}
    tokens = _parser.parse(visible(source), env)
    rendered = (_parser.renderer.render(part, _parser.options, env) for part in _top_level(tokens))
    return [html for part in rendered if (html := clean_answer(part).strip())]


def _top_level(tokens: Sequence[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = []
    for token in tokens:
        if token.level == 0 and token.nesting >= 0:
            parts.append([])
        parts[-1].append(token)
    return parts


def _bounded_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if start + 1 >= end or state.env.get("no_tables"):
        return False
    second = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]]
    if not _DELIMITERS.fullmatch(second):
        return False
    most_rows = MOST_CELLS // (second.count("|") + 1)
    if not any(state.isEmpty(row) for row in range(start, min(end, start + most_rows))) and end - start > most_rows:
        state.env["no_tables"] = True
        return False
    return table(state, start, end, silent)


def _bounded_brackets(rule: RuleFunction) -> RuleFunction:
    """Each bracket may look for its partner to the end of the text."""

    def bounded(state: StateInline, silent: bool) -> bool:
        if state.src[state.pos] not in "![":
            return False
        counted, brackets = state.env.get("brackets", (None, 0))
        if counted is not state.src:
            brackets = state.src.count("[")
            state.env["brackets"] = (state.src, brackets)
        return brackets <= MOST_BRACKETS and rule(state, silent)

    return bounded


def _fence(renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return code_block(tokens[index].content, tokens[index].info, GROWING_COLOURED if env.get("growing") else MOST_COLOURED)


def _picture(renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    said = renderer.renderInlineAsText(token.children or [], options, env) or str(token.attrs.get("src", ""))
    return f'<span class="picture">{escape(said, quote=False)}</span>'


def _cell(renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    align = re.search(r"center|right", str(token.attrs.pop("style", "")))
    if align:
        token.attrs["class"] = align.group()
    return renderer.renderToken(tokens, index, options, env)


def _build() -> _Markdown:
    parser = _Markdown("commonmark", {"html": False, "linkify": False, "maxNesting": MOST_NESTED})
    parser.enable(["table", "strikethrough"])
    parser.use(formulas)
    parser.block.ruler.at("table", _bounded_table, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.at("link", _bounded_brackets(link))
    parser.inline.ruler.at("image", _bounded_brackets(image))
    for name, rule in {"fence": _fence, "code_block": _fence, "image": _picture, "th_open": _cell, "td_open": _cell}.items():
        parser.add_render_rule(name, rule)
    return parser


_parser = _build()
