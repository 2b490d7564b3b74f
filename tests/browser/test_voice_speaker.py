"""Speech out: what the page gives to the browser's voice, in which order, with which voice, and when it falls silent."""

from __future__ import annotations

import pytest

from tests.browser.voice_page import VoiceServer, until

# The browser's side, written down: Chromium has no voices here. `voices` may be set; each utterance ends when it is told to.
BROWSER = """
window.spoken = [];
window.voices = [
  { name: "net", lang: "en-US", localService: false, default: true },
  { name: "home", lang: "en_GB", localService: true, default: false },
  { name: "hellas", lang: "el-GR", localService: true, default: false },
  { name: "han", lang: "zh-CN", localService: false, default: false },
];
class Utterance { constructor(text) { this.text = text; } }
const events = new EventTarget();
const synthesis = {
  speaking: false, pending: false, cancelled: 0, paused: 0,
  getVoices: () => window.voices,
  speak(utterance) { window.spoken.push(utterance); this.speaking = true; },
  cancel() { this.cancelled += 1; this.speaking = false; },
  pause() { this.paused += 1; }, resume() {},
  addEventListener: (...given) => events.addEventListener(...given),
  arrive(voices) { window.voices = voices; events.dispatchEvent(new Event("voiceschanged")); },
};
Object.defineProperty(window, "speechSynthesis", { value: synthesis });
window.SpeechSynthesisUtterance = Utterance;
window.finish = () => { synthesis.speaking = false; window.spoken.at(-1).onend(); };
"""


@pytest.fixture
def server():
    one = VoiceServer()
    yield one
    one.stop()


@pytest.fixture
def visit(browser, server):
    opened = []

    def go(before=BROWSER):
        context = browser.new_context()
        opened.append(context)
        page = context.new_page()
        page.add_init_script(before)
        page.goto(server.address)
        until(page, "window.microphone")
        return page

    yield go
    for context in opened:
        context.close()


def spoken(page):
    return page.evaluate("spoken.map((one) => one.text)")


def test_sentences_are_spoken_one_after_the_other(visit):
    page = visit()
    page.evaluate("window.states = []; speaker.onstate((state) => states.push(state))")
    page.evaluate("speaker.say('One.', 'en'); speaker.say('Two.', 'en'); speaker.say('Three.', 'en')")
    assert spoken(page) == ["One."]
    page.evaluate("finish()")
    assert spoken(page) == ["One.", "Two."]
    page.evaluate("finish(); finish()")
    assert spoken(page) == ["One.", "Two.", "Three."]
    assert page.evaluate("states") == ["speaking", "silent"]
    assert page.evaluate("speaker.speaking") is False


@pytest.mark.parametrize(("text", "language", "role", "voice"), [
    ("Hello.", "en", "", "home"),
    ("Hello.", "en-US", "", "home"),
    ("Hello.", "", "", "home"),
    ("你好。", "", "", "han"),
    ("Καλημέρα.", "", "", "hellas"),
    ("Hello.", "en", "You are Socrates. Answer in short.", "hellas"),
    ("你好。", "zh", "你是苏格拉底", "hellas"),
    ("Bonjour.", "fr", "", None),
])
def test_the_voice_fits_the_language(visit, text, language, role, voice):
    page = visit()
    page.evaluate("([text, language, role]) => speaker.say(text, language, { role })", [text, language, role])
    assert page.evaluate("spoken[0].voice?.name ?? null") == voice
    assert page.evaluate("spoken[0].lang")


def test_socrates_speaks_without_a_greek_voice_too(visit):
    page = visit()
    page.evaluate("voices.splice(2, 1); speaker.say('Hello.', 'en', { role: 'Socrates' })")
    assert page.evaluate("spoken[0].voice.name") == "home"


def test_silence_is_at_once_and_for_all_that_waits(visit):
    page = visit()
    page.evaluate("speaker.say('One.', 'en'); speaker.say('Two.', 'en'); speaker.silence()")
    assert page.evaluate("speechSynthesis.cancelled") == 1
    page.evaluate("spoken[0].onerror?.({ error: 'interrupted' })")
    assert spoken(page) == ["One."]
    page.evaluate("speaker.say('Three.', 'en')")
    assert spoken(page) == ["One.", "Three."]


def test_unlock_speaks_an_empty_utterance_once(visit):
    page = visit()
    page.evaluate("speaker.unlock(); speaker.unlock()")
    assert spoken(page) == [""]


def test_the_microphone_silences_the_speaker(visit):
    page = visit()
    page.evaluate("speaker.unlock(); speaker.say('One.', 'en'); speaker.say('Two.', 'en')")
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => new Promise(() => {}); }")
    page.click('[data-voice="talk"]')
    assert page.evaluate("speaker.speaking") is False
    page.evaluate("speaker.say('While it listens.', 'en')")
    assert spoken(page) == ["", "One."]
    page.evaluate("microphone.cancel(); speaker.say('Afterwards.', 'en')")
    assert spoken(page) == ["", "One.", "Afterwards."]


def test_voices_that_come_late(visit):
    page = visit(BROWSER + "const late = window.voices; window.voices = [];")
    page.evaluate("speaker.say('One.', 'en'); speaker.say('Two.', 'en')")
    assert spoken(page) == []
    page.evaluate("speechSynthesis.arrive([{ name: 'late', lang: 'en-GB', localService: true, default: true }])")
    assert page.evaluate("spoken.map((one) => one.voice.name)") == ["late"]


def test_no_voices_at_all_is_no_reason_to_wait_for_ever(visit):
    page = visit(BROWSER + "window.voices = [];")
    page.evaluate("speaker.say('One.', 'en')")
    until(page, "spoken.length === 1")
    assert page.evaluate("spoken[0].lang") == "en"


def test_a_long_sentence_is_cut_where_one_breathes(visit):
    page = visit()
    text = "This is a long clause that goes on for quite a while, " * 8 + "and ends."
    page.evaluate("(text) => speaker.say(text, 'en')", text)
    for _ in range(4):
        page.evaluate("finish()")
    said = spoken(page)
    assert all(len(part) <= 200 for part in said)
    assert all(part.endswith((",", ".")) for part in said)
    assert " ".join(said) == text


def test_a_lost_utterance_does_not_hold_up_the_rest(visit):
    page = visit(BROWSER + "const every = window.setInterval; window.setInterval = (what, time) => every(what, time / 20);")
    page.evaluate("speaker.say('One.', 'en'); speaker.say('Two.', 'en'); speechSynthesis.speaking = false")
    until(page, "spoken.length >= 2")
    assert spoken(page)[:2] == ["One.", "Two."]


def test_a_voice_from_the_net_is_nudged_and_one_from_here_is_not(visit):
    page = visit(BROWSER + "const every = window.setInterval; window.setInterval = (what, time) => every(what, time / 20);")
    page.evaluate("speaker.say('你好。', 'zh')")
    until(page, "speechSynthesis.paused > 0")
    page.evaluate("speaker.silence(); speechSynthesis.paused = 0; speaker.say('Hello.', 'en')")
    page.wait_for_timeout(800)
    assert page.evaluate("speechSynthesis.paused") == 0


def test_a_browser_that_cannot_speak_says_so(visit):
    page = visit("Object.defineProperty(window, 'speechSynthesis', { value: undefined }); delete window.SpeechSynthesisUtterance")
    assert page.evaluate("speaker.supported") is False
    assert page.evaluate("speaker.sentence") == page.evaluate("sentences['voice-no-speech']") != ""
    page.evaluate("speaker.unlock(); speaker.say('One.', 'en'); speaker.silence()")
    assert page.evaluate("speaker.speaking") is False
