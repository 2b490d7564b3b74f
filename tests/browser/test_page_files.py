"""Files on the page: chosen, dropped, pasted; shown with what the model reads of them; removed; opened."""

import re
import struct
import zlib

import pytest
from playwright.sync_api import expect

NO_SCRIPT = {"java_script_enabled": False}


def picture():
    """A PNG of one pixel."""
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\0\xff\0\0")) + part(b"IEND", b"")


def file(name, data, kind="text/plain"):
    return {"name": name, "mimeType": kind, "buffer": data.encode() if isinstance(data, str) else data}


def test_before_the_first_question(visit, echo):
    talk = visit(echo)
    both = [file("notes.md", "one two three " * 10), file("view.png", picture(), "image/png")]
    talk.page.locator("#attached").set_input_files(both)
    files = talk.page.locator("#files li.file")
    expect(files).to_have_count(2)
    expect(files.first).to_contain_text("notes.md")
    expect(files.first).to_contain_text(re.compile(r"all \d+ tokens are read"))
    expect(files.last).to_contain_text("kept, not read by the model")
    talk.moved()
    assert talk.ask("what is in my notes?")
    other = talk.tab()
    expect(other.page.locator("#files li.file")).to_have_count(2)
    assert other.page.locator("#files img").evaluate("each => each.decode().then(() => each.naturalWidth)") == 1
    talk.page.bring_to_front()
    talk.page.get_by_role("button", name="Remove notes.md").click()
    expect(files).to_have_count(1)
    expect(other.page.locator("#files li.file")).to_have_count(1)
    with talk.page.context.expect_page() as opened:
        files.first.locator("a").click()
    assert "/files/" in opened.value.url
    opened.value.close()


def test_dropped_and_pasted(visit, echo):
    talk = visit(echo)
    give = """(kind) => {
      const given = new DataTransfer();
      given.items.add(new File(["some words of a file"], "image.png" , {type: kind === "paste" ? "image/png" : "text/plain"}));
      const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: given, bubbles: true, cancelable: true})
        : new DragEvent(kind, {dataTransfer: given, bubbles: true, cancelable: true});
      document.getElementById("question").dispatchEvent(event);
      return document.body.classList.contains("dropping");
    }"""
    assert talk.page.evaluate(give, "dragenter")
    assert not talk.page.evaluate(give, "drop")
    expect(talk.page.locator("#files li.file")).to_have_count(1)
    talk.moved()
    talk.page.evaluate(give, "paste")
    expect(talk.page.locator("#troubles, #files li.file:nth-child(2)").filter(has_text=re.compile("pasted"))).to_have_count(1)


def test_what_is_refused_says_why(visit, echo):
    talk = visit(echo)
    attached = talk.page.locator("#attached")
    talk.box.fill("a draft")
    attached.set_input_files([file("nothing.txt", "")])
    expect(talk.page.locator("#troubles")).to_contain_text("nothing.txt is empty.")
    attached.evaluate("""(field) => {
      const chosen = new DataTransfer();
      chosen.items.add(new File([new Uint8Array(17_000_000)], "large.txt", {type: "text/plain"}));
      field.files = chosen.files;
      field.dispatchEvent(new Event("change", {bubbles: true}));
    }""")
    expect(talk.page.locator("#troubles")).to_contain_text("larger than 16 MB")
    expect(talk.page.locator("#files li.file")).to_have_count(0)
    expect(talk.box).to_have_value("a draft")
    assert "/c/" not in talk.page.url


@pytest.mark.parametrize("name", ["../../etc/pass <b>wd</b>.txt"])
def test_without_script(visit, echo, name):
    talk = visit(echo, **NO_SCRIPT)
    talk.box.fill("read this")
    talk.page.locator("#attached").set_input_files([file(name, "some words"), file("second.md", "# more")])
    talk.page.locator("#send").click()
    expect(talk.turns).to_have_count(1)
    files = talk.page.locator("#files li.file")
    expect(files).to_have_count(2)
    expect(files.first).not_to_contain_text("..")
    files.last.get_by_role("button", name="Remove second.md").click()
    expect(files).to_have_count(1)
    with talk.page.expect_download() as download:
        files.first.locator("a").click()
    assert "/" not in download.value.suggested_filename
