"""A result as a picture (SVG): for each number of answers a bar a side, as high as its part of the limit, which is a line.

The bars are labelled with their tokens a second. It follows the reader's choice of dark or light by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from webbot.engines.bench.tables import SIDES, number, sides

BAR, BETWEEN, LEFT, RIGHT = 40, 28, 56, 20
TOP, HIGH, BELOW = 92, 240, 72
LEAST_WIDTH = 480
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1d2330 }
.quiet { fill: #5a6273; font-size: 12px }
.title { font-size: 16px; font-weight: 600 }
svg { background: #ffffff }
.page { fill: #ffffff }
.rule { stroke: #c9ced8 }
.limit { stroke: #b3261e; stroke-width: 2; stroke-dasharray: 6 4 }
.webbot { fill: #0b6e4f } .generate { fill: #8a93a5 } .compiled { fill: #4f6bb0 } .manager { fill: #b5793a }
@media (prefers-color-scheme: dark) {
  svg { background: #14171d }
  text { fill: #e8ebf2 } .quiet { fill: #a6aebd } .page { fill: #14171d } .rule { stroke: #3a4150 } .limit { stroke: #ff8a80 }
  .webbot { fill: #3ecf9a } .generate { fill: #7b8496 } .compiled { fill: #8aa4ee } .manager { fill: #e0a35f }
}"""


def svg(result: Mapping[str, Any]) -> str:
    """The picture of the "rates" of a result, which has some."""
    rows: Sequence[Mapping[str, Any]] = result["rates"]
    shown = sides(rows)
    group = BAR * len(shown) + BETWEEN
    width = max(LEFT + group * len(rows) + RIGHT, LEAST_WIDTH)
    whole = max(1.0, *(row[side] / row["limit"] for row in rows for side in shown if side in row))
    parts = [*_head(result, width), *_scale(width, whole), *_key(shown)]
    for place, row in enumerate(rows):
        parts += _group(row, shown, LEFT + place * group + BETWEEN // 2, whole)
    height = TOP + HIGH + BELOW
    title = escape(f"Tokens per second: {result['subject']}")
    size = f'viewBox="0 0 {width} {height}" width="100%" style="max-width: {width}px"'  # a phone shows all of it, smaller
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{title}">', f"<style>{STYLE}\n</style>",
        f'<rect class="page" width="{width}" height="{height}"/>', *parts, "</svg>\n",
    ])


def _head(result: Mapping[str, Any], width: int) -> list[str]:
    below = f"{result['precision']}, {result['machine']}"
    return [f'<text class="title" x="16" y="26">{escape(result["subject"])}: tokens per second</text>',
            f'<text class="quiet" x="16" y="46">{escape(below[: width // 7])}</text>']


def _scale(width: int, whole: float) -> list[str]:
    """The parts of the limit at the left, and the limit itself."""
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75):
        y = _height(share, whole)
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{width - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="quiet" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{share:.0%}</text>')
    y = _height(1.0, whole)
    parts.append(f'<line class="limit" x1="{LEFT}" x2="{width - RIGHT}" y1="{y}" y2="{y}"/>')
    parts.append(f'<text class="quiet" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">limit</text>')
    return parts


def _key(shown: Sequence[str]) -> list[str]:
    """Which colour is which side."""
    parts, x = [], 16
    for side in shown:
        parts.append(f'<rect class="{side}" x="{x}" y="58" width="12" height="12" rx="2"/>')
        parts.append(f'<text x="{x + 18}" y="69">{escape(SIDES[side])}</text>')
        x += 40 + 7 * len(SIDES[side])
    return parts


def _group(row: Mapping[str, Any], shown: Sequence[str], x: int, whole: float) -> list[str]:
    """The bars of one number of answers."""
    parts, bottom = [], _height(0.0, whole)
    for place, side in enumerate(shown):
        if side not in row:
            continue
        share = row[side] / row["limit"]
        top, left = _height(share, whole), x + place * BAR
        what = escape(f"{SIDES[side]}: {number(row[side])} tokens a second, {share:.1%} of the limit")
        parts.append(f'<rect class="{side}" x="{left + 2}" y="{top}" width="{BAR - 4}" height="{round(bottom - top, 1)}" rx="2">'
                     f"<title>{what}</title></rect>")
        parts.append(f'<text class="quiet" x="{left + BAR // 2}" y="{top - 4}" text-anchor="middle">{number(row[side])}</text>')
    middle = x + BAR * len(shown) // 2
    parts.append(f'<text x="{middle}" y="{bottom + 20}" text-anchor="middle">{row["streams"]} at once</text>')
    parts.append(f'<text class="quiet" x="{middle}" y="{bottom + 38}" text-anchor="middle">limit {number(row["limit"])}</text>')
    if "context" in row:
        after = f"after {row['context']} tokens"
        parts.append(f'<text class="quiet" x="{middle}" y="{bottom + 54}" text-anchor="middle">{after}</text>')
    return parts


def _height(share: float, whole: float) -> float:
    """Where a part of the limit is, from above."""
    return round(TOP + HIGH - HIGH * share / whole, 1)
