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
        assert texts.role_title("my own words") == "own"
        assert texts.role_title("") == "none"
