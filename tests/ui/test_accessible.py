"""The window for those who use a keyboard, a screen reader, a large print or a small screen."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

WHO = "Who takes part in the working lunch?"
NOTHING = "Which volcano erupted in Iceland?"
SUMMIT = "When was the last North American summit held?"
Ask = Callable[[Page, str], None]
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


def violations(page: Page, axe: str) -> list[str]:
    """Return what axe finds in the page as it is now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    found = page.evaluate(f"axe.run(document, {json.dumps(RULES)})")["violations"]
    return [f"{each['id']}: {node['html'][:150]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view_or_state(
    window: Any, ask: Ask, axe: str, scheme: str
) -> None:
    page = window(color_scheme=scheme, reduced_motion="reduce")
    found = {"first": violations(page, axe)}
    ask(page, SUMMIT)
    expect(page.locator("#source .spot").first).to_be_visible()
    expect(page.locator("#follow .example").first).to_be_visible()
    found["answered, page drawn"] = violations(page, axe)
    ask(page, NOTHING)
    page.get_by_role("button", name="Not helpful").last.click()
    expect(page.locator("form.reasons")).to_be_visible()
    page.locator("#tools summary").click()
    page.locator("#past summary").click()
    found["refused, voting, choosing, earlier"] = violations(page, axe)
    page.locator("#past summary").click()
    page.get_by_role("button", name="Edit question").first.click()
    expect(page.locator("#chat .log > .notice")).to_be_visible()
    found["editing"] = violations(page, axe)
    page.get_by_role("button", name="Documents", exact=True).click()
    expect(page.locator("#dossier table")).to_be_visible()
    found["documents"] = violations(page, axe)
    assert [each for state in found.values() for each in state] == []


def test_axe_would_find_a_fault(page: Page, axe: str) -> None:
    page.locator("#status p").evaluate("line => { line.style.color = '#bbb'; }")
    page.locator("#head select").evaluate("field => field.closest('label').firstChild.remove()")
    found = {each.split(":")[0] for each in violations(page, axe)}
    assert found == {"color-contrast", "select-name"}


def test_axe_finds_nothing_in_the_drawer(window: Any, ask: Ask, axe: str) -> None:
    page = window(viewport={"width": 320, "height": 640}, locale="fr-CA")
    ask(page, WHO)
    narrow = violations(page, axe)
    page.locator("#chat .quote a").first.click()
    expect(page.locator("#source mark")).to_be_in_viewport()
    assert (narrow, violations(page, axe)) == ([], [])


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(page: Page, ask: Ask) -> None:
    ask(page, WHO)
    page.locator(".skip").focus()
    walked = [page.evaluate(NAMED)]
    while len(walked) < 40:
        page.keyboard.press("Tab")
        walked.append(page.evaluate(NAMED))
    expected = [
        "Skip to the question box", "Conversation", "Documents", "Earlier conversations",
        "Language", "New conversation", "Edit question", "[1]", "Copy with sources",
        "Download: Markdown", "Download: Word", "Ask again", "Helpful", "Not helpful",
        "Your question", "Ask",
        "Ask a file of yours too", "Choose documents", "Whole conversation: Markdown",
        "Whole conversation: Word", "Open the whole document", "All documents",
    ]  # fmt: skip
    places = [walked.index(each) for each in expected]
    assert places == sorted(places)


NAMED = """() => {
  const it = document.activeElement;
  const label = it.labels?.[0];
  const named = label?.querySelector("span") ?? label ?? it;
  const words = it.getAttribute("aria-label") ?? named.innerText;
  return words.trim();
}"""


def test_what_has_the_focus_can_be_seen(page: Page) -> None:
    page.locator(".skip").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
              const it = document.activeElement;
              const box = it.closest("label.attach") ?? it;
              const { outlineStyle, outlineWidth } = getComputedStyle(box);
              return [it.outerHTML.slice(0, 80), outlineStyle, parseFloat(outlineWidth)];
            }"""
        )
        assert seen[1] == "solid", seen
        assert seen[2] >= 2, seen


def test_the_skip_link_leads_to_the_question(page: Page) -> None:
    page.get_by_role("button", name="Conversation", exact=True).focus()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#box textarea")).to_be_focused()


def test_an_answer_is_told_as_it_grows_and_nothing_before_it_again(page: Page, ask: Ask) -> None:
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_have_attribute("aria-live", "polite")
    ask(page, WHO)
    first = log.locator(".turn").first.evaluate_handle("turn => turn")
    page.evaluate(
        """() => {
          window.changed = 0;
          const watch = new MutationObserver((all) => { window.changed += all.length; });
          const first = document.querySelector("#chat .assistant");
          watch.observe(first, { childList: true, subtree: true, characterData: true });
        }"""
    )
    ask(page, NOTHING)
    assert page.evaluate("window.changed") == 0
    assert first.evaluate("turn => turn.isConnected")


@pytest.mark.parametrize("width", [320, 640], ids=["320-px", "1280-px-at-200-percent"])
def test_nothing_is_cut_off_or_scrolls_sideways(window: Any, ask: Ask, width: int) -> None:
    page = window(viewport={"width": width, "height": 512})
    ask(page, WHO)
    for view in ("Documents", "Conversation"):
        page.get_by_role("button", name=view, exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.locator("#chat .tools button, #beside button, #fresh").all():
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 24  # WCAG 2.5.8


def test_nothing_moves_where_motion_is_unwanted(window: Any) -> None:
    page = window(reduced_motion="reduce")
    moving = page.evaluate(
        """() => {
          const made = document.createElement("p");
          made.className = "searching";
          document.querySelector("#chat .log").append(made);
          return getComputedStyle(made).animationName;
        }"""
    )
    assert moving == "none"


def test_a_printed_page_holds_the_conversation_and_its_source_alone(page: Page, ask: Ask) -> None:
    ask(page, WHO)
    page.emulate_media(media="print")
    expect(page.locator("#chat .turn")).to_be_visible()
    expect(page.locator("#source mark")).to_be_visible()
    for part in ("#box", "#top", "#beside", "#chat .tools"):
        expect(page.locator(part)).to_be_hidden()
    assert page.locator("#flow").evaluate("it => it.scrollHeight <= it.clientHeight + 1")


def test_headings_tell_the_parts_of_the_page(page: Page, ask: Ask) -> None:
    ask(page, WHO)
    names = page.get_by_role("heading").all_inner_texts()
    assert names[0] == "Visit Desk"
    assert re.search(re.escape(WHO), names[1])
    assert "The lunch" in names
