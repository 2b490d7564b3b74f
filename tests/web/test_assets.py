"""The page's own files: kept for good under the address that names their state, asked again under any other."""

import re

import pytest

from webbot.settings import ROOT
from webbot.web.assets import FOR_GOOD, stamp_of


@pytest.fixture
def files(ann):
    """The addresses of the files that the page names."""
    return sorted(set(re.findall(r'(?:src|href)="(/static/[^"#]+)', ann.get("/").text)))


def test_what_a_page_names_is_kept_for_good(ann, files):
    assert any(file.endswith("/js/page.js") for file in files)
    for file in files:
        assert (answer := ann.get(file)).status_code == 200, file
        assert answer.headers["Cache-Control"] == FOR_GOOD
        assert "Set-Cookie" not in answer.headers


def test_what_a_module_asks_for_has_the_address_of_the_module(ann, files):
    stamped = next(file for file in files if file.endswith("/js/page.js")).removesuffix("page.js")
    asked = {name for path in (ROOT / "static/js").glob("*.js") for name in re.findall(r'from "([^"]+)"', path.read_text())}
    assert len(asked) > 20
    for name in asked:
        assert re.match(r"\.\.?/", name), "the address of a module's module is relative"
    assert ann.get(f"{stamped}voice/device.js").headers["Cache-Control"] == FOR_GOOD


@pytest.mark.parametrize("file", ["/static/js/page.js", "/static/v/0/js/page.js"])
def test_any_other_address_is_asked_again(ann, file):
    answer = ann.get(file)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    again = ann.get(file, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.headers["Cache-Control"]) == (304, "no-cache")


@pytest.mark.parametrize("file", ["/static/v/0/../../webbot/settings.py", "/static/v/0/nothing.js", "/static/v/0", "/static/v/"])
def test_nothing_else_is_served(ann, file):
    answer = ann.get(file)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")


def test_the_stamp_tells_any_change(tmp_path):
    (tmp_path / "js").mkdir()
    seen = {stamp_of(tmp_path)}
    for name, content in (("js/a.js", "1"), ("js/a.js", "2"), ("js/b.js", "2"), ("b.js", ""), ("c.js", "")):
        (tmp_path / name).write_text(content)
        seen.add(stamp_of(tmp_path))
    (tmp_path / "c.js").rename(tmp_path / "d.js")
    assert len(seen | {stamp_of(tmp_path)}) == 7
