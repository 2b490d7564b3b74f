"""Every sentence that a person may read in the page has a Chinese one: those of the templates, of the problems, of the roles'
and models' states. A missing one is found here, because a page in two languages at once is a mistake that nobody reports.
"""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from webbot.settings import ROOT

ZH = ROOT / "webbot" / "translations" / "zh" / "LC_MESSAGES"
# Calls whose first argument is a sentence for a person.
CALLS = {
    "Problem", "BadInput", "NotAllowed", "Unwelcome", "NotFound", "Conflict", "TooLong", "Unusable", "TooMany", "Unavailable",
    "DiskFull", "NoMemory", "Failed", "gettext", "ngettext", "_", "N_", "translated",
}
SENTENCE = re.compile(r"[A-Z{].* .*[.?!]", re.DOTALL)
# What only the terminal shows, and the engine that says what it was told.
TERMINAL = {
    "cli.py", "terminal.py", "settings.py", "certs.py", "authority.py", "server.py", "webprocess.py", "doctor.py", "echo.py",
    "models_command.py", "progress.py", "control.py", "redis_address.py", "redis_filling.py", "redis_opening.py",
    "redis_verify.py", "sql_verify.py", "store_command.py", "people_command.py", "bench_command.py", "banner.py", "safety.py",
    "backup.py",
}
# What `bench` tells in a terminal; the doors for programs, which tell their errors in English; what only models read.
PROGRAMS = (
    "engines/bench/",
    "web/v1/", "web/pybot/", "web/leonid.py", "web/socratic.py", "web/programs.py", "web/leaving.py", "web/strict_json.py",
    "chat/completing.py", "chat/wishes.py", "engines/llama/grammar.py", "engines/llama/wishes.py", "engines/llama/limits.py",
)
PLACEHOLDER = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


def template_messages():
    """msgid -> where."""
    found = {}
    for name, line, message, _comments, _context in extract_from_dir(
        ROOT / "templates", method_map=[("**.html", "jinja2")], options_map={"**.html": {"newstyle_gettext": "true"}}
    ):
        found[message] = f"templates/{name}:{line}"
    return found


def code_messages(programs):
    """msgid -> where: arguments of CALLS, sentences in upper-case constants, and values named `sentence`.

    With `programs` also what names a parameter of a request: programs are told it in English, but a page may show it, too.
    """
    found = {}
    for path in sorted((ROOT / "webbot").rglob("*.py")):
        if path.name in TERMINAL or path.relative_to(ROOT / "webbot").as_posix().startswith(PROGRAMS):
            continue
        for node in sentence_nodes(ast.parse(path.read_text("utf-8")), programs):
            for leaf in strings(node):
                if SENTENCE.fullmatch(leaf.value):
                    found[leaf.value] = f"{path.relative_to(ROOT)}:{leaf.lineno}"
        for _line, _name, message, _comments in _gettext_calls(path):
            found[message] = str(path.relative_to(ROOT))
    return found


def _gettext_calls(path):
    return ((line, "gettext", message, comments) for line, message, comments, _ in extract_from_file("python", str(path)))


def sentence_nodes(tree, programs):
    """The expressions that hold sentences for people."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if not programs and any(keyword.arg in ("parameter", "code") for keyword in node.keywords):
                continue
            if name in CALLS and node.args:
                yield node.args[0]
            yield from (keyword.value for keyword in node.keywords if keyword.arg in ("sentence", "error"))
            if name == "report" and len(node.args) > 1:
                yield node.args[-1]
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            if any(name in ("sentence", "trouble") or name.lstrip("_").isupper() for name in names):
                yield node.value
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node.value


def strings(node):
    """The whole strings of an expression; the pieces of an f-string are none."""
    if isinstance(node, ast.JoinedStr):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from strings(child)


def placeholders(text):
    return sorted(found.group() for found in PLACEHOLDER.finditer(text))


def wanted(programs=False):
    return code_messages(programs) | template_messages()


@pytest.fixture(scope="module")
def catalog():
    with (ZH / "messages.po").open("rb") as file:
        return read_po(file, locale="zh")


def test_the_collector_finds_what_it_must():
    found = wanted()
    assert "The question is empty." in found
    assert "New conversation" in found
    assert "There is nothing here." in found
    assert len(found) > 150


def test_every_sentence_is_translated(catalog):
    translated = {message.id for message in catalog if message.id and message.string and not message.fuzzy}
    missing = {message: place for message, place in wanted().items() if message not in translated}
    assert not missing, "\n".join(f"{place}: {message!r}" for message, place in missing.items())


def test_no_translation_is_left_over(catalog):
    assert sorted({message.id for message in catalog if message.id} - set(wanted(programs=True))) == []


def test_placeholders_match(catalog):
    for message in catalog:
        if message.id:
            assert placeholders(message.id) == placeholders(message.string), message.id


def test_the_compiled_catalog_is_the_written_one(catalog):
    with (ZH / "messages.mo").open("rb") as file:
        compiled = read_mo(file)
    written = {message.id: message.string for message in catalog if message.id}
    assert {message.id: message.string for message in compiled if message.id} == written


def test_chinese_reads_like_chinese(catalog):
    """No half-translated sentence: every one holds Chinese characters, unless it is only names and placeholders."""
    for message in catalog:
        bare = PLACEHOLDER.sub("", str(message.id))
        if message.id and re.search(r"[a-z]{3}", bare):
            assert re.search(r"[\u4e00-\u9fff]", str(message.string)), message.id


def test_files_are_where_babel_looks():
    assert (Path(ZH) / "messages.mo").is_file()
