"""Each decision in a real browser: from the click to Kafka, through the pipeline, and to the page."""

import re

from playwright.sync_api import expect

from tests.console.conftest import OpenPage
from tests.console.deciding import READ_MS, begin, decide, decisions, forecast_of, wait_until_read, write
from tests.kit.console_api import wait_for_break
from tests.kit.rents import Rents


def open_break(open_page: OpenPage, key: str, **more: str) -> tuple[str, str]:
    """Wait for the open break of a key; returns its id and its path."""
    page = open_page("/tokens" if not more else "/decisions", **more).page
    found = wait_for_break(page, key=key)
    page.context.close()
    return found["id"], f"/exceptions/{found['id']}"


def test_each_decision_goes_from_the_click_to_kafka_and_back_and_two_people_accept(
    open_page: OpenPage, rents: Rents
) -> None:
    payment = rents.paid_twice()
    _, path = open_break(open_page, payment)
    watched = open_page(path)
    page = watched.page
    decide(page, "Acknowledge", "the processor looks into it")
    expect(page.get_by_text("Acknowledged", exact=True)).to_be_visible()
    dialog = begin(page, "Assign", "ana knows the processor")
    expect(dialog.get_by_label("To whom")).to_have_value("ana")
    expect(forecast_of(dialog)).to_contain_text("assigned to ana")
    write(dialog, "Assign")
    wait_until_read(page)
    decide(page, "Comment", "a retry of theirs, they say")
    dialog = begin(page, "Accept", "written off, ticket 118")
    expect(forecast_of(dialog)).to_contain_text("once another person approves it: its priority is 1")
    assert watched.axe() == []
    write(dialog, "Accept")
    wait_until_read(page)
    expect(page.get_by_text("Waits for a second person")).to_be_visible()
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)

    second = open_page("/decisions", person="ben")
    row = second.page.get_by_role("row").filter(has_text=payment)
    expect(row).to_contain_text("written off, ticket 118")
    row.get_by_role("link").first.click()
    dialog = begin(second.page, "Approve", "agreed")
    expect(dialog.get_by_role("blockquote")).to_contain_text("written off, ticket 118")
    expect(forecast_of(dialog)).to_contain_text("will be accepted, approved by ben")
    write(dialog, "Approve")
    wait_until_read(second.page)
    expect(second.page.get_by_text("Accepted", exact=True)).to_be_visible(timeout=READ_MS)
    # The first person's page follows by itself.
    expect(page.get_by_text("approved by ben", exact=False).first).to_be_visible(timeout=READ_MS)

    page.get_by_role("button", name="Withdraw what ben decided").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the refund is on its way after all")
    write(dialog, "Withdraw")
    wait_until_read(page)
    expect(page.get_by_text("Waits for a second person")).to_be_visible()
    expect(decisions(page)).to_have_count(6)
    in_kafka = [(one["action"], one["actor"], one["reason"]) for one in rents.decisions_about(payment)]
    assert in_kafka == [
        ("ACKNOWLEDGE", "ana", "the processor looks into it"),
        ("ASSIGN", "ana", "ana knows the processor"),
        ("COMMENT", "ana", "a retry of theirs, they say"),
        ("ACCEPT", "ana", "written off, ticket 118"),
        ("APPROVE", "ben", "agreed"),
        ("WITHDRAW", "ana", "the refund is on its way after all"),
    ]
    assert watched.problems == second.problems == []


def test_what_changed_meanwhile_is_shown_and_nothing_typed_is_lost(open_page: OpenPage, rents: Rents) -> None:
    payment = rents.paid_twice()
    _, path = open_break(open_page, payment)
    page = open_page(path).page
    dialog = begin(page, "Accept", "written off, ticket 7")
    expect(forecast_of(dialog)).to_contain_text("once another person approves it")
    rents.collected_again(payment, 3)
    # The page follows the change; whoever is quicker than that is refused, and told what changed.
    expect(page.locator(".side-difference")).to_contain_text("1,700.00", timeout=READ_MS)
    expect(dialog.get_by_label("Reason")).to_have_value("written off, ticket 7")
    expect(forecast_of(dialog)).to_contain_text("once another person approves it")

    other = open_page(path, person="ben").page
    decide(other, "Accept", "ben was first")
    expect(dialog.get_by_role("button", name="Look again").first).to_be_visible(timeout=READ_MS)
    expect(dialog).to_contain_text("ben has accepted it already")
    expect(dialog.get_by_role("button", name="Accept", exact=True)).to_be_disabled()
    expect(dialog.get_by_label("Reason")).to_have_value("written off, ticket 7")


def test_a_decision_about_what_is_no_longer_there_says_what_changed(open_page: OpenPage, rents: Rents) -> None:
    payment = rents.paid_twice()
    identity, path = open_break(open_page, payment)
    watched = open_page(path)
    page = watched.page
    page.get_by_text("Open", exact=True).wait_for()
    page.get_by_role("heading", name="What happened").wait_for()
    # What the page would load of the exception is held up, so that it stays as the person saw it.
    page.route(
        "**/graphql", lambda route: route.abort() if is_about(route.request.post_data, identity) else route.fallback()
    )
    rents.collected_again(payment, 3)
    other = open_page(path, person="ben").page
    expect(other.locator(".side-difference")).to_contain_text("1,700.00", timeout=READ_MS)

    dialog = begin(page, "Accept", "written off, ticket 9")
    expect(dialog).to_contain_text("the break has changed since you looked at it", timeout=READ_MS, ignore_case=True)
    expect(dialog).to_contain_text("What you have typed is kept.")
    page.unroute_all()
    dialog.get_by_role("button", name="Look again").first.click()
    expect(page.locator(".side-difference")).to_contain_text("1,700.00", timeout=READ_MS)
    expect(forecast_of(dialog)).to_contain_text("once another person approves it")
    expect(dialog.get_by_label("Reason")).to_have_value("written off, ticket 9")
    write(dialog, "Accept")
    wait_until_read(page)
    expect(page.get_by_text("Waits for a second person")).to_be_visible()


def is_about(body: str | None, identity: str) -> bool:
    """Whether a request asks for this record, and not what would become of a command."""
    return body is not None and f'"id":"{identity}"' in body.replace(" ", "")


def test_a_reference_in_suspense_is_given_to_the_payment_that_is_proposed(open_page: OpenPage, rents: Rents) -> None:
    reference, payment = rents.in_suspense()
    _, path = open_break(open_page, reference)
    watched = open_page(path)
    page = watched.page
    page.get_by_role("button", name=f"Match to {payment}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Payment")).to_have_value(payment)
    dialog.get_by_label("Payment").fill("P-unknown")
    expect(dialog).to_contain_text("there is no payment P-unknown", timeout=READ_MS)
    dialog.get_by_label("Payment").fill(payment)
    dialog.get_by_label("Reason").fill("amount and day, and the bank says so")
    write(dialog, "Match")
    expect(page.get_by_text("Resolved", exact=True)).to_be_visible(timeout=READ_MS)
    wait_until_read(page)
    page.get_by_role("link", name=payment).first.click()
    expect(page.get_by_role("region", name="Initiated, settled and posted")).to_contain_text(
        "USD 850.00", timeout=READ_MS
    )
    page.get_by_role("link", name=reference).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Reference {reference}")
    expect(page.get_by_text("Held", exact=True)).to_be_visible()
    assert watched.problems == []


def test_a_payment_is_moved_to_two_other_obligations(open_page: OpenPage, rents: Rents) -> None:
    payment, obligation = rents.paid()
    _, first = rents.paid()
    _, second = rents.paid()
    watched = open_page(f"/payments/{payment}")
    page = watched.page
    move = page.get_by_role("button", name="Move the money")
    while not move.is_visible():
        page.get_by_role("button", name="Load the page again").click()
        page.wait_for_timeout(500)
    move.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Obligation", exact=True).fill(first)
    dialog.get_by_label("Amount in USD").fill("12.345")
    expect(dialog).to_contain_text("An amount with at most 2 decimals")
    dialog.get_by_label("Amount in USD").fill("350.00")
    dialog.get_by_role("button", name="Another obligation").click()
    dialog.get_by_label("Obligation", exact=True).nth(1).fill(second)
    dialog.get_by_label("Reason").fill("paid for two of them")
    expect(forecast_of(dialog)).to_contain_text(first, timeout=READ_MS)
    assert watched.axe() == []
    write(dialog, "Move")
    wait_until_read(page)
    table = page.get_by_role("group", name="What it pays")
    expect(table.get_by_role("row").filter(has_text=first)).to_contain_text("350.00")
    expect(table.get_by_role("row").filter(has_text=second)).to_contain_text("500.00")
    expect(table).not_to_contain_text(obligation)
    assert watched.problems == []


def test_an_exception_is_worked_with_the_keyboard_alone(open_page: OpenPage, rents: Rents) -> None:
    payment = rents.paid_twice()
    _, path = open_break(open_page, payment)
    watched = open_page("/")
    page, keys = watched.page, watched.page.keyboard
    page.get_by_role("heading", name="Overview").wait_for()
    keys.press("/")
    keys.type(payment)
    expect(page.get_by_role("option")).to_have_count(1, timeout=READ_MS)
    keys.press("Enter")
    page.wait_for_url(f"**/payments/{payment}")
    link = page.get_by_role("link", name="Settled more than once")
    link.wait_for()
    for _ in range(60):
        if link.evaluate("(one) => one === document.activeElement"):
            break
        keys.press("Tab")
    keys.press("Enter")
    page.wait_for_url(f"**{path}")
    page.get_by_role("button", name="Acknowledge", exact=True).wait_for()
    keys.press("a")
    expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(5):
        if page.get_by_label("Reason").evaluate("(one) => one === document.activeElement"):
            break
        keys.press("Tab")
    keys.type("seen, with the keyboard")
    expect(page.get_by_role("dialog").get_by_role("button", name="Acknowledge", exact=True)).to_be_enabled(
        timeout=READ_MS
    )
    keys.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=READ_MS)
    wait_until_read(page)
    expect(decisions(page).first).to_contain_text("seen, with the keyboard")
    # The focus is not lost with the dialog.
    assert page.evaluate("document.activeElement !== document.body")
    assert watched.problems == []


def test_who_may_not_decide_is_offered_nothing(open_page: OpenPage, rents: Rents) -> None:
    payment = rents.paid_twice()
    _, path = open_break(open_page, payment)
    page = open_page(path, person="vera").page
    page.get_by_role("heading", name="Settled more than once").wait_for()
    page.get_by_role("heading", name="What happened").wait_for()
    actions = page.get_by_role("button", name=re.compile("^(Accept|Acknowledge|Assign|Comment|Approve|Match)$"))
    expect(actions).to_have_count(0)
    expect(page.get_by_role("link", name="API tokens")).to_have_count(0)
