"""What may stand in an answer: an allow list, applied to everything the other modules of this package write.

Covered: scripts, event handlers, styles, remote content (no images at all), links to anything but the web and mail.
Not covered: where a web link leads; that is why links open apart and carry neither the address nor the opener.
"""

from __future__ import annotations

import nh3

from webbot.web.markup.colours import CLASSES


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXT_TAGS = _words("a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul")
TEXTILE_TAGS = _words("b i ins sup sub cite dl dt dd div")
FORMULA_TAGS = _words(
    "math mrow mi mo mn mtext mspace mstyle mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts "
    "mtable mtr mtd mlabeledtr mpadded mphantom menclose merror",
)
FORMULA_ATTRIBUTES = _words(
    "mathvariant mathcolor mathbackground mathsize displaystyle scriptlevel stretchy fence form separator accent accentunder "
    "largeop movablelimits symmetric lspace rspace minsize maxsize width height depth voffset linethickness notation linebreak "
    "columnalign rowalign columnspacing rowspacing columnlines rowlines",
)
SCHEMES = _words("http https mailto")

_attributes: dict[str, set[str]] = {tag: set(FORMULA_ATTRIBUTES) for tag in FORMULA_TAGS}
_attributes["math"] |= {"display"}
_attributes |= {"*": set(), "a": {"href"}, "ol": {"start"}}
_aligned = {"center", "right"}

_answer = nh3.Cleaner(
    tags=set(TEXT_TAGS | FORMULA_TAGS | {"header", "button"}),
    attributes=_attributes | {"button": {"data-copy"}},
    allowed_classes={"span": set(CLASSES) | {"picture"}, "th": _aligned, "td": _aligned},
    set_tag_attribute_values={"a": {"target": "_blank"}, "button": {"type": "button"}},
    link_rel="noopener noreferrer nofollow", url_schemes=set(SCHEMES), url_relative="deny", strip_comments=True,
)
_textile = nh3.Cleaner(
    tags=set(TEXT_TAGS | TEXTILE_TAGS), attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer nofollow", url_schemes=set(SCHEMES), url_relative="deny", strip_comments=True,
)
_operator = nh3.Cleaner(
    tags=set(TEXT_TAGS | TEXTILE_TAGS), attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
    link_rel="noopener noreferrer", url_schemes=set(SCHEMES), url_relative="pass_through", strip_comments=True,
)


def clean_answer(html: str) -> str:
    """An answer that was written as Markdown."""
    return _answer.clean(html)


def clean_textile(html: str) -> str:
    """An answer that was written as Textile: no formulas, no copy buttons."""
    return _textile.clean(html)


def clean_text(html: str) -> str:
    """A text of the operator: links within the site are allowed, and stay in the tab."""
    return _operator.clean(html)
