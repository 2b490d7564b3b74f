"""Subtitles as players read them."""

from webbot.speech.segments import Segment
from webbot.speech.subtitles import srt, vtt

FOUND = [Segment(start=0.0, end=1.2345, text=" Hello\n there."), Segment(start=3661.5, end=3662.9996, text=" 1 < 2 --> & so on")]


def test_srt():
    assert srt(FOUND) == (
        "1\n00:00:00,000 --> 00:00:01,234\nHello there.\n\n"
        "2\n01:01:01,500 --> 01:01:03,000\n1 < 2 -> & so on\n\n"
    )
    assert srt([]) == ""


def test_vtt():
    assert vtt(FOUND) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.234\nHello there.\n\n"
        "01:01:01.500 --> 01:01:03.000\n1 &lt; 2 -&gt; &amp; so on\n\n"
    )
    assert vtt([]) == "WEBVTT\n\n"
