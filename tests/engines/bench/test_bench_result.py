"""What a measurement looks like: tables and the picture from given numbers, and what may be asked."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from webbot.engines.bench import picture, tables
from webbot.engines.bench.wanted import Wanted, load

RESULT = {
    "subject": "A <model> & co", "machine": "A card", "device": "cuda", "precision": "bfloat16", "weights": "auto",
    "versions": {"torch": "2.11"}, "bandwidth": {"copy": 4.25e12, "read": 4.0e12}, "weight_bytes": 2.472e9, "token_bytes": 32768,
    "rates": [
        {"streams": 1, "context": 200, "tokens": 128, "limit": 1720.0, "webbot": 1050.0, "generate": 12.5, "compiled": 359.0},
        {"streams": 256, "context": 200, "tokens": 128, "limit": 250000.0, "webbot": 60000.0, "manager": 4800.0},
    ],
    "waits": [{"what": "First token of a prompt", "webbot": 0.0123, "generate": 0.1},
              {"what": "Longest pause", "webbot": 0.004}],
    "left_out": [{"what": "compiled, 256", "why": "Too many."}],
    "checks": [{"what": "Greedy", "well": True, "found": "8 of 8"}, {"what": "Logits", "well": False, "found": "3e-1"}],
}


def test_the_terminal_shows_every_figure_in_columns():
    text = tables.terminal(RESULT)
    assert "4.25 TB/s copied" in text and "2.47 GB of weights" in text and "32 KiB" in text
    one, many = (line for line in text.splitlines() if re.match(r"(1|256) ", line))
    assert one.split() == ["1", "200", "1,050", "12.5", "359", "1,720", "61", "%", "84.00", "2.92"]
    assert "60,000" in many and "4,800" in many and "24 %" in many and "12.50" in many
    head = next(line for line in text.splitlines() if line.startswith("answers at once"))
    assert one.index("12.5") + len("12.5") == head.index("generate") + len("generate")  # figures end where their heads do
    assert "12.3" in text and "8.13" in text  # milliseconds, and how many times as long generate takes
    assert "WRONG  Logits" in text and "Left out: compiled, 256. Too many." in text
    assert tables.RATIOS_ONLY not in text and tables.RATIOS_ONLY in tables.terminal(RESULT | {"device": "cpu"})


def test_markdown_has_as_many_cells_in_each_row():
    text = tables.markdown(RESULT)
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    assert "| 1 | 200 | 1,050 |" in text


def test_what_was_not_measured_is_not_shown():
    bare = {name: RESULT[name] for name in ("subject", "precision", "machine")} | {"checks": RESULT["checks"][:1]}
    text = tables.terminal(bare)
    assert "Tokens per second" not in text and "Waiting" not in text and "ok     Greedy" in text
    assert tables.markdown(bare)


def test_the_picture_has_a_bar_for_each_figure_as_high_as_its_part_of_the_limit():
    root = ElementTree.fromstring(picture.svg(RESULT))
    space = {"svg": "http://www.w3.org/2000/svg"}
    bars = [rect for rect in root.findall("svg:rect", space) if rect.find("svg:title", space) is not None]
    assert len(bars) == 5
    heights = {rect.find("svg:title", space).text: float(rect.get("height")) for rect in bars}
    assert heights["webbot: 1,050 tokens a second, 61.0% of the limit"] == pytest.approx(picture.HIGH * 1050 / 1720, abs=0.1)
    assert len(root.findall("svg:line[@class='limit']", space)) == 1
    texts = [text.text for text in root.findall("svg:text", space)]
    assert {"1,050", "12.5", "60,000", "256 at once"} <= set(texts) and "A <model> & co: tokens per second" in texts
    width = float(root.get("viewBox").split()[2])
    assert root.get("width") == "100%" and "after 200 tokens" in texts  # a phone shows all of it
    for rect in bars:
        assert float(rect.get("x")) + float(rect.get("width")) <= width and float(rect.get("y")) >= picture.TOP - 1


def test_bars_above_the_limit_stay_in_the_picture():
    rows = [{"streams": 1, "context": 9, "tokens": 9, "limit": 10.0, "webbot": 30.0}]  # what a processor's cache can do
    root = ElementTree.fromstring(picture.svg(RESULT | {"rates": rows}))
    assert min(float(rect.get("y")) for rect in root.findall("{*}rect[@class='webbot']")) >= 0


def test_loads():
    assert load("64", 200) == load("64@200", 9) and load("1@6144", 200).context == 6144
    for wrong in ("", "0", "-1", "1@0", "x", "1@x"):
        with pytest.raises(ValueError):
            load(wrong, 200)
    loads, tokens = Wanted(loads=["2", "8@50"], context=100, tokens=7).on("cpu")
    assert [(each.streams, each.context) for each in loads] == [(2, 100), (8, 50)] and tokens == 7
    assert max(each.streams for each in Wanted().on("cuda")[0]) == 256 and Wanted(quick=True).on("cuda")[1] < 64


def test_what_shows_a_result_needs_no_torch():
    code = "import sys, webbot.bench_command; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
