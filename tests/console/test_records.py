"""The pages of one record in a real browser: whole, accessible, linked both ways, and what they ask for."""

import re
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import OpenPage
from tests.console.deciding import READ_MS, decisions
from tests.console.test_decisions import open_break
from tests.kit.browser import Watched
from tests.kit.console_api import ask, document_names, wait_for_break
from tests.kit.rents import Rents

ALWAYS = Counter(["Session", "Changes"])
EXCEPTION = ("ExceptionPage", "ExceptionExplanation", "ExceptionDecisions")


def first(page: Page, name: str, field: str, **variables: Any) -> dict[str, Any]:
    """The first row of a list."""
    found = ask(page, name, first=1, **variables)[field]["edges"]
    assert found, name
    row: dict[str, Any] = found[0]["node"]
    return row


def path_of(page: Page, rents: Rents, kind: str) -> tuple[str, tuple[str, ...]]:
    """A page of this kind that the month has, and the documents that it asks for, each once."""
    match kind:
        case "exception":
            return f"/exceptions/{wait_for_break(page, keyKind='PAYMENT')['id']}", EXCEPTION
        case "suspense":
            row = wait_for_break(page, key=rents.in_suspense()[0])
            return f"/exceptions/{row['id']}", (*EXCEPTION, "ExceptionProposals")
        case "payment":
            row = first(page, "Payments", "payments", filter={"status": "EXCEPTION"}, withCount=False)
            return f"/payments/{row['id']}", ("PaymentPage",)
        case "reference":
            row = wait_for_break(page, key=rents.in_suspense()[0])
            return f"/references/{quote(row['key'], safe='')}", ("ReferencePage",)
        case "payout":
            row = first(page, "Payouts", "payouts", filter={"status": "RECONCILED"}, withCount=False)
            return f"/payouts/{quote(row['id'], safe='')}", ("PayoutPage", "PayoutLines")
        case "bank entry":
            payout = first(page, "Payouts", "payouts", filter={"status": "RECONCILED"}, withCount=False)
            entry = ask(page, "PayoutPage", id=payout["id"])["payout"]["entries"][0]["bankEntryId"]
            return f"/bank-entries/{quote(entry, safe='')}", ("BankEntryPage",)
    row = first(page, "ObligationList", "obligations", filter={"status": "PAST_DUE"}, withCount=False)
    match kind:
        case "obligation":
            return f"/obligations/{row['id']}", ("ObligationPage", "ObligationPayments")
        case "tenant":
            return f"/tenants/{row['tenantId']}", ("TenantPage", "ObligationList", "Payments")
        case "lease":
            return f"/leases/{row['leaseId']}", ("LeasePage", "ObligationList")
        case "property":
            return f"/properties/{row['propertyId']}", ("PropertyPage", "ObligationList")
    return f"/{kind}", {"decisions": ("Decisions",), "audit": ("AuditLog",), "tokens": ("ApiTokens",)}[kind]


KINDS = (
    "exception", "suspense", "payment", "obligation", "tenant", "lease", "property", "reference", "payout",
    "bank entry", "decisions", "audit", "tokens",
)  # fmt: skip


def wait_until_quiet(watched: Watched) -> None:
    """Wait until the page has what it asks for."""
    expect(watched.page.get_by_role("heading", level=1)).to_be_visible(timeout=READ_MS)
    for _ in range(2):  # a part of the page that has come may ask for more
        watched.page.wait_for_timeout(200)
        expect(watched.page.locator("main .spinner")).to_have_count(0, timeout=READ_MS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_page_of_a_record_is_whole_accessible_and_asks_once(kind: str, open_page: OpenPage, rents: Rents) -> None:
    watched = open_page("/tokens")
    path, documents = path_of(watched.page, rents, kind)
    for width, dark in (("desk", False), ("phone", True)):
        watched = open_page(path, width=width, dark=dark)
        wait_until_quiet(watched)
        assert watched.problems == []
        asked = Counter(document_names()[identity] for identity in watched.asked)
        assert asked == ALWAYS + Counter(documents)
        assert watched.axe() == [], width
        assert watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
        expect(watched.page.get_by_text(re.compile("^There is no "))).to_have_count(0)
        watched.page.context.close()


def test_the_payment_collected_twice_is_found_explained_and_refunded_on_paper(
    open_page: OpenPage, rents: Rents
) -> None:
    """As docs/console.md walks through it."""
    payment = rents.paid_twice()
    identity, path = open_break(open_page, payment)
    watched = open_page("/exceptions?class=duplicate_settlement")
    page = watched.page
    page.get_by_role("grid").get_by_role("row").filter(has_text=payment).get_by_role("link").first.click()
    page.wait_for_url(f"**{path}")
    story = page.locator(".story-line")
    expect(story.filter(has_text="settled USD 850.00")).to_have_count(2)
    expect(page.locator(".story-rests")).to_have_count(3)
    page.get_by_label("Only what it rests on").check()
    expect(story).to_have_count(3)
    page.get_by_role("button", name="Show the record").first.click()
    record = page.locator("pre").first.inner_text()
    assert '"outcome": "REFUNDED"' in record
    rents.write_json(record, event_id=f"REFUND-{payment}", occurred_at="2026-11-20T12:00:00Z")
    expect(page.get_by_text("Resolved", exact=True)).to_be_visible(timeout=READ_MS)
    expect(page.locator(".story")).to_have_count(0)

    page.get_by_role("button", name="Show the history").click()
    newest = page.locator(".history-step").first
    expect(newest).to_contain_text("Resolved", timeout=READ_MS)
    expect(newest.locator("del").first).to_be_visible()
    page.get_by_role("link", name=payment).first.click()
    expect(page.get_by_role("region", name="Initiated, settled and posted")).to_contain_text("refunded USD 850.00")
    page.get_by_role("button", name="Show the history").click()
    expect(page.get_by_text("Exception closed").first).to_be_visible()
    expect(page.locator(f"a[href='{path}']").first).to_be_visible()
    assert identity in path
    assert watched.problems == []


def test_records_are_linked_both_ways(open_page: OpenPage, rents: Rents) -> None:
    payment, obligation = rents.paid()
    watched = open_page("/")
    page = watched.page
    search = page.get_by_label("Search by id")
    search.fill(payment[:-1])
    page.get_by_role("option").first.click(timeout=READ_MS)
    for link, heading in (
        (obligation, f"Obligation {obligation}"),
        (payment, f"Payment {payment}"),
        (obligation.replace("O-", "T-"), f"Tenant {obligation.replace('O-', 'T-')}"),
        (obligation.replace("O-", "L-"), f"Lease {obligation.replace('O-', 'L-')}"),
        (obligation.replace("O-", "PR-"), f"Property {obligation.replace('O-', 'PR-')}"),
        (obligation, f"Obligation {obligation}"),
    ):
        page.get_by_role("link", name=link, exact=True).first.click(timeout=READ_MS)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    installments = page.locator(".installment")
    expect(installments).to_have_count(1)
    expect(installments.get_by_role("link", name=payment)).to_be_visible()
    assert watched.problems == []


def test_what_is_not_there_is_said(open_page: OpenPage) -> None:
    page = open_page("/payments/P-none").page
    expect(page.get_by_text("There is no payment with this id.")).to_be_visible()
    page.goto("/exceptions/none")
    expect(page.get_by_text("There is no exception with this id.")).to_be_visible()
    expect(decisions(page)).to_have_count(0)


def test_a_token_is_created_shown_once_revoked_and_audited(open_page: OpenPage) -> None:
    watched = open_page("/tokens")
    page = watched.page
    page.get_by_role("button", name="Create a token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("nightly export")
    dialog.get_by_label("Role").select_option("VIEWER")
    dialog.get_by_role("button", name="Create", exact=True).click()
    secret = page.get_by_test_id("secret").inner_text()
    assert re.fullmatch(r"rmt_\w+_[\w-]+", secret)
    assert watched.axe() == []
    page.get_by_role("button", name="I have kept it").click()
    row = page.get_by_role("row").filter(has_text="nightly export")
    expect(row).to_contain_text("Works")
    expect(page.get_by_text(secret)).to_have_count(0)
    row.get_by_role("button", name="Revoke nightly export").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
    expect(row).to_contain_text("Revoked")
    page.goto("/audit")
    log = page.get_by_role("grid", name="Audit log")
    expect(log.get_by_role("row").filter(has_text="token").first).to_be_visible()
    log.get_by_role("row").nth(1).click()
    expect(page.get_by_role("dialog", name="Entry of the audit log")).to_be_visible()
    assert watched.problems == []
