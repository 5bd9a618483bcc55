"""Takes the pictures of docs/console.md and the README anew: `make pictures`. No part of the tests."""

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import OpenPage
from tests.console.deciding import READ_MS, begin, decide, forecast_of
from tests.console.test_decisions import open_break
from tests.console.test_records import path_of, wait_until_quiet
from tests.kit.console_api import ask
from tests.kit.rents import Rents
from tools.local.worker import REPOSITORY

FOLDER = REPOSITORY / "docs" / "images"


def take(page: Page, name: str) -> None:
    """Take a picture of the window once nothing moves."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(600)
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png")


@pytest.fixture(scope="module")
def payment(rents: Rents) -> str:
    """The payment of the pictures."""
    return rents.paid_twice()


def test_overview_and_queue(open_page: OpenPage, payment: str) -> None:
    for path, name in (("/", "console-overview"), ("/exceptions", "console-queue")):
        for width, dark in (("desk", False), ("phone", True)):
            watched = open_page(path, width=width, dark=dark)
            wait_until_quiet(watched)
            take(watched.page, f"{name}-{width}")


def test_exception(open_page: OpenPage, payment: str) -> None:
    _, path = open_break(open_page, payment)
    watched = open_page(path)
    wait_until_quiet(watched)
    take(watched.page, "console-exception-desk")
    dialog = begin(watched.page, "Accept", "Refunded by check 1042, ticket 118")
    expect(forecast_of(dialog)).to_contain_text("another person", timeout=READ_MS)
    take(watched.page, "console-accept")
    watched.page.keyboard.press("Escape")
    decide(watched.page, "Accept", "Refunded by check 1042, ticket 118")
    other = open_page(path, width="phone", dark=True, person="ben")
    wait_until_quiet(other)
    take(other.page, "console-exception-phone")


def test_records(open_page: OpenPage, rents: Rents) -> None:
    page = open_page("/tokens").page
    late = ask(page, "ObligationList", filter={"status": "PAST_DUE"}, first=50, withCount=False)["obligations"]["edges"]
    row = max((one["node"] for one in late), key=lambda node: int(node["paid"]["minor"]))
    paths = {kind: path_of(page, rents, kind)[0] for kind in ("payment", "payout")}
    for kind, path in (*paths.items(), ("obligation", f"/obligations/{row['id']}")):
        watched = open_page(path, dark=kind == "obligation")
        wait_until_quiet(watched)
        take(watched.page, f"console-{kind}")
