"""Answers that would harm the page if they could. The echo engine says whatever it is asked, so the model here is the enemy.

What every test of the browser holds anyway (see `Watch`): no dialog, no violation of the policy, no request elsewhere.
"""

import pytest
from playwright.sync_api import expect

ELSEWHERE = "https://elsewhere.example"
PAYLOADS = (
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    f'<img src="{ELSEWHERE}/pixel.png">',
    f"![picture]({ELSEWHERE}/pixel.png)",
    f'![a]({ELSEWHERE}/"onerror="alert(1))',
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    '<svg><a xlink:href="javascript:alert(1)"><text y="20">press</text></a></svg>',
    '<math><maction actiontype="statusline#" xlink:href="javascript:alert(1)">press</maction></math>',
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "[press](javascript:alert(1))",
    "[press](JaVaScRiPt&colon;alert(1))",
    "[press](data:text/html,<script>alert(1)</script>)",
    "<javascript:alert(1)>",
    '<a href="javascript:alert(1)" onclick="alert(1)">press</a>',
    f'<iframe src="{ELSEWHERE}"></iframe><object data="{ELSEWHERE}"></object><embed src="{ELSEWHERE}">',
    '<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>',
    f'<form action="{ELSEWHERE}"><button>press</button></form>',
    f'<meta http-equiv="refresh" content="0;url={ELSEWHERE}"><base href="{ELSEWHERE}">',
    f'<link rel="stylesheet" href="{ELSEWHERE}/x.css"><style>@import "{ELSEWHERE}/y.css"</style>',
    '<p style="position:fixed;inset:0">over the page</p>',
    "</template></article></main><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "<details open ontoggle=alert(1)><video><source onerror=alert(1)></video>",
    '<input autofocus onfocus=alert(1)><button form="stop">press</button><div id="turns">',
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```"><img src=x onerror=alert(1)>\ncode\n```',
    "`<img src=x onerror=alert(1)>`",
    r"$\href{javascript:alert(1)}{x}$ and $$\text{</mtext><img src=x onerror=alert(1)>}$$",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;img src=x onerror=alert(1)&#x3e;",
    "<!--<img src=x onerror=alert(1)>--> <![CDATA[<img src=x onerror=alert(1)>]]>",
)
# Elements and attributes that may stand in no answer.
HARMFUL = """(place) => [...place.querySelectorAll('*')].filter((each) =>
  /^(script|style|img|image|iframe|object|embed|form|input|textarea|meta|base|link|video|audio|svg|maction|details|template)$/i
    .test(each.localName) && !each.closest('.marks')
  || [...each.attributes].some(({name, value}) => /^on|^style$|^srcdoc$|^form$/i.test(name)
    || /^\\s*(javascript|data|vbscript):/i.test(value))
  || each.id
).map((each) => each.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("markup", ["markdown", "textile"])
def test_payloads(visit, echo, markup):
    talk = visit(echo)
    talk.ask("hello")
    if markup == "textile":
        panel = talk.panel()
        panel.get_by_label("Answers are").select_option("textile")
        panel.get_by_role("button", name="Set").click()
        expect(panel).to_be_hidden()
    here = talk.moved()
    questions = ["\n\n".join(PAYLOADS[start : start + 4]) for start in range(0, len(PAYLOADS), 4)]
    for payload in questions:
        talk.ask(payload)
        assert talk.last.locator(".asked").evaluate("each => each.textContent").strip() == payload.strip(), "a question is text"
        assert talk.last.locator(".said").evaluate(HARMFUL) == []
        assert talk.last.locator(".asked").evaluate(HARMFUL) == []
    after(talk, here, len(questions) + 1)
    talk.page.reload()
    after(talk, here, len(questions) + 1)


def after(talk, here, number):
    """The page is whole, nothing was pressed into it, and its links lead where links may lead."""
    expect(talk.turns).to_have_count(number)
    assert talk.page.url.split("#")[0] == here.split("#")[0]
    assert talk.page.locator(".said, .asked").evaluate_all(f"all => all.flatMap({HARMFUL})") == []
    links = talk.page.locator(".said a").evaluate_all("all => all.map(each => each.protocol)")
    assert set(links) <= {"https:", "http:", "mailto:"}
    for target, href, rel in talk.page.locator(".said a, .said button:not([data-copy])").evaluate_all(
        "all => all.map(each => ['target', 'href', 'rel'].map(name => each.getAttribute(name) ?? ''))"
    ):
        assert target == "_blank" or not href.startswith("http")
        assert "noopener" in rel
    assert talk.page.locator("#turns, #question, #composer, main").count() == 4


def test_all_at_once_in_a_title_and_in_the_list(visit, echo):
    talk = visit(echo)
    payload = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    talk.ask(payload)
    expect(talk.page.locator("#title")).to_have_text(payload)
    expect(talk.page.locator("#list a")).to_have_text([payload])
    panel = talk.panel()
    panel.get_by_label("Title").fill('"><img src=x onerror=alert(1)>')
    panel.get_by_role("button", name="Rename").click()
    expect(panel).to_be_hidden()
    expect(talk.page.locator("#list a")).to_have_text(['"><img src=x onerror=alert(1)>'])
    talk.panel().get_by_text("Role: who answers").click()
    talk.page.get_by_label("Or in your own words").fill("</textarea><script>alert(1)</script>")
    with talk.page.expect_navigation():
        talk.page.get_by_role("button", name="Use this role").click()
    talk.panel().get_by_text("Role: who answers").click()
    expect(talk.page.get_by_label("Or in your own words")).to_have_value("</textarea><script>alert(1)</script>")
    search = talk.page.get_by_role("searchbox")
    talk.page.keyboard.press("Escape")
    search.fill("<script>alert(2)</script>")
    expect(talk.page.locator("#list .empty")).to_be_visible()
    talk.page.goto("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    expect(search).to_have_value('"><script>alert(1)</script>')


def test_the_policy_stops_what_would_slip_through(visit, echo):
    """Were there a hole, the browser would still refuse to run what came through it."""
    talk = visit(echo)
    stopped = talk.page.evaluate("""async () => {
      const seen = [];
      document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
      const place = document.createElement('div');
      place.innerHTML = '<img src="x" onerror="window.harmed = 1"><p style="color: red">x</p><iframe srcdoc="x"></iframe>';
      document.body.append(place);
      const script = document.createElement('script');
      script.textContent = 'window.harmed = 2';
      document.body.append(script);
      for (let tries = 0; seen.length < 4 && tries < 100; tries++) await new Promise((done) => setTimeout(done, 20));
      return [seen.sort(), window.harmed ?? 0];
    }""")
    assert stopped[1] == 0
    assert {"script-src-attr", "script-src-elem", "style-src-attr"} <= set(stopped[0])
    talk.watch.forgive("Content Security Policy")
