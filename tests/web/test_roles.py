"""The page of the roles and what the other pages offer of them: two people who were invited, and a browser without a name."""

import html
import io
import json
import re

import pytest

ORIGIN = "https://localhost"
JSON = {"Accept": "application/json"}
SECRET = "You keep the recipe of the house."


@pytest.fixture(scope="module")
def app(shared_app):
    return shared_app(access="invite")


@pytest.fixture(scope="module")
def people(app):
    return app.extensions["services"].people


def client_of(app, token):
    client = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    assert client.post(f"/join/{token}", base_url=ORIGIN).status_code == 303
    return client


@pytest.fixture(scope="module")
def ann(app, people):
    return client_of(app, people.invitations.owner_link("Ann"))


@pytest.fixture(scope="module")
def bob(app, people, ann):
    return client_of(app, people.invitations.invite("Bob <b>", "member", "")[1])


@pytest.fixture
def call(ann, bob):
    """Sends as one of the two: call("bob", "POST", path, field=...)."""

    def send(who, method, path, headers=None, **fields):
        client = {"ann": ann, "bob": bob}[who]
        return client.open(path, method=method, base_url=ORIGIN, data=fields if method == "POST" else None, headers=headers)

    return send


@pytest.fixture
def write(call):
    """A new role; returns what the server tells of it."""

    def new(who, **fields):
        sent = {"title": "Cook", "prompt": SECRET, **fields}
        reply = call(who, "POST", "/roles", JSON, **sent)
        assert reply.status_code == 201, reply.text
        return reply.json["role"]

    return new


def section(page, name):
    """What stands under a heading of the list."""
    return page.split(f'<h2 id="{name}">')[1].split("<h2")[0] if f'<h2 id="{name}">' in page else ""


def openings(page):
    place = page.split('id="tries"')[1].split("</ul>")[0]
    return [html.unescape(text) for text in re.findall(r'class="try"[^>]*value="([^"]*)"', place)]


def test_a_role_without_script_from_its_form_to_its_end(call):
    assert 'action="/roles"' in call("ann", "GET", "/roles/new").text
    typed = {"title": "Gardener <i>", "description": "Knows & grows", "prompt": "Garden.", "openings": "Roses?\r\n\r\nTulips?"}
    made = call("ann", "POST", "/roles", **typed)
    key = made.location.removeprefix("/roles#role-")
    assert (made.status_code, key[:2]) == (303, "r-")
    listed = section(call("ann", "GET", "/roles").text, "own")
    assert "Gardener &lt;i&gt;" in listed
    assert f'href="/?role={key}"' in listed
    form = call("ann", "GET", f"/roles/{key}").text
    assert "Roses?\nTulips?</textarea>" in form
    assert 'name="version" value="1"' in form
    assert call("ann", "POST", f"/roles/{key}/change", **typed | {"title": "Florist", "version": "1"}).status_code == 303
    stale = call("ann", "POST", f"/roles/{key}/change", **typed | {"title": "Typed by hand", "version": "1"})
    assert stale.status_code == 409
    assert 'value="Typed by hand"' in stale.text
    assert 'name="version" value="2"' in stale.text
    assert "changed elsewhere" in stale.text
    assert call("ann", "POST", f"/roles/{key}/delete").location == "/roles"
    assert "Florist" not in call("ann", "GET", "/roles").text


def test_a_role_that_is_shared_and_taken_back(call, write):
    role = write("ann", title="Chef", openings="What is a roux?")
    key = role["id"]
    assert "Chef" not in call("bob", "GET", "/roles").text
    assert call("ann", "POST", f"/roles/{key}/share", JSON).json["role"]["shared"] is True
    listed = section(call("bob", "GET", "/roles").text, "shared")
    assert "Chef" in listed
    assert "Shared by Ann" in listed
    page = call("bob", "GET", f"/roles/{key}").text
    assert SECRET in page
    assert "/change" not in page
    copied = call("bob", "POST", f"/roles/{key}/copy", JSON).json["role"]
    assert (copied["title"], copied["prompt"], copied["openings"]) == ("Chef", SECRET, ["What is a roux?"])
    assert copied["shared"] is False
    begun = call("bob", "POST", "/turns", JSON, question="hi", role=key).json["conversation"]
    assert 'id="role-name">Chef<' in call("bob", "GET", f"/c/{begun}").text
    assert call("ann", "POST", f"/roles/{key}/unshare").status_code == 303
    assert section(call("bob", "GET", "/roles").text, "shared") == ""
    assert call("bob", "GET", f"/?role={key}").status_code == 404
    refused = call("bob", "POST", "/turns", question="what I typed", role=key)
    assert refused.status_code == 404
    assert "what I typed</textarea>" in refused.text  # nothing typed is lost
    call("ann", "POST", f"/roles/{key}/change", JSON, prompt="Another.")
    assert call("bob", "POST", f"/roles/{copied['id']}/delete", JSON).json["url"] == "/roles"
    conversation = call("bob", "GET", f"/c/{begun}").text
    assert SECRET in conversation  # it keeps the words that it began with
    assert 'id="role-name">own<' in conversation


def test_another_person_s_role_is_not_found_on_every_route(app, call, write):
    key = write("ann")["id"]
    before = call("ann", "GET", f"/roles/{key}").text.split("<main")[1]
    tried = set()
    routes = [(rule.rule, rule.methods) for rule in app.url_map.iter_rules() if "role" in rule.arguments]
    for rule, methods in [*routes, ("/?role=<role>", {"GET"})]:
        for method in sorted(methods - {"OPTIONS"}):
            answers = [call("bob", method, rule.replace("<role>", id), JSON) for id in (key, "r-aaaaaaaaaaaaaaaa")]
            assert [answer.status_code for answer in answers] == [404, 404], f"{method} {rule}"
            if method != "HEAD":
                assert len({answer.json["error"]["message"] for answer in answers}) == 1, f"{method} {rule}"
            tried.add((rule, method))
    for path in ("/turns", "/files"):
        fields = {"question": "hi"} if path == "/turns" else {"attached": (io.BytesIO(b"x"), "a.txt")}
        assert call("bob", "POST", path, JSON, **fields, role=key).status_code == 404
    assert len(tried) >= 8
    assert call("ann", "GET", f"/roles/{key}").text.split("<main")[1] == before


@pytest.mark.parametrize(("path", "fields", "status"), [
    ("/roles", {}, 400), ("/roles", {"title": "", "prompt": "x"}, 400), ("/roles", {"title": "t" * 61, "prompt": "x"}, 400),
    ("/roles", {"title": "t", "prompt": "\0"}, 400), ("/roles", {"title": "t", "prompt": "x" * 65537}, 413),
    ("/roles", {"title": "t", "prompt": "x", "openings": "a\nb\nc\nd\ne\nf\ng"}, 400), ("/roles", {"owner": "me"}, 400),
    ("/roles/KEY/change", {"title": ""}, 400), ("/roles/KEY/change", {"version": "-1"}, 400),
    ("/roles/KEY/change", {"version": "x", "title": "t"}, 400), ("/roles/KEY/change", {"version": "99"}, 409),
    ("/roles/KEY/share", {"with": "everybody"}, 400), ("/roles/new", {"bot_role": "x" * 65537}, 413),
    ("/roles/socrates/change", {"title": "t"}, 404), ("/roles/%00/delete", {}, 404), ("/roles/" + "k" * 3000, None, 404),
    ("/?role=%F0%9F", None, 404), ("/?role=" + "k" * 3000, None, 404), ("/turns", {"question": "q", "role": "x" * 400}, 413),
])
@pytest.mark.parametrize("headers", [None, JSON])
def test_garbage_is_refused_with_a_sentence(call, people, path, fields, status, headers):
    ann = next(person.id for person in people.all() if person.is_owner)
    key = (people.library.of(ann) or [people.library.add(ann, title="Kept", prompt="Keep.")])[0].id
    reply = call("ann", "GET" if fields is None else "POST", path.replace("KEY", key), headers, **fields or {})
    assert reply.status_code == status, reply.text
    assert (reply.json["error"]["message"] if headers else "<p>" in reply.text)


def test_the_roles_of_the_server_are_copied_and_come_first(call):
    page = call("bob", "GET", "/roles").text
    assert page.index('id="box"') < page.index('id="own"')
    copied = call("bob", "POST", "/roles/socrates/copy", JSON).json["role"]
    assert copied["description"] == "Answers briefly and asks back."
    assert "one or two short sentences" in copied["prompt"]
    assert len(copied["openings"]) == 4


def test_the_welcome_offers_what_the_chosen_role_begins_with(call):
    general = openings(call("ann", "GET", "/").text)
    assert "What is the capital of France?" in general
    page = call("ann", "GET", "/?role=socrates").text
    assert openings(page)[0] == "What is courage?"
    assert '<input type="hidden" name="role" value="socrates">' in page
    assert re.search(r'value="socrates"[^>]* checked>', page)
    assert json.loads(html.unescape(re.search(r'id="tries" data-openings="([^"]*)"', page)[1])) == general
    begun = call("ann", "POST", "/turns", question=openings(page)[0], role="socrates")
    assert 'id="role-name">Socrates<' in call("ann", "GET", begun.location).text


def test_a_prompt_that_was_typed_becomes_a_role(call):
    begun = call("ann", "POST", "/turns", JSON, question="hi", bot_role="You are a <judge>.").json["url"]
    assert 'formaction="/roles/new"' in call("ann", "GET", begun).text
    assert "You are a &lt;judge&gt;.</textarea>" in call("ann", "POST", "/roles/new", bot_role="You are a <judge>.").text
    call("ann", "POST", "/roles", title="Judge", prompt="You are a <judge>.")
    assert 'id="role-name">Judge<' in call("ann", "GET", begun).text


def test_a_conversation_takes_a_role_by_its_key_or_its_words(call, write):
    begun = call("ann", "POST", "/turns", JSON, question="hi", role="socrates").json["conversation"]
    key = write("ann", title="Smith", prompt="You forge.")["id"]
    changed = call("ann", "POST", f"/c/{begun}/role", JSON, role=key)
    assert changed.json["conversation"]["role_name"] == "Smith"
    assert call("ann", "POST", f"/c/{begun}/role", JSON, bot_role="").json["conversation"]["role_name"] == "none"
    assert call("ann", "POST", f"/c/{begun}/role", JSON, role="r-unknown").status_code == 404


def test_the_role_that_a_person_prefers(app, people, call, write):
    bob = next(person.id for person in people.all() if person.name == "Bob <b>")
    key = write("bob", title="Pilot", prompt="You fly.", openings="Where to?")["id"]
    people.prefer(bob, role=key)
    page = call("bob", "GET", "/").text
    assert openings(page) == ["Where to?"]
    assert 'id="role-name">Pilot<' in page
    begun = call("bob", "POST", "/turns", JSON, question="hi").json["conversation"]
    assert app.extensions["services"].store.conversation(bob, begun).role == "You fly."
    call("bob", "POST", f"/roles/{key}/delete")
    assert "Friendly" in call("bob", "GET", "/").text  # one that is gone counts as not chosen
    people.prefer(bob, role=None)


def test_what_a_browser_wrote_is_the_person_s_who_signs_in(app, people):
    client = app.test_client()
    with client.session_transaction(base_url=ORIGIN) as session:
        session["owner"] = "s-before"
    people.library.share("s-before", people.library.add("s-before", title="Before", prompt="You were.").id)
    person = people.add("Cem")
    _, token = people.invitations.link(person.id)
    client.post(f"/join/{token}", base_url=ORIGIN)
    assert [role.title for role in people.library.of(person.id)] == ["Before"]
    assert people.library.of("s-before") == []
    people.remove(person.id)


def test_without_people_a_browser_has_roles_of_its_own(shared_app):
    app = shared_app(owner="session")
    visitor, other = app.test_client(), app.test_client()
    assert visitor.get("/roles").status_code == 200  # also before it has anything
    made = visitor.post("/roles", data={"title": "Mine", "prompt": "x"}, headers=JSON).json["role"]["id"]
    assert "Mine" in visitor.get("/roles", headers={"Accept-Language": "zh"}).text
    assert other.get(f"/roles/{made}").status_code == 404
    visitor.post(f"/roles/{made}/share")
    assert "Shared by somebody here" in other.get("/roles").text
    visitor.post("/session_out")
    assert other.get(f"/roles/{made}").status_code == 404  # a session that is forgotten leaves none behind
