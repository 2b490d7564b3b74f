"""PDFs: their text, and the end of those that are made to harm, within seconds and outside of this process."""

import io
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfWriter

from tests.documents import pdf_files
from webbot.documents import MOST_CHARACTERS, Document, read
from webbot.documents.limits import Limits
from webbot.documents.pdf import text_of
from webbot.errors import TooLong, Unusable

ROOT = Path(__file__).parents[2]
TIGHT = Limits(processor_seconds=2, seconds=60.0)
GROWTH = 64 * 1024  # kB that this process may grow by at most while a bomb is read


def encrypted(password, algorithm):
    writer = PdfWriter(clone_from=io.BytesIO(pdf_files.book("A secret.")))
    writer.encrypt(password, "somebody else's", algorithm=algorithm)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


@pytest.mark.parametrize("data", [
    pdf_files.book("First page.", "Second page."), pdf_files.book("First page.", "Second page.", xref=False),
    b"\r\nsome header\n" + pdf_files.book("First page.", "Second page."),
])
def test_the_text_of_all_pages(data):
    assert read("a.pdf", data) == Document("application/pdf", "First page.\n\nSecond page.")


def test_what_only_its_owner_may_change_is_read():
    assert text_of("a.pdf", encrypted("", "AES-256")) == "A secret."


@pytest.mark.parametrize(("data", "sentence"), [
    (pdf_files.scan(), "There is no text in a.pdf; perhaps it is a scan."),
    (encrypted("hidden", "RC4-128"), "protected by a password"),
    (pdf_files.book("cut")[:300], "broken"),
    (b"%PDF-1.7\n" + bytes(range(256)) * 40, "broken"),
    (pdf_files.endless_tree(), "broken"), (pdf_files.deep_tree(5000), "broken"), (pdf_files.nested(), "broken"),
    (pdf_files.bomb(150), "broken"),
])
def test_what_cannot_be_read_is_told(data, sentence):
    with pytest.raises(Unusable, match=sentence):
        text_of("a.pdf", data, TIGHT)


def test_one_broken_page_does_not_hide_the_others():
    data = pdf_files.pages(pdf_files.stream(pdf_files.shown("Whole.")), pdf_files.stream(b"\x00\x01", b"/Filter /FlateDecode"))
    assert text_of("a.pdf", data).startswith("Whole.")


def test_too_many_pages_and_characters_are_refused_with_the_limit():
    with pytest.raises(TooLong, match="more than 2 pages"):
        text_of("a.pdf", pdf_files.book("a", "b", "c"), Limits(pages=2))
    with pytest.raises(TooLong, match="more than 30 characters"):
        text_of("a.pdf", pdf_files.book("a" * 20, "b" * 20), Limits(characters=30))
    assert Limits().characters == MOST_CHARACTERS


def children():
    return set(Path(f"/proc/self/task/{Path('/proc/thread-self').resolve().name}/children").read_text().split())


def test_a_bomb_ends_by_the_processor_s_time_and_nothing_of_it_stays():
    data, before = pdf_files.many_bombs(100, 60), children()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unusable, match="too much time or memory"):
        text_of("a.pdf", data, Limits(processor_seconds=1, seconds=60.0))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown < GROWTH
    assert children() == before


def test_little_memory_is_told_and_the_clock_ends_it_too():
    data = pdf_files.many_bombs(3, 60)
    with pytest.raises(Unusable, match="too much time or memory"):
        text_of("a.pdf", data, Limits(memory_bytes=120 * 1024**2, processor_seconds=5))
    with pytest.raises(Unusable, match="too much time or memory"):
        text_of("a.pdf", data, Limits(seconds=0.01))


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent
from tests.documents import pdf_files
from webbot.documents.limits import Limits
from webbot.documents.pdf import text_of
from webbot.errors import Unusable
ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.01)
gevent.spawn(tick)
try:
    text_of("a.pdf", pdf_files.many_bombs(100, 60), Limits(processor_seconds=1, seconds=60.0))
except Unusable:
    print(len(ticks))
"""


def test_other_greenlets_go_on_meanwhile():
    ran = subprocess.run([sys.executable, "-c", GREENLETS], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert int(ran.stdout) > 20
