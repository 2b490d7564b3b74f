"""A result as tables: for a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Each side by its name in the result, the first one ours.
SIDES = {"webbot": "webbot", "generate": "generate", "compiled": "generate, compiled", "manager": "transformers' batching"}
RATIOS_ONLY = "On a processor only the ratios say something: the figures depend on what else it does."


@dataclass(frozen=True, slots=True)
class Table:
    """The first column is text, the others are figures."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def terminal(result: Mapping[str, Any]) -> str:
    """The lines of a terminal."""
    parts = ["\n".join(_heading(result))]
    for table in _tables(result):
        widths = [max(map(len, column)) for column in zip(table.heads, *table.rows, strict=True)]
        lines = [table.title] if table.title else []
        for row in (table.heads, *table.rows):
            cells = [cell.ljust(width) if not number else cell.rjust(width)
                     for number, (cell, width) in enumerate(zip(row, widths, strict=True))]
            lines.append("  ".join(cells).rstrip())
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, *(["\n".join(_notes(result))] if _notes(result) else [])])


def markdown(result: Mapping[str, Any]) -> str:
    first, *others = _heading(result)
    parts = [f"# {first}", *others]
    for table in _tables(result):
        lines = [f"## {table.title}", "", "| " + " | ".join(table.heads) + " |", "|---" + "|---:" * (len(table.heads) - 1) + "|"]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table.rows]
        parts.append("\n".join(lines))
    parts += ["\n".join(f"- {note}" for note in _notes(result))] if _notes(result) else []
    return "\n\n".join(parts) + "\n"


def number(value: float) -> str:
    """Three digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def sides(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those that were measured, in their order."""
    return [side for side in SIDES if any(side in row for row in rows)]


def _heading(result: Mapping[str, Any]) -> list[str]:
    lines = [f"{result['subject']}, {result['precision']}, on {result['machine']}"]
    if result.get("versions"):
        lines.append(", ".join(f"{name} {version}" for name, version in result["versions"].items()))
    if result.get("device") == "cpu" and result.get("threads"):
        lines.append("Threads: " + ", ".join(f"{side} {count}" for side, count in sorted(result["threads"].items())))
    band = result.get("bandwidth")
    if band:
        weights, token = f"{result['weight_bytes'] / 1e9:.3g} GB", f"{number(result['token_bytes'] / 1024)} KiB"
        lines.append(f"Memory: {_rate(band['copy'])} copied, {_rate(band['read'])} read by a matrix times a vector.")
        lines.append(f"A step reads {weights} of weights, and {token} for each token that it looks back at: "
                     "the limit is what the memory allows.")
    return lines


def _tables(result: Mapping[str, Any]) -> list[Table]:
    makers = {"rates": _rates, "waits": _waits, "checks": _checks}
    return [make(result[part]) for part, make in makers.items() if result.get(part)]


def _rates(rows: Sequence[Mapping[str, Any]]) -> Table:
    measured = sides(rows)
    others = [side for side in measured if side != "webbot"]
    heads = ["answers at once", "tokens of context", *(SIDES[side] for side in measured), "limit", "webbot of it",
             *(f"webbot : {SIDES[side]}" for side in others)]
    lines = []
    for row in rows:
        ours = row.get("webbot")
        line = [number(row["streams"]), number(row["context"]), *(_figure(row.get(side)) for side in measured)]
        line += [number(row["limit"]), f"{100 * ours / row['limit']:.0f} %" if ours else ""]
        line += [_ratio(ours, row.get(side)) for side in others]
        lines.append(line)
    return Table("Tokens per second, all answers together", heads, lines)


def _waits(rows: Sequence[Mapping[str, Any]]) -> Table:
    measured = sides(rows)
    others = [side for side in measured if side != "webbot"]
    heads = ["milliseconds", *(SIDES[side] for side in measured), *(f"{SIDES[side]} : webbot" for side in others)]
    lines = []
    for row in rows:
        figures = [_figure(row[side] * 1000 if side in row else None) for side in measured]
        lines.append([row["what"], *figures, *(_ratio(row.get(side), row.get("webbot")) for side in others)])
    return Table("Waiting", heads, lines)


def _checks(rows: Sequence[Mapping[str, Any]]) -> Table:
    lines = [[f"{'ok   ' if row['well'] else 'WRONG'}  {row['what']}", row["found"]] for row in rows]
    return Table("Is it right?", ["", "found"], lines)


def _notes(result: Mapping[str, Any]) -> list[str]:
    notes = [f"Left out: {each['what']}. {each['why']}" for each in result.get("left_out", ())]
    if result.get("device") == "cpu" and (result.get("rates") or result.get("waits")):
        notes.append(RATIOS_ONLY)
    return notes


def _figure(value: float | None) -> str:
    return "" if value is None else number(value)


def _ratio(above: float | None, below: float | None) -> str:
    return f"{above / below:.2f}" if above and below else ""


def _rate(value: float) -> str:
    return f"{value / 1e12:.2f} TB/s" if value >= 1e12 else f"{value / 1e9:.1f} GB/s"
