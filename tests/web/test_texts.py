"""The operator's texts: from the box or a folder of their own, in the visitor's language."""

from webbot.web.texts import Texts


def test_the_box_has_roles_in_order_and_questions_to_try(app):
    with app.test_request_context("/"):
        texts = Texts()
        assert [role.key for role in texts.roles()][:2] == ["friendly", "socrates"]
        assert "What is the capital of France?" in texts.tries()
        assert "<h2>" in texts.help()


def test_a_folder_of_one_s_own_replaces_single_texts(app, tmp_path):
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles" / "2-socrates.textile").write_text("h2. Sokrates\n\nAsks *back*.\n\nbq. Ask back.\n\nAlways.\n")
    (tmp_path / "roles" / "9-empty.textile").write_text("h2. Nobody\n\nNo prompt.\n")
    (tmp_path / "welcome.textile").write_bytes(b"\xff\xfe broken")
    with app.test_request_context("/"):
        texts = Texts(str(tmp_path))
        socrates = texts.roles()[1]
        assert (socrates.title, socrates.prompt) == ("Sokrates", "Ask back.\n\nAlways.")
        assert "<strong>back</strong>" in socrates.description
        assert "empty" not in [role.key for role in texts.roles()]
        assert texts.tries() == []


def test_a_role_keeps_its_name_in_another_language(app):
    with app.test_request_context("/", headers={"Accept-Language": "zh"}):
        prompt = Texts().roles()[1].prompt
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        texts = Texts()
        assert texts.role_key(prompt) == "socrates"
        assert texts.role_title(prompt) == "Socrates"
        assert texts.role_title("my own words") == texts.role_title("") == ""


def test_a_list_at_the_end_of_a_role_are_questions_to_begin_with(app, tmp_path):
    (tmp_path / "roles").mkdir()
    source = "h2. Cook\n\nCooks.\n\nbq. You cook.\n\n* no pork\n\nAlways.\n\n* What is for dinner?\n*   What is a roux?  \n"
    (tmp_path / "roles" / "1-cook.textile").write_text(source)
    (tmp_path / "roles" / "2-list.textile").write_text("h2. List\n\nbq. Keep to this:\n* be short\n* be kind\n")
    with app.test_request_context("/"):
        cook, plain = (role for role in Texts(str(tmp_path)).roles() if role.key in ("cook", "list"))
        assert cook.openings == ("What is for dinner?", "What is a roux?")
        assert cook.prompt == "You cook.\n\n* no pork\n\nAlways."
        assert (plain.prompt, plain.openings) == ("Keep to this:\n* be short\n* be kind", ())


def test_roles_of_the_box_begin_alike_in_both_languages(app):
    """What a language lacks would be missed by half of the people only."""
    counts = []
    for language in ("en", "zh"):
        with app.test_request_context("/", headers={"Accept-Language": language}):
            counts.append({role.key: len(role.openings) for role in Texts().roles()})
    assert counts[0] == counts[1]
    assert counts[0]["socrates"] == 4
    assert counts[0]["friendly"] == 0  # the default: it begins with the tries of the welcome
