"""The whole way of the voice: a spoken question through the real page, server, Whisper starter and model, and back aloud."""

import re
import subprocess

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ARGUMENTS, FAKE_MICROPHONE, PATIENCE, find_chromium
from tests.browser.talk import Talk
from tests.browser.voice_page import silent_wav, spoken_wav
from tests.live.conftest import until

pytestmark = pytest.mark.model
# Chromium here has no voices: what the page hands to the browser's speech is written down.
WRITTEN_DOWN = """
window.said = [];
const speech = { getVoices: () => [], cancel() {}, pause() {}, resume() {}, addEventListener() {},
  speak(utterance) { window.said.push(utterance.text); setTimeout(() => utterance.onend?.(new Event("end")), 5); } };
Object.defineProperty(window, "speechSynthesis", { value: speech });
"""


@pytest.fixture(scope="module")
def server(serve):
    return serve(engine="local", speech="1", temperature="0")


@pytest.fixture
def speak(browser, server):
    """Opens the page in a Chromium whose microphone hears the sound file, once, and begins a recording, whose answer is to be
    read aloud or not."""
    opened = []

    def start(wav, *, aloud=False):
        if wav is None:
            pytest.skip("espeak-ng or ffmpeg is missing: sudo apt-get install espeak-ng ffmpeg")
        page = visit(wav)
        if aloud:
            page.click("#speaks button")
        page.click('[data-voice="talk"]')
        expect(page.locator(".listening")).to_be_visible()
        return Talk(page, server, None)

    def visit(wav):
        arguments = [*ARGUMENTS, *FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={wav}%noloop"]
        opened.append(browser.browser_type.launch(executable_path=find_chromium(), args=arguments))
        context = opened[-1].new_context(base_url=server.url, ignore_https_errors=True, locale="en-US")
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WRITTEN_DOWN)
        context.clock.install()
        page = context.new_page()
        page.goto("/")
        expect(page.locator("#models-line")).not_to_contain_text("Speech recognition is loading", timeout=60_000)
        return page

    yield start
    for chromium in opened:
        chromium.close()


def padded(wav, tmp_path, seconds=12):
    """The sound with silence around it, so that the recording may begin and end whenever it does."""
    if wav is None:
        return None
    longer = tmp_path / "padded.wav"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", wav, "-af", f"adelay=500,apad=whole_dur={seconds}", longer], check=True)
    return longer


def send(page):
    """Ends the recording, unless the silence behind the words has ended it already."""
    button = page.locator('[data-voice="send"]')
    button.evaluate("button => { if (button.offsetParent) button.click(); }")


def test_a_spoken_question_is_answered_and_the_answer_is_spoken(speak, tmp_path):
    talk = speak(padded(spoken_wav(tmp_path / "question.wav", "What is the capital of France?"), tmp_path), aloud=True)
    page = talk.page
    page.wait_for_timeout(3500)
    send(page)
    expect(talk.last.locator(".asked")).to_have_text("What is the capital of France?")
    assert "Paris" in talk.answer()
    expect(talk.last.locator(".times").first).to_contain_text("spoken in English")
    until(lambda: any("Paris" in text for text in page.evaluate("window.said")), what="the answer was not spoken")


def test_the_words_can_be_changed_before_they_are_sent(speak, tmp_path):
    talk = speak(padded(spoken_wav(tmp_path / "question.wav", "What is the capital of France?"), tmp_path))
    page = talk.page
    page.evaluate("document.getElementById('composer').dataset.voiceGrace = 60000")
    page.wait_for_timeout(3500)
    send(page)
    expect(talk.box).to_have_value("What is the capital of France?")
    talk.box.click()
    page.clock.fast_forward(70_000)
    page.wait_for_timeout(500)
    assert talk.turns.count() == 0, "somebody is at the words: they are not sent by themselves"
    talk.box.fill("What is the capital of Norway?")
    talk.box.press("Enter")
    assert "Oslo" in talk.answer()


def test_the_microphone_is_offered_once_the_page_can_use_it(visit, server):
    until(lambda: httpx.get(f"{server.url}/readyz", verify=False).json()["parts"]["speech"]["status"] == "ready", 60)
    talk = visit(server, "/help", permissions=["microphone"])
    held = []

    def hold(route):
        held.append(route)

    talk.page.route("**/js/voice/microphone.js*", hold)
    talk.page.goto("/")
    button = talk.page.locator('[data-voice="talk"]')
    expect(button).to_be_visible()
    expect(button).to_be_disabled()
    until(lambda: held or talk.page.wait_for_timeout(50))
    held[0].continue_()
    expect(button).to_be_enabled()
    button.click()
    expect(talk.page.locator("#troubles")).to_contain_text("No microphone was found")
    talk.page.unroute_all()


def test_silence_asks_nothing(speak, tmp_path):
    talk = speak(silent_wav(tmp_path / "silence.wav"))
    page = talk.page
    page.wait_for_timeout(3500)
    send(page)
    expect(page.locator("#troubles")).to_contain_text("No sound comes from the microphone")
    assert talk.turns.count() == 0


def test_a_recording_from_a_file_needs_no_script(visit, server, tmp_path):
    recording = spoken_wav(tmp_path / "france.wav", "What is the capital of France?")
    if recording is None:
        pytest.skip("espeak-ng or ffmpeg is missing: sudo apt-get install espeak-ng ffmpeg")
    until(lambda: httpx.get(f"{server.url}/readyz", verify=False).json()["parts"]["speech"]["status"] == "ready", 60)
    talk = visit(server, java_script_enabled=False)
    talk.page.locator("#file").set_input_files(recording)
    talk.page.locator("#send").click()
    expect(talk.turns).to_have_count(1, timeout=60_000)
    assert re.search("capital of france", talk.asked(talk.last), re.IGNORECASE)
    assert "Paris" in talk.answer()
    expect(talk.last.locator(".times").first).to_contain_text("spoken in English")
