"""A decision while something is away: the answer, the connection, the session, or the worker."""

import os
import signal

from playwright.sync_api import Page, Route, expect

from tests.console.conftest import OpenPage, RunningConsole
from tests.console.deciding import READ_MS, begin, decisions, forecast_of, wait_until_read, write
from tests.console.test_decisions import open_break
from tests.kit.console_api import document_names
from tests.kit.rents import Rents

UNKNOWN = "It is not known whether it was written"


def name_of(route: Route) -> str | None:
    """The name of the document that a request sends."""
    return document_names().get(str((route.request.post_data_json or {}).get("documentId")))


def lose_the_next_answer(page: Page) -> None:
    """Let the next decision reach the gateway, and not its answer the page."""
    lost: list[Route] = []

    def lose(route: Route) -> None:
        if lost or name_of(route) != "Decide":
            route.fallback()
            return
        lost.append(route)
        route.fetch()
        route.abort()

    page.route("**/graphql", lose)


def test_a_decision_whose_answer_is_lost_is_sent_again_and_counts_once(open_page: OpenPage, rents: Rents) -> None:
    payment = rents.paid_twice()
    _, path = open_break(open_page, payment)
    page = open_page(path).page
    lose_the_next_answer(page)
    dialog = begin(page, "Acknowledge", "the line went dead")
    dialog.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(dialog).to_contain_text(UNKNOWN)
    expect(dialog.get_by_label("Reason")).to_have_value("the line went dead")
    # It has been read, so that the forecast refuses it as what is there already.
    expect(forecast_of(dialog)).to_contain_text("ana has acknowledged it", timeout=READ_MS)
    expect(dialog.get_by_role("button", name="Acknowledge", exact=True)).to_be_enabled()
    write(dialog, "Acknowledge")
    wait_until_read(page)
    expect(decisions(page)).to_have_count(1)
    assert len(rents.decisions_about(payment)) == 1


def test_a_lost_connection_takes_nothing_that_was_typed(open_page: OpenPage, rents: Rents) -> None:
    payment = rents.paid_twice()
    _, path = open_break(open_page, payment)
    page = open_page(path).page
    dialog = begin(page, "Comment", "written in a tunnel")
    expect(forecast_of(dialog)).to_contain_text("The comment is kept")
    page.context.set_offline(True)
    dialog.get_by_role("button", name="Comment", exact=True).click()
    expect(dialog).to_contain_text("The gateway does not answer.")
    page.context.set_offline(False)
    write(dialog, "Comment")
    wait_until_read(page)
    expect(decisions(page).first).to_contain_text("written in a tunnel")
    assert len(rents.decisions_about(payment)) == 1


def test_a_session_that_ends_keeps_the_page_until_the_person_is_back(open_page: OpenPage, rents: Rents) -> None:
    payment = rents.paid_twice()
    _, path = open_break(open_page, payment)
    page = open_page(path).page
    dialog = begin(page, "Comment", "a long lunch")
    expect(forecast_of(dialog)).to_contain_text("The comment is kept")
    cookies = page.context.cookies()
    page.context.clear_cookies()
    dialog.get_by_role("button", name="Comment", exact=True).click()
    ended = page.get_by_role("dialog", name="Your session has ended")
    expect(ended).to_be_visible()
    expect(ended.get_by_role("link", name="Sign in in a new tab")).to_have_attribute("target", "_blank")
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    ended.get_by_role("button", name="Close").click()
    dialog = page.get_by_role("dialog", name="Comment on the exception")
    expect(dialog.get_by_label("Reason")).to_have_value("a long lunch")
    write(dialog, "Comment")
    wait_until_read(page)
    expect(decisions(page).first).to_contain_text("a long lunch")


def test_a_worker_that_is_killed_in_between_delays_a_decision_and_loses_none(
    open_page: OpenPage, rents: Rents, console: RunningConsole
) -> None:
    payment = rents.paid_twice()
    _, path = open_break(open_page, payment)
    page = open_page(path).page
    page.get_by_role("heading", name="What happened").wait_for()
    dialog = begin(page, "Comment", "while nobody reads")
    expect(forecast_of(dialog)).to_contain_text("The comment is kept")
    worker = console.pid_of("worker")
    os.kill(worker, signal.SIGSTOP)
    os.kill(worker, signal.SIGKILL)
    # The gateway checks a decision against what the worker has; without it, it says so, and keeps what was typed.
    button = dialog.get_by_role("button", name="Comment", exact=True)
    for _ in range(60):
        if not dialog.is_visible():
            break
        again = dialog.get_by_role("button", name="Try again")
        if again.count() > 0:
            expect(dialog).to_contain_text("It cannot be done now")
            expect(dialog.get_by_label("Reason")).to_have_value("while nobody reads")
            again.first.click()
        elif button.is_enabled():
            button.click()
        page.wait_for_timeout(500)
    expect(dialog).to_be_hidden()
    wait_until_read(page)
    expect(decisions(page).first).to_contain_text("while nobody reads")
    expect(page.get_by_role("heading", name="What happened")).to_be_visible(timeout=READ_MS)
    assert len(rents.decisions_about(payment)) == 1
