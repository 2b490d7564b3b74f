"""Text shown as it was written."""

from __future__ import annotations

from html import escape

from webbot.web.markup.characters import visible


def plain_html(text: str) -> str:
    """`text` escaped, its lines kept."""
    return escape(visible(text)).replace("\n", "<br>\n")


def plain_block(text: str) -> list[str]:
    """One paragraph, or nothing when there is nothing to see."""
    return [f"<p>{plain_html(text.strip(chr(10)))}</p>"] if text.strip() else []
