"""The list pages in a real browser: what is on them, the keyboard, filters, selection, exports, and what they ask."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.conftest import OpenPage
from tests.kit.browser import Watched
from tools.local.worker import REPOSITORY

PAGES = {
    "/": ("Overview", "Overview"),
    "/exceptions": ("Exceptions", "Exceptions"),
    "/late": ("Late and ageing", "Ageing"),
    "/late?view=installments": ("Late and ageing", "LateInstallments"),
    "/payments": ("Payments", "Payments"),
    "/payouts": ("Payouts", "Payouts"),
    "/operations": ("Operations", "Health"),
    "/operations?view=dead-letters": ("Operations", "DeadLetters"),
}
"""Each page's heading, and the one document that it asks for."""
ALWAYS = Counter(["Session", "Changes"])
"""Who is signed in, once; and the stream of changes."""


def names_of(asked: list[str]) -> Counter[str]:
    """How often each document was asked for, by its name."""
    documents: dict[str, str] = json.loads(
        (REPOSITORY / "console" / "persisted-documents.json").read_text(encoding="utf-8")
    )
    operation = re.compile(r"\b(?:query|mutation|subscription) (\w+)")
    names = {identity: found[1] for identity, text in documents.items() if (found := operation.search(text))}
    return Counter(names[identity] for identity in asked)


def wait_until_shown(watched: Watched, heading: str) -> None:
    page = watched.page
    page.get_by_role("heading", name=heading, level=1).wait_for()
    page.locator(".table-body .table-row, .plain-table tbody tr, .table-empty").first.wait_for()


def rows(page: Page) -> Locator:
    return page.locator(".table-body .table-row")


def active(page: Page) -> str:
    return page.locator(".table-row[data-active] .row-link").inner_text()


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_whole_accessible_and_asks_once(path: str, open_page: OpenPage) -> None:
    heading, document = PAGES[path]
    for width, dark in (("desk", False), ("phone", True)):
        watched = open_page(path, width=width, dark=dark)
        wait_until_shown(watched, heading)
        assert watched.problems == []
        asked = names_of(watched.asked)
        # How many there are is asked only of a list that has a second page, and after the rows have come.
        del asked[f"{document}Count"]
        assert asked == ALWAYS + Counter([document])
        assert watched.axe() == [], width
        assert watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
        watched.page.context.close()


def test_the_queue_is_worked_with_the_keyboard(open_page: OpenPage) -> None:
    watched = open_page("/exceptions")
    page, keys = watched.page, watched.page.keyboard
    wait_until_shown(watched, "Exceptions")
    titles = page.locator(".table-body .row-link").all_inner_texts()
    for key in ("j", "j", "j", "k"):
        keys.press(key)
    grid = page.get_by_role("grid", name="Exceptions")
    expect(grid).to_be_focused()
    assert active(page) == titles[1]
    marked = page.locator(f"[id='{grid.get_attribute('aria-activedescendant')}']")
    assert marked.get_attribute("aria-rowindex") == "3"

    keys.press("x")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Shift+X")
    expect(page.get_by_text("3 selected")).to_be_visible()
    keys.press("a")
    dialog = page.get_by_role("dialog", name="Acknowledge 3 exceptions")
    dialog.wait_for()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("3 selected")).to_be_visible()

    asked = len(watched.asked)
    keys.press("Home")
    keys.press("j")
    keys.press("Enter")
    page.wait_for_url("**/exceptions/*")
    page.go_back()
    wait_until_shown(watched, "Exceptions")
    assert active(page) == titles[1]
    again = names_of(watched.asked[asked:])
    assert again["Exceptions"] == 0, "going back asks for nothing that is known"
    assert watched.problems == []


def test_a_link_is_the_view(open_page: OpenPage) -> None:
    watched = open_page("/exceptions")
    page = watched.page
    wait_until_shown(watched, "Exceptions")
    page.get_by_role("combobox", name=re.compile("^Priority")).click()
    page.get_by_role("option", name="1: money at risk").click()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"priority=1$"))
    page.get_by_role("button", name="Difference").click()
    expect(page).to_have_url(re.compile(r"priority=1&order=amount$"))
    expect(page.locator(".table-body .priority").first).to_have_text("Priority P1")
    expect(page.get_by_role("columnheader", name="Difference")).to_have_attribute("aria-sort", "descending")
    page.wait_for_timeout(300)
    shown = page.locator(".table-body .row-link").all_inner_texts()
    page.reload()
    wait_until_shown(watched, "Exceptions")
    assert page.locator(".table-body .row-link").all_inner_texts() == shown
    assert set(page.locator(".table-body .priority").all_text_contents()) == {"Priority P1"}
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(re.compile(r"/exceptions\?order=amount$"))


def test_what_a_link_has_and_the_page_does_not_know_is_named(open_page: OpenPage) -> None:
    watched = open_page("/exceptions?class=nonsense&priority=1")
    wait_until_shown(watched, "Exceptions")
    expect(watched.page.get_by_text("class=nonsense")).to_be_visible()
    assert set(watched.page.locator(".table-body .priority").all_text_contents()) == {"Priority P1"}
    watched.page.get_by_role("button", name="Dismiss").click()
    expect(watched.page).to_have_url(re.compile(r"/exceptions\?priority=1$"))


def test_a_long_list_is_fetched_while_it_is_scrolled(open_page: OpenPage) -> None:
    watched = open_page("/payments")
    page = watched.page
    wait_until_shown(watched, "Payments")
    grid = page.get_by_role("grid", name="Payments")
    summary = page.locator(".page-summary")
    expect(summary).to_have_text(re.compile("payments"))
    total = int(summary.inner_text().split()[0].replace(",", ""))
    assert total > 100, "the month is too small for a second page"
    assert grid.get_attribute("aria-rowcount") == str(total + 1)
    grid.focus()
    for _ in range(-(-total // 100) + 1):
        page.keyboard.press("End")
        page.wait_for_timeout(200)
    expect(page.locator(f"[aria-rowindex='{total + 1}']")).to_be_visible()
    assert rows(page).count() < 60, "only the rows in view are in the document"
    asked = names_of(watched.asked)
    assert (asked["Payments"], asked["PaymentsCount"]) == (-(-total // 100), 1)


def exported(page: Page, folder: Path, entry: str) -> Path:
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as started:
        page.get_by_role("dialog", name="Export").get_by_text(entry).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    page.get_by_role("dialog").wait_for(state="hidden")
    return path


def test_what_the_filters_find_and_what_is_selected_can_be_downloaded(open_page: OpenPage, tmp_path: Path) -> None:
    watched = open_page("/exceptions?priority=1")
    page = watched.page
    wait_until_shown(watched, "Exceptions")
    total = int(page.locator(".page-summary").inner_text().split()[0])
    with exported(page, tmp_path, "CSV").open(encoding="utf-8-sig") as file:
        found = list(csv.DictReader(file))
    assert len(found) == total

    page.get_by_role("checkbox", name=re.compile("^Select ")).nth(1).check()
    page.get_by_role("checkbox", name=re.compile("^Select ")).nth(2).check()
    with exported(page, tmp_path, "CSV").open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 2
    sheet = exported(page, tmp_path, "Excel (XLSX)")
    assert sheet.suffix == ".xlsx"
    assert sheet.read_bytes()[:2] == b"PK"
    assert watched.problems == []


def test_breaks_are_acknowledged_together_and_the_page_follows(open_page: OpenPage) -> None:
    watched = open_page("/exceptions?decision=none&priority=3")
    page = watched.page
    wait_until_shown(watched, "Exceptions")
    chosen = page.locator(".table-body [role=rowheader] a").all()[:2]
    addresses = [link.get_attribute("href") for link in chosen]
    page.keyboard.press("j")
    for key in ("x", "j", "x"):
        page.keyboard.press(key)
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog", name="Acknowledge 2 exceptions")
    expect(dialog.get_by_role("button", name="Acknowledge")).to_be_disabled()
    dialog.get_by_label("Reason").fill("known: the ledger is a day behind")
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(dialog).to_be_hidden()
    for address in addresses:
        expect(page.locator(f"a[href='{address}']")).to_have_count(0, timeout=20_000)
    page.goto("/exceptions?decision=acknowledged")
    for address in addresses:
        expect(page.locator(f"a[href='{address}']").first).to_be_visible()
    assert watched.problems == []


def test_a_view_is_saved_opened_and_deleted(open_page: OpenPage) -> None:
    watched = open_page("/exceptions?priority=1&order=oldest")
    page = watched.page
    wait_until_shown(watched, "Exceptions")
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Save this view as").fill("Oldest at risk")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Oldest at risk").wait_for()

    page.goto("/exceptions")
    wait_until_shown(watched, "Exceptions")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="Oldest at risk").click()
    expect(page).to_have_url(re.compile(r"/exceptions\?priority=1&order=oldest$"))
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="Delete Oldest at risk").click()
    expect(page.get_by_role("link", name="Oldest at risk")).to_have_count(0)
    assert watched.problems == []


def test_colours_and_shortcuts_are_chosen_on_the_device(open_page: OpenPage) -> None:
    watched = open_page("/exceptions")
    page = watched.page
    wait_until_shown(watched, "Exceptions")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="ana: account and settings").click()
    page.get_by_label("Dark").check()
    assert page.evaluate(background) != light
    page.get_by_label("Shortcuts of one letter").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator(".table-row[data-active]")).to_have_count(0)
    page.reload()
    wait_until_shown(watched, "Exceptions")
    assert page.evaluate(background) != light
    page.keyboard.press("j")
    expect(page.locator(".table-row[data-active]")).to_have_count(0)
