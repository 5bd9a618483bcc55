"""Signing in over HTTP at oidc-provider-mock, behind a name with TLS; and where a sign-in leads."""

import json
import re
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import oidc_provider_mock
import pytest

from gateway.web.sign_in import safe_return
from tests.kit.gateway_process import OURS, Browser, Reply, RunningGateway
from tests.kit.mongo import MongoServer
from tools.local.processes import wait_until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib")

HOST = {"Host": "rent.example.com"}
ROOT = "https://rent.example.com"
CLAIMS = {
    "ana": {"preferred_username": "ana", "roles": ["finance-leads"], "properties": "*"},
    "pia": {"preferred_username": "pia", "roles": ["viewer"], "properties": ["p-1", "p-2"]},
    "zed": {"preferred_username": "zed", "roles": ["other"], "properties": "*"},
}
ME = {"documentId": "sha256:me"}


@pytest.fixture(scope="module")
def gateway(mongo_server: MongoServer) -> Iterator[RunningGateway]:
    users = [oidc_provider_mock.User(sub=name, claims=claims) for name, claims in CLAIMS.items()]
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as provider:
        variables = {
            "RENTMATCH_GATEWAY_PUBLIC_URL": ROOT,
            "RENTMATCH_GATEWAY_OIDC_ISSUER": f"http://localhost:{provider.server_port}",
            "RENTMATCH_GATEWAY_OIDC_CLIENT_ID": "rentmatch",
            "RENTMATCH_GATEWAY_OIDC_CLIENT_SECRET": "a-secret",
            "RENTMATCH_GATEWAY_OIDC_ROLES": "viewer=viewer,finance-leads=approver",
        }
        manifest = {"sha256:me": "{ viewer { name role properties } }"}
        with RunningGateway(mongo_server.url, "signing", variables=variables, manifest=manifest) as running:
            yield running


def at_the_provider(location: str, person: str) -> str:
    """Post the provider's form as somebody; gives the path and query of the callback."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    try:
        urllib.request.build_opener(Stay).open(location, urlencode({"sub": person}).encode())
    except urllib.error.HTTPError as answer:
        found = urlsplit(answer.headers["Location"])
    assert f"{found.scheme}://{found.netloc}" == ROOT
    return f"{found.path}?{found.query}"


def begun(gateway: RunningGateway, path: str = "/sign-in") -> tuple[Browser, Reply]:
    browser = gateway.browser()
    reply = browser.get(path, HOST)
    assert reply.status == 303
    return browser, reply


def signed_in(gateway: RunningGateway, person: str, path: str = "/sign-in") -> tuple[Browser, Reply]:
    browser, reply = begun(gateway, path)
    back = at_the_provider(reply.headers["Location"], person)
    return browser, browser.get(back, {**HOST, "Sec-Fetch-Site": "cross-site"})


def test_a_person_signs_in_with_a_role_and_a_scope(gateway):
    for person, viewer in (
        ("ana", {"name": "ana", "role": "APPROVER", "properties": None}),
        ("pia", {"name": "pia", "role": "VIEWER", "properties": ["p-1", "p-2"]}),
    ):
        browser, reply = signed_in(gateway, person, "/sign-in?return=%2Flate%3Fcurrency%3DUSD")
        assert (reply.status, reply.headers["Location"]) == (303, "/late?currency=USD")
        cookies = reply.headers.getall("Set-Cookie")
        session = next(one for one in cookies if one.startswith("__Host-rentmatch="))
        assert {part.strip() for part in session.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"}
        assert browser.cookies.keys() == {"__Host-rentmatch"}  # that of the sign-in is gone
        assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
        answer = browser.post("/graphql", ME, {**OURS, **HOST})
        assert json.loads(answer.body) == {"data": {"viewer": viewer}}
    assert [(one.actor, one.outcome) for one in gateway.entries()[:2]] == [("pia", "done"), ("ana", "done")]


def test_every_sign_in_has_a_session_of_its_own(gateway):
    one, other = (signed_in(gateway, "ana")[0].cookies["__Host-rentmatch"] for _ in range(2))
    assert one != other
    browser, reply = begun(gateway)
    browser.cookies["__Host-rentmatch"] = "planted-by-somebody-else"
    browser.get(at_the_provider(reply.headers["Location"], "ana"), HOST)
    assert browser.cookies["__Host-rentmatch"] != "planted-by-somebody-else"


def test_a_person_without_a_role_is_not_signed_in(gateway):
    browser, reply = signed_in(gateway, "zed")
    assert (reply.status, "no role" in reply.text) == (403, True)
    assert "__Host-rentmatch" not in browser.cookies
    assert (gateway.entries()[0].action, gateway.entries()[0].outcome) == ("sign_in", "refused")


def test_a_sign_in_of_another_browser_is_refused(gateway):
    """Nobody can be signed in to somebody else's account with a link."""
    _, reply = begun(gateway)
    back = at_the_provider(reply.headers["Location"], "ana")
    for victim in (gateway.browser(), begun(gateway)[0]):
        assert victim.get(back, HOST).status == 403
        assert "__Host-rentmatch" not in victim.cookies


def test_only_the_public_name_is_answered_and_there_are_no_links(gateway):
    assert gateway.browser().get("/sign-in", {}).status == 421
    assert gateway.browser().get("/session?link=x", HOST).status == 404
    assert gateway.links == {}


def test_signing_out_leads_to_the_provider(gateway):
    browser, _ = signed_in(gateway, "ana")
    reply = browser.post("/sign-out", {}, {**OURS, **HOST, "Origin": ROOT})
    assert re.match(
        r"http://localhost:\d+/.*post_logout_redirect_uri=https%3A%2F%2Frent", json.loads(reply.body)["location"]
    )
    assert browser.post("/graphql", ME, {**OURS, **HOST}).status == 401


def test_a_provider_that_is_away_is_said_to_be(mongo_server: MongoServer):
    variables = {
        "RENTMATCH_GATEWAY_PUBLIC_URL": ROOT,
        "RENTMATCH_GATEWAY_OIDC_ISSUER": "http://localhost:9",
        "RENTMATCH_GATEWAY_OIDC_CLIENT_ID": "rentmatch",
    }
    with RunningGateway(mongo_server.url, "signing", variables=variables) as gateway:
        reply = gateway.browser().get("/sign-in", HOST)
        assert (reply.status, "provider does not answer" in reply.text) == (503, True)
        # Who is signed in can go on.
        wait_until(lambda: gateway.browser().get("/readyz", HOST).status == 200, 20, "the gateway to be ready")


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/", "/"),
        ("/exceptions?x=1#y", "/exceptions?x=1#y"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\nSet-Cookie: x=1", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        ("/" + "x" * 3_000, "/"),
    ],
)
def test_a_sign_in_leads_to_the_console_alone(path, safe):
    assert safe_return(path) == safe
