"""What the owner's page says of an engine at work."""

from tests.web.house import HOME, Household
from webbot.engines.compute.figures import Figures
from webbot.web.engine_views import shown

NOW = {"running": 3, "waiting": 1, "evictions": 7, "preemptions": 2, "conversations": 12,
       "pages": {"used": 30, "kept": 50, "free": 120, "size": 16, "bytes": 1_000_000}}


def measured(now=NOW):
    made = Figures(lambda: now)
    made.step(0.01, read=100, written=9, drafted=8, accepted=6)
    made.answer(prompt=400, found=300, submitted=1.0, began=1.0, first=2.0, ended=3.0)
    return made


def test_pages_are_told_in_bytes_tokens_and_conversations():
    work = shown(measured().taken(), 1000)
    assert work["share"] == 0.75 and work["guessed"] == 0.75 and (work["running"], work["waiting"]) == (3, 1)
    cache = work["cache"]
    assert (cache["count"], cache["held"], cache["bytes"]) == (200, 80_000_000, 200_000_000)
    assert (cache["tokens"], cache["whole"], cache["conversations"]) == (3200, 3, 12)


def test_what_an_engine_does_not_tell_is_left_out():
    work = shown({"read": 5, "written": 6}, 0)
    assert work["cache"] is None and work["share"] is None and work["guessed"] is None and work["gpu"] is None
    assert shown({"pages": {"used": 0, "kept": 0, "free": 0, "size": 16, "bytes": 1}}, 0)["cache"] is None


def test_the_page_shows_it_in_both_languages(shared_app):
    house = Household(shared_app(access="invite", turns_a_minute=1000))
    client = house.client(house.person("Owen", "owner"))
    # The echo has no cache: it is given the figures of one.
    gpu = {"allocated": 2_500_000_000, "reserved": 3_000_000_000}
    computes = {"device": "a card", "precision": "bfloat16", "weights": "int8", "threads": 2}
    house.services.fleet.fixed["echo"].inner._figures = measured(NOW | {"gpu": gpu, "computes": computes})
    part = client.get("/owner", base_url=HOME).text.split('id="models"')[1].split("</section>")[0]
    for told in ("3 in work, 1 waiting", "9 tokens written", "75%", "200 pages of 16 tokens", "80 MB of 200 MB", "2.5 GB",
                 "a card", "bfloat16 · matrices in int8 · threads: 2"):
        assert told in part, told
    chinese = client.get("/owner", base_url=HOME, headers={"Accept-Language": "zh"}).text
    assert "内存中的对话" in chinese and "Conversations in memory" not in chinese
