"""Decisions as a person makes them on the page of an exception."""

from playwright.sync_api import Locator, Page, expect

READ_MS = 30_000
"""Until a decision has come through the pipeline, on a busy machine."""


def begin(page: Page, action: str, reason: str) -> Locator:
    """Open the dialog of an action, and type the reason; returns the dialog."""
    page.get_by_role("button", name=action, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill(reason)
    return dialog


def forecast_of(dialog: Locator) -> Locator:
    """What will happen, by the dialog."""
    return dialog.get_by_role("region", name="What will happen")


def write(dialog: Locator, verb: str) -> None:
    """Write it; returns once the broker has it."""
    dialog.get_by_role("button", name=verb, exact=True).click()
    expect(dialog).to_be_hidden(timeout=READ_MS)


def wait_until_read(page: Page) -> None:
    """Wait until the page no longer waits for the pipeline."""
    expect(page.get_by_text("Waiting for the pipeline")).to_have_count(0, timeout=READ_MS)


def decide(page: Page, action: str, reason: str) -> None:
    """Decide, and wait until the page shows it."""
    write(begin(page, action, reason), action)
    wait_until_read(page)


def decisions(page: Page) -> Locator:
    """The decisions on the page, the latest first."""
    return page.locator(".decision")
