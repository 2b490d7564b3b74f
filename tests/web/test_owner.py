"""The page of the owner: who may see it, what it says of people and of the server, and what can be done there."""

import re

import pytest

from tests.engines.conftest import until
from tests.web.house import HOME, JSON, Household
from webbot.settings import load
from webbot.web import reachable


@pytest.fixture(scope="module")
def house(shared_app):
    return Household(shared_app(access="invite", turns_a_minute=1000))


@pytest.fixture(scope="module")
def owner(house):
    return house.client(house.person("Olga", "owner"))


@pytest.fixture
def ann(house, request):
    return house.person(f"Ann {request.node.name}"[:100])


def post(client, path, headers=(), **fields):
    return client.post(f"/owner{path}", base_url=HOME, data=fields, headers={"Origin": HOME, **dict(headers)})


def page(client, status=200):
    answer = client.get("/owner", base_url=HOME)
    assert answer.status_code == status, answer.text
    return answer.text


def row_of(html, person):
    return re.search(rf'<li id="{re.escape(person.id)}">.*?<details', html, re.DOTALL)[0]


# who may

def test_members_see_nothing_of_it(house, ann):
    client = house.client(ann)
    assert "Only an owner" in page(client, 403)
    assert "/owner" not in client.get("/preferences", base_url=HOME).text
    for path in ("/checkup", "/invitations", f"/people/{ann.id}/rank", "/people/nobody/rank"):
        assert post(client, path, rank="owner").status_code == 403
    assert client.get("/owner/checkup", base_url=HOME).status_code == 403
    assert house.people.find(ann.id).rank == "member"


def test_owners_find_the_way(owner):
    assert 'href="/owner"' in owner.get("/preferences", base_url=HOME).text
    assert 'href="/owner"' in owner.get("/", base_url=HOME).text


def test_without_persons_it_says_how_the_server_is(shared_app):
    client = shared_app().test_client()
    html = page(client)
    assert 'id="people"' not in html
    assert 'id="storage"' in html
    for path in ("/invitations", "/people/x/remove"):
        assert post(client, path, name="x").status_code == 404


# people

def test_a_person_is_shown_with_figures(house, owner, ann):
    client = house.client(ann)
    house.people.keys.make(ann.id, "editor", ["chat"])
    client.post("/turns", base_url=HOME, data={"question": "hello"}, headers={"Origin": HOME, **JSON})
    until(lambda: house.people.usage.tokens_today(ann.id) > 0)
    tokens = house.people.usage.tokens_today(ann.id)
    row = row_of(page(owner), ann)
    for words in ("member", "Conversations: 1", f"Tokens today: {tokens}", "Devices: 1", "Keys: 1", "last seen just now"):
        assert words in row


def test_limits_of_a_person(house, owner, ann):
    assert post(owner, f"/people/{ann.id}/limits", turns_a_minute="2", tokens_a_day="0").status_code == 303
    person = house.people.find(ann.id)
    assert (person.turns_a_minute, person.tokens_a_day) == (2, 0)
    client = house.client(ann)
    asked = [client.post("/turns", base_url=HOME, data={"question": "hi"}, headers={"Origin": HOME, **JSON}) for _ in range(3)]
    if asked[2].status_code == 201:  # a new minute began between them
        asked += [client.post("/turns", base_url=HOME, data={"question": "hi"}, headers={"Origin": HOME, **JSON}) for _ in asked]
    assert asked[-1].status_code == 429
    assert 1 <= int(asked[-1].headers["Retry-After"]) <= 60
    post(owner, f"/people/{ann.id}/limits", turns_a_minute="", tokens_a_day="")
    person = house.people.find(ann.id)
    assert (person.turns_a_minute, person.tokens_a_day) == (None, None)


@pytest.mark.parametrize(("path", "fields", "status"), [
    ("limits", {"turns_a_minute": "many"}, 400), ("limits", {"turns_a_minute": "-1"}, 400),
    ("limits", {"tokens_a_day": "9" * 18}, 400), ("limits", {"hours": "1"}, 400), ("name", {"name": ""}, 400),
    ("name", {"name": "a\u0000b"}, 400), ("name", {"name": "x" * 200}, 400), ("name", {"name": "Olga"}, 409),
    ("rank", {"rank": "queen"}, 400), ("rank", {}, 400), ("sign_out", {"all": "yes"}, 400), ("remove", {"sure": "yes"}, 400),
])
def test_garbage_comes_back_with_a_sentence_beside_the_person(house, owner, ann, path, fields, status):
    answer = post(owner, f"/people/{ann.id}/{path}", **fields)
    assert answer.status_code == status
    assert 'role="alert"' in re.search(rf'<li id="{re.escape(ann.id)}">.*?</form>', answer.text, re.DOTALL)[0]
    assert house.people.find(ann.id) == ann


@pytest.mark.parametrize("path", ["name", "limits", "rank", "sign_out", "remove", "admit"])
def test_nobody_is_a_404(owner, path):
    fields = {"name": "x"} if path == "name" else {"rank": "member"} if path == "rank" else {}
    assert post(owner, f"/people/p-nobody/{path}", **fields).status_code == 404
    assert owner.get(f"/owner/people/p-nobody/{path}", base_url=HOME).status_code == 405


def test_renamed_made_owner_and_member_again(house, owner, ann):
    assert post(owner, f"/people/{ann.id}/name", name=f"  {ann.name[:80]}   the Great ").status_code == 303
    assert house.people.find(ann.id).name == f"{ann.name[:80]} the Great"
    client = house.client(ann)
    post(owner, f"/people/{ann.id}/rank", rank="owner")
    page(client)
    assert post(client, f"/people/{ann.id}/rank", rank="member").location == "/preferences"
    page(client, 403)


def test_the_last_owner_stays_owner(shared_app):
    house = Household(shared_app(access="invite"))
    olga = house.person("Olga", "owner")
    client = house.client(olga)
    for path, fields in (("rank", {"rank": "member"}), ("remove", {})):
        answer = post(client, f"/people/{olga.id}/{path}", **fields)
        assert answer.status_code == 409
        assert "make somebody else one first" in answer.text
    page(client)


def test_signed_out_and_removed(house, owner, ann):
    client, again = house.client(ann), house.client(ann)
    post(owner, f"/people/{ann.id}/sign_out")
    assert client.get("/", base_url=HOME).status_code == again.get("/", base_url=HOME).status_code == 401
    client = house.client(ann)
    client.post("/turns", base_url=HOME, data={"question": "hello"}, headers={"Origin": HOME})
    assert post(owner, f"/people/{ann.id}/remove").status_code == 303
    assert client.get("/", base_url=HOME).status_code == 401
    assert house.people.find(ann.id) is None
    assert house.services.store.count(ann.id) == 0
    assert ann.id not in page(owner)


def test_behind_a_proxy_who_was_removed_is_let_in_again(shared_app):
    secret = "s" * 40
    app = shared_app(access="header", proxy_secret=secret, owners=("olga",))

    def visit(path, user, **fields):
        headers = {"X-Forwarded-User": user, "X-Proxy-Secret": secret, "Origin": HOME}
        return app.test_client().open(path, method="POST" if fields else "GET", data=fields.pop("data", fields), base_url=HOME,
                                      headers=headers)

    people = app.extensions["services"].people
    html = visit("/preferences", "ann").text
    assert 'id="keys"' in html
    assert 'id="devices"' not in html
    ann = next(person for person in people.all() if person.subject == "ann")
    assert visit(f"/owner/people/{ann.id}/rank", "olga", rank="owner").status_code == 409
    client = app.test_client()
    headers = {"X-Forwarded-User": "olga", "X-Proxy-Secret": secret, "Origin": HOME}
    assert client.post(f"/owner/people/{ann.id}/remove", base_url=HOME, headers=headers).status_code == 303
    assert visit("/", "ann").status_code == 403
    assert "Let in again" in visit("/owner", "olga").text
    assert client.post(f"/owner/people/{ann.id}/admit", base_url=HOME, headers=headers).status_code == 303
    assert visit("/", "ann").status_code == 200


# invitations

def test_an_invitation_is_shown_once(house, owner):
    answer = post(owner, "/invitations", name="Grandma")
    assert answer.status_code == 201
    token = re.search(r"https://localhost/join/([\w-]+)", answer.text)[1]
    assert "<svg" in answer.text.split('id="invitations"')[1].split("</section>")[0]
    assert " style=" not in answer.text
    html = page(owner)
    assert token not in html
    assert "Grandma" in html
    assert re.search(r"<details[^>]*><summary[^>]*>Take back</summary>(?:(?!</details>).)*/take_back", html, re.DOTALL)
    guest = house.stranger()
    assert guest.post(f"/join/{token}", base_url=HOME, data={}, headers={"Origin": HOME}).status_code == 303
    assert "Grandma" in guest.get("/preferences", base_url=HOME).text
    assert guest.get("/owner", base_url=HOME).status_code == 403


def test_an_invitation_is_taken_back(house, owner):
    made = post(owner, "/invitations", JSON, name="Theo", rank="owner").json
    assert made["rank"] == "owner"
    assert post(owner, f"/invitations/{made['id']}/take_back").status_code == 303
    assert house.stranger().get(made["link"], base_url=HOME).status_code == 404
    answers = [post(owner, f"/invitations/{id}/take_back") for id in (made["id"], "nowhere")]
    assert [answer.status_code for answer in answers] == [404, 404]


def test_two_open_invitations_have_two_names(house, owner):
    assert post(owner, "/invitations", name="Sue").status_code == 201
    answer = post(owner, "/invitations", name=" sUE ")
    assert answer.status_code == 409 and "open invitation for that name" in answer.text


def test_at_the_server_itself_links_lead_to_where_others_reach_it(owner, monkeypatch):
    monkeypatch.setattr(reachable, "lan_addresses", lambda: ["192.168.1.5", "fd00::5"])
    settings = load({}, lan=True, port=9443, hosts=("box.example",))

    def links(base):
        with owner.application.test_request_context(base_url=base):
            return reachable.links(settings, "join/x"), reachable.certificate_link(settings)

    outside = ["https://192.168.1.5:9443/join/x", "https://[fd00::5]:9443/join/x", "https://box.example:9443/join/x"]
    for here in ("https://localhost:9443", "https://127.0.0.1:9443", "https://[::1]:9443"):
        assert links(here) == ([*outside, f"{here}/join/x"], "http://192.168.1.5:8080/webbot-ca.crt")
    assert links("https://[fd00::5]:9443") == (["https://[fd00::5]:9443/join/x"], "http://[fd00::5]:8080/webbot-ca.crt")
    settings = load({}, port=9443)
    assert links("https://localhost:9443") == (["https://localhost:9443/join/x"], "")


def test_links_for_devices_are_no_invitations_to_take_back(house, owner, ann):
    invitation, token = house.people.invitations.link(ann.id)
    assert post(owner, f"/invitations/{invitation.id}/take_back").status_code == 404
    assert house.people.invitations.look(token)


@pytest.mark.parametrize(("fields", "status"), [
    ({}, 400), ({"name": " "}, 400), ({"name": "x", "rank": "king"}, 400), ({"name": "x", "days": "9"}, 400),
    ({"name": "olga"}, 409),
])
def test_what_is_no_invitation(house, owner, fields, status):
    before = len(house.people.invitations.all())
    answer = post(owner, "/invitations", **fields)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text.split('id="invitations"')[1].split("</section>")[0]
    assert len(house.people.invitations.all()) == before


# the server

def test_it_says_how_the_server_is(owner):
    html = page(owner)
    for section in ("models", "queue", "storage", "certificate", "checkup"):
        assert f'id="{section}"' in html
    assert "SQLite" in html
    assert "1,000" in html.split('id="queue"')[1].split("</section>")[0]


@pytest.mark.slow
def test_the_self_check_looks_away_from_the_request(owner):
    page(owner)
    until(lambda: owner.get("/owner/checkup", base_url=HOME, headers=JSON).json["findings"], 60)
    found = owner.get("/owner/checkup", base_url=HOME, headers=JSON).json
    assert any(each["what"].startswith("Python 3") for each in found["findings"])
    assert not any("port" in each["what"].lower() and "free" in each["what"] for each in found["findings"])
    html = owner.get("/owner/checkup", base_url=HOME).text
    assert "<html" not in html
    assert "Python 3" in html
    assert post(owner, "/checkup").status_code == 303


# models: members choose one, owners change them

def test_members_see_no_buttons_that_change_models(house, owner, ann):
    theirs, own = (client.get("/models", base_url=HOME).text for client in (house.client(ann), owner))
    assert 'action="/models/' in own
    assert 'action="/models/' not in theirs
    assert "Only owners of this server change its models." in theirs
