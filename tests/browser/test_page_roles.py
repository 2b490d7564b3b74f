"""Roles on the page: chosen before the first question, their questions to begin with, a prompt that is kept as a role."""

import re

from playwright.sync_api import expect


def test_a_role_is_chosen_kept_and_chosen_again(visit, echo):
    talk = visit(echo)
    page, tries = talk.page, talk.page.locator(".try")
    expect(tries.first).to_have_text("What is the capital of France?")
    talk.panel().get_by_label("Socrates").check()
    expect(page.locator("#role-name")).to_have_text("Socrates")
    expect(tries.first).to_have_text("What is courage?")
    page.get_by_label("Friendly").check()
    expect(tries.first).to_have_text("What is the capital of France?")
    page.get_by_label("Socrates").check()
    page.locator("#options").get_by_role("button", name="Close").click()
    tries.first.click()
    assert talk.answer() == "What is courage?"
    expect(page.locator("#role-name")).to_have_text("Socrates")

    talk.panel().get_by_text("Role: who answers").click()
    page.get_by_label("Or in your own words").fill("You are a gardener.")
    page.get_by_role("button", name="Save this as a role").click()
    expect(page.get_by_label("Instructions: who")).to_have_value("You are a gardener.")
    page.get_by_label("Title").fill("Gardener")
    page.get_by_label("Questions to begin with").fill("When do tulips bloom?\nWhy prune roses?")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Start a conversation: Gardener").click()
    expect(tries).to_have_text(["When do tulips bloom?", "Why prune roses?"])
    tries.last.click()
    assert talk.answer() == "Why prune roses?"
    expect(page.locator("#role-name")).to_have_text("Gardener")

    page.goto("/roles")
    page.get_by_role("link", name="Change: Gardener").click()
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete the role").click()
    expect(page).to_have_url(re.compile("/roles$"))
    expect(page.get_by_text("Gardener")).to_have_count(0)
