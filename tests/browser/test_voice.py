"""The microphone in a real browser: what is spoken arrives, its words are sent, and every trouble has its own sentence."""

from __future__ import annotations

import array
import re

import pytest

from tests.browser.conftest import FAKE_MICROPHONE, find_chromium
from tests.browser.voice_page import HEARD, VoiceServer, decoded, silent_wav, spoken_wav, until

QUESTION = "What is the capital of France?"
WAITING = "Waiting for the microphone"


@pytest.fixture
def server():
    one = VoiceServer()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def launch(browser):
    """Starts further Chromiums, each with arguments of its own."""
    started = {}

    def start(*arguments):
        if arguments not in started:
            started[arguments] = browser.browser_type.launch(executable_path=find_chromium(), args=["--no-sandbox", *arguments])
        return started[arguments]

    yield start
    for one in started.values():
        one.close()


@pytest.fixture(scope="module")
def speaking(launch, tmp_path_factory):
    """A Chromium whose microphone says the question again and again."""
    wav = spoken_wav(tmp_path_factory.mktemp("voice") / "question.wav", QUESTION)
    if wav is None:
        pytest.skip("espeak-ng or ffmpeg is missing: sudo apt-get install espeak-ng ffmpeg")
    return launch(*FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={wav}")


@pytest.fixture
def visit(server):
    """Opens the page in a Chromium; errors of its scripts and of its content policy fail the test."""
    opened, wrong = [], []

    def go(chromium, before="", address=None, *, clock=False, **context):
        fresh = chromium.new_context(**context)
        opened.append(fresh)
        page = fresh.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
        if clock:
            page.clock.install()
        if before:
            page.add_init_script(before)
        page.goto(address or server.address)
        until(page, "window.microphone")
        return page

    yield go
    for context in opened:
        context.close()
    assert wrong == []


def talk(page):
    page.click('[data-voice="talk"]')


def listen(page, seconds=1.2):
    talk(page)
    page.wait_for_selector(".listening:not([hidden])")
    page.wait_for_timeout(seconds * 1000)


def send(page):
    page.click('.listening [data-voice="send"]')


def box(page):
    return page.input_value("textarea")


def trouble(page):
    page.wait_for_selector("#troubles .trouble")
    return page.inner_text("#troubles .trouble")


def expected(page, key):
    """The trouble with this key, and nothing but words in it."""
    sentence, remedy = page.evaluate("key => [sentences[key], sentences[key + '-remedy']]", key)
    assert sentence
    assert remedy
    return f"{sentence} {remedy}"


# what is spoken arrives


def test_a_spoken_question_is_sent_by_itself(speaking, visit, server):
    page = visit(speaking)
    listen(page, 2.5)
    send(page)
    until(page, "asked.length === 1")
    assert page.evaluate("asked[0]") == {"text": QUESTION, "spoken": {"language": "en", "seconds": 2, "took": 0.3}}
    assert box(page) == ""
    assert page.is_hidden(".listening")
    samples = array.array("h", decoded(server.received[0]))
    assert 1.5 < len(samples) / 16_000 < 6
    assert max(samples) > 1000, "the fake microphone speaks, so the recording is not silent"


def test_a_second_press_ends_the_recording(speaking, visit, server):
    page = visit(speaking)
    listen(page)
    page.dispatch_event('[data-voice="talk"]', "click")
    until(page, "asked.length === 1")
    assert len(server.received) == 1


def test_the_words_and_their_language_are_shown_before_they_are_sent(speaking, visit, server):
    server.grace = 1500
    page = visit(speaking)
    listen(page)
    server.go.clear()
    send(page)
    until(page, "document.querySelector('.listening .words').textContent.includes(sentences['voice-transcribing'])")
    server.go.set()
    page.wait_for_selector(".voice-note:not([hidden])")
    assert box(page) == QUESTION
    assert page.inner_text('[data-voice="language"]') == "English"
    assert page.evaluate("asked.length") == 0
    until(page, "asked.length === 1")
    assert page.is_hidden(".voice-note")


@pytest.mark.parametrize("touch", ["click", "type", "escape"])
def test_whoever_touches_the_box_sends_by_hand(speaking, visit, server, touch):
    server.grace = 60_000
    page = visit(speaking, clock=True)
    listen(page)
    send(page)
    page.wait_for_selector(".voice-grace")
    if touch == "click":
        page.click("textarea")
    elif touch == "type":
        page.locator("textarea").press_sequentially("!")
    else:
        page.keyboard.press("Escape")
    page.clock.fast_forward(70_000)
    page.wait_for_timeout(300)
    assert page.evaluate("asked.length") == 0
    assert page.is_visible('[data-voice="language"]')
    page.fill("textarea", "What is the capital of Spain?")
    page.press("textarea", "Enter")
    until(page, "asked.length === 1")
    assert page.evaluate("asked[0].text") == "What is the capital of Spain?"
    assert page.evaluate("asked[0].spoken") == {"language": "en", "seconds": 2, "took": 0.3}
    page.wait_for_selector(".voice-note", state="hidden")


def test_words_join_a_draft_and_wait(speaking, visit, server):
    server.grace = 50
    page = visit(speaking)
    page.fill("textarea", "Please tell me:")
    listen(page)
    send(page)
    page.wait_for_selector(".voice-note:not([hidden])")
    page.wait_for_timeout(400)
    assert box(page) == f"Please tell me: {QUESTION}"
    assert page.evaluate("asked.length") == 0


def test_cancel_drops_the_recording(speaking, visit, server):
    page = visit(speaking)
    listen(page)
    page.click('[data-voice="cancel"]')
    page.wait_for_selector(".listening", state="hidden")
    page.wait_for_timeout(500)
    assert server.received == []
    assert page.evaluate("microphone.state") == "idle"
    listen(page, 0.5)
    send(page)
    until(page, "asked.length === 1")


def test_cancel_works_while_the_server_listens(speaking, visit, server):
    page = visit(speaking)
    server.go.clear()
    listen(page)
    send(page)
    until(page, "microphone.upload !== null")
    page.click('[data-voice="cancel"]')
    server.go.set()
    page.wait_for_timeout(800)
    assert page.evaluate("asked.length") == 0
    assert box(page) == ""
    assert page.query_selector("#troubles .trouble") is None


def test_the_microphone_is_released(speaking, visit):
    page = visit(speaking, before="""
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.tracks = [];
        navigator.mediaDevices.getUserMedia = async (wishes) => {
            const stream = await open(wishes); window.tracks.push(...stream.getTracks()); return stream; };""")
    listen(page, 0.5)
    assert page.evaluate("tracks.map((track) => track.readyState)") == ["live"]
    page.click('[data-voice="cancel"]')
    assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
    listen(page, 0.5)
    send(page)
    until(page, "asked.length === 1")
    assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended", "ended"]


def test_the_meter_moves_and_the_clock_runs(speaking, visit):
    page = visit(speaking)
    listen(page, 0.3)
    heights, clocks = set(), set()
    for _ in range(12):
        heights.add(page.evaluate("document.querySelector('.wave i:nth-child(3)').style.height"))
        clocks.add(page.inner_text(".listening .words em"))
        page.wait_for_timeout(150)
    assert len(heights) > 4
    assert max(int(height.rstrip("%")) for height in heights) > 30
    assert len(clocks) > 1
    assert all(re.fullmatch(r"0:0\d", clock) for clock in clocks)


def test_the_longest_recording_ends_by_itself(speaking, visit, server):
    server.seconds = 1
    page = visit(speaking)
    talk(page)
    until(page, "document.querySelector('textarea').value !== ''")
    assert box(page) == QUESTION
    assert trouble(page) == expected(page, "voice-limit")
    page.wait_for_timeout(800)
    assert page.evaluate("asked.length") == 0, "there may be more to say"


def test_a_browser_without_a_recorder_sends_wav(speaking, visit, server):
    page = visit(speaking, before="delete window.MediaRecorder")
    listen(page, 2)
    send(page)
    until(page, "asked.length === 1")
    assert server.received[0][:4] == b"RIFF"
    samples = array.array("h", decoded(server.received[0]))
    assert 1 < len(samples) / 16_000 < 6
    assert max(samples) > 1000


def test_a_browser_without_a_meter_records_too(speaking, visit, server):
    page = visit(speaking, before="AudioContext = function () { throw new DOMException('too many', 'NotSupportedError'); }")
    listen(page)
    send(page)
    until(page, "asked.length === 1")
    assert len(decoded(server.received[0])) > 16_000


@pytest.mark.parametrize(("supported", "first"), [("audio/webm;codecs=opus", b"\x1a\x45\xdf\xa3"), ("audio/mp4", b"ftyp")])
def test_the_best_format_of_the_browser_is_used(speaking, visit, server, supported, first):
    page = visit(speaking, before=f"""
        const can = MediaRecorder.isTypeSupported;
        MediaRecorder.isTypeSupported = (format) => format === {supported!r} && can.call(MediaRecorder, format);""")
    if not page.evaluate("(format) => MediaRecorder.isTypeSupported(format)", supported):
        pytest.skip(f"this Chromium does not record {supported}")
    listen(page)
    send(page)
    until(page, "asked.length === 1")
    assert first in server.received[0][:12]
    assert len(decoded(server.received[0])) > 16_000


# what goes wrong on the way


def test_a_failed_upload_keeps_the_recording(speaking, visit, server):
    server.reply = (503, {"error": {"message": "The speech model is loading.", "status": 503}})
    page = visit(speaking)
    listen(page)
    send(page)
    assert "The speech model is loading." in trouble(page)
    server.reply = (200, HEARD)
    page.click('[data-voice="again"]')
    until(page, "asked.length === 1")
    assert server.received[0] == server.received[1]
    assert page.query_selector("#troubles .trouble") is None


def test_a_broken_connection_keeps_the_recording_until_it_is_dropped(speaking, visit, server):
    server.reply = None
    page = visit(speaking)
    listen(page)
    send(page)
    assert page.evaluate("sentences['voice-not-sent']") in trouble(page)
    page.click('[data-voice="drop"]')
    assert page.is_hidden(".voice-note")
    assert page.query_selector("#troubles .trouble") is None


def test_a_recording_that_is_of_no_use_is_not_offered_again(speaking, visit, server):
    server.reply = (422, {"error": {"message": "This is no recording.", "status": 422}})
    page = visit(speaking)
    listen(page)
    send(page)
    assert trouble(page) == "This is no recording."
    assert page.is_hidden(".voice-note")


def test_an_empty_transcript_says_the_servers_sentence_and_sends_nothing(speaking, visit, server):
    server.reply = (200, {**HEARD, "text": "", "sentence": "Only noise was heard."})
    page = visit(speaking)
    listen(page)
    send(page)
    assert trouble(page).startswith("Only noise was heard.")
    page.wait_for_timeout(700)
    assert page.evaluate("asked.length") == 0


# the seven troubles and their kin: made to happen where a browser lets them, else by what the browser would answer


def test_insecure_page(launch, visit, server):
    chromium = launch("--host-resolver-rules=MAP far.example 127.0.0.1")
    page = visit(chromium, address=f"http://far.example:{server.port}/")
    assert page.evaluate("isSecureContext") is False
    talk(page)
    assert trouble(page) == expected(page, "voice-insecure")
    assert "https://" in trouble(page)


def test_permission_denied(launch, visit):
    page = visit(launch("--use-fake-device-for-media-stream", "--deny-permission-prompts"))
    talk(page)
    assert trouble(page) == expected(page, "voice-denied")


def test_a_person_who_is_asked_for_the_microphone_can_cancel(browser, visit):
    page = visit(browser, "navigator.mediaDevices.getUserMedia = () => new Promise((given) => { window.give = given; });")
    talk(page)
    until(page, f"document.querySelector('.listening .words').textContent.includes({WAITING!r})")
    assert page.is_visible(".listening")
    page.click('.listening [data-voice="cancel"]')
    page.wait_for_selector(".listening", state="hidden")
    assert page.evaluate("[microphone.state, document.activeElement.dataset.voice]") == ["idle", "talk"]
    page.evaluate("async () => { window.late = new MediaStream(); give(late); await 0; }")
    assert page.evaluate("microphone.state") == "idle", "what comes after that is not listened to"


def test_a_microphone_that_never_answers_is_told(browser, visit):
    page = visit(browser, "navigator.mediaDevices.getUserMedia = () => new Promise(() => {});", clock=True)
    talk(page)
    until(page, f"document.querySelector('.listening .words').textContent.includes({WAITING!r})")
    page.clock.fast_forward(10_000)
    until(page, "document.querySelector('.listening .words').textContent.includes(sentences['voice-waiting-long'])")
    page.click('.listening [data-voice="cancel"]')
    page.wait_for_selector(".listening", state="hidden")
    talk(page)
    until(page, f"document.querySelector('.listening .words').textContent.includes({WAITING!r})")


def test_no_device(browser, visit):
    page = visit(browser, permissions=["microphone"])
    talk(page)
    assert trouble(page) == expected(page, "voice-no-device")


def failing(name, message="", state="granted"):
    return f"""
        navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException({message!r}, {name!r}); }};
        navigator.permissions.query = async () => ({{ state: {state!r} }});"""


@pytest.mark.parametrize(("before", "key"), [
    (failing("NotAllowedError", "Permission dismissed", "prompt"), "voice-dismissed"),
    (failing("NotAllowedError", "", "denied"), "voice-denied"),
    (failing("NotAllowedError", "Permission denied by system", "granted"), "voice-denied-system"),
    (failing("NotReadableError", "Could not start audio source"), "voice-busy"),
    (failing("AbortError"), "voice-busy"),
    (failing("NotFoundError"), "voice-no-device"),
    (failing("EncodingError"), "voice-failed"),
    ("Object.defineProperty(document, 'featurePolicy', { value: { allowsFeature: () => false } })", "voice-policy"),
    ("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })", "voice-unsupported"),
])
def test_what_the_browser_refuses(speaking, visit, before, key):
    page = visit(speaking, before=before)
    talk(page)
    assert trouble(page) == expected(page, key)
    assert page.evaluate("microphone.state") == "idle"
    assert page.is_hidden(".listening")


def test_no_codec(speaking, visit):
    page = visit(speaking, before="delete window.MediaRecorder; delete window.AudioContext")
    talk(page)
    assert trouble(page) == expected(page, "voice-no-codec")


def test_muted_track(speaking, visit):
    page = visit(speaking, before="Object.defineProperty(MediaStreamTrack.prototype, 'muted', { value: true })")
    listen(page, 0.6)
    assert page.evaluate("sentences['voice-muted']") in page.inner_text(".listening .words")


def test_muted_in_mid_recording(speaking, visit, server):
    page = visit(speaking, before="""
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wishes) => (window.stream = await open(wishes));""")
    listen(page, 0.5)
    assert page.evaluate("sentences['voice-listening']") in page.inner_text(".listening .words")
    page.evaluate("stream.getAudioTracks()[0].dispatchEvent(new Event('mute'))")
    until(page, "document.querySelector('.listening .words').textContent.includes(sentences['voice-muted'])")
    page.evaluate("stream.getAudioTracks()[0].dispatchEvent(new Event('unmute'))")
    until(page, "document.querySelector('.listening .words').textContent.includes(sentences['voice-listening'])")
    page.evaluate("stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    until(page, "document.querySelector('textarea').value !== ''")
    assert trouble(page) == expected(page, "voice-ended")


def test_silent_track(launch, visit, server, tmp_path):
    wav = silent_wav(tmp_path / "silence.wav")
    chromium = launch(*FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={wav}")
    server.reply = (200, {**HEARD, "text": "", "sentence": "Nothing was understood by the server."})
    page = visit(chromium)
    listen(page, 0.8)
    assert page.evaluate("sentences['voice-listening']") in page.inner_text(".listening .words")
    until(page, "document.querySelector('.listening .words').textContent.includes(sentences['voice-silent'])")
    assert page.evaluate("microphone.state") == "listening"
    send(page)
    assert trouble(page) == expected(page, "voice-silent")
    assert page.evaluate("asked.length") == 0


def test_every_trouble_has_a_sentence_and_a_remedy_of_its_own(launch, visit):
    page = visit(launch())
    words = page.evaluate("sentences")
    keys = [key for key in words if f"{key}-remedy" in words]
    assert len(keys) >= 14
    assert len({words[key] for key in keys}) == len(keys)
    assert all(words[key].endswith(".") and words[f"{key}-remedy"].endswith(".") for key in keys if key.startswith("voice"))


def test_the_keyboard_reaches_everything(speaking, visit, server):
    page = visit(speaking)
    page.focus('[data-voice="talk"]')
    page.keyboard.press("Enter")
    page.wait_for_selector(".listening:not([hidden])")
    assert page.evaluate("document.activeElement.dataset.voice") == "send"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.dataset.voice") == "cancel"
    page.keyboard.press("Enter")
    page.wait_for_selector(".listening", state="hidden")
    assert page.evaluate("document.activeElement.dataset.voice") == "talk"


