"""Who is answered: host, session, token, origin, rate; and what every answer has."""

import json
import re
import uuid

import pytest
from prometheus_client import generate_latest

from domain.time import DAY
from gateway.people.viewer import Role
from gateway.web.console_files import console_files
from gateway.web.guard import GUESSES, REQUESTS
from streams.clocks import system_clock
from tests.kit.gateway_process import OURS, RunningGateway
from tests.kit.mongo import MongoServer

ME = {"documentId": "sha256:me"}


def code_of(reply) -> str:
    return json.loads(reply.body)["error"]["code"]


def token_of(gateway: RunningGateway, **changes) -> str:
    fields = {"name": "nightly", "role": Role.VIEWER, "properties": None, "free_queries": False, "created_by": "ana"}
    return gateway.run(
        gateway.process.tokens.create(**{**fields, "expires_at": system_clock() + DAY, **changes})
    ).secret


def test_a_person_with_a_link_is_answered(gateway):
    ana = gateway.browser()
    link = ana.get(gateway.links["ana"].removeprefix(gateway.root), {})
    assert (link.status, link.headers["Location"]) == (303, "/")
    assert "HttpOnly; Path=/; SameSite=Lax" in link.headers["Set-Cookie"]
    reply = ana.post("/graphql", ME)
    assert reply.status == 200
    viewer = json.loads(reply.body)["data"]["viewer"]
    assert (viewer["name"], viewer["role"], viewer["properties"]) == ("ana", "ADMIN", None)
    (name,) = ana.cookies
    assert name == f"rentmatch-{gateway.port}"  # two gateways of one machine need two names


def test_a_link_works_once_and_not_in_advance(gateway):
    path = gateway.links["ben"].removeprefix(gateway.root)
    assert gateway.browser().get(path, {"Sec-Purpose": "prefetch"}).status == 503
    assert gateway.browser().get(path).status == 303
    again = gateway.browser().get(path)
    assert (again.status, again.headers["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert gateway.entries()[0].outcome == "refused"


@pytest.mark.parametrize("path", ["/graphql", "/sign-out", "/export/breaks.csv"])
def test_strangers_are_not_answered(gateway, path):
    for browser in (gateway.browser(), gateway.browser()):
        browser.cookies = {f"rentmatch-{gateway.port}": "x" * 43}
        assert (browser.post(path, ME).status, code_of(browser.post(path, ME))) == (401, "signed_out")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"X-Rentmatch": "1"},
        {"X-Rentmatch": "1", "Sec-Fetch-Site": "cross-site"},
        {"X-Rentmatch": "1", "Sec-Fetch-Site": "same-site"},
        {"X-Rentmatch": "1", "Origin": "https://evil.example"},
        {"X-Rentmatch": "1", "Origin": "null"},
        {"X-Rentmatch": "1", "Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"X-Rentmatch": "0", "Sec-Fetch-Site": "same-origin"},
        {**OURS, "Content-Type": "text/plain"},
        {**OURS, "Content-Type": "application/x-www-form-urlencoded"},
        {**OURS, "Content-Type": "multipart/form-data; boundary=x"},
    ],
)
def test_another_sites_page_cannot_write_with_a_persons_cookie(gateway, headers):
    ana = gateway.browser("ana")
    typed = {"Content-Type": "application/json", **headers}
    for path in ("/graphql", "/sign-out"):
        reply = ana.ask("POST", path, headers=typed, data=json.dumps(ME))
        assert (reply.status, code_of(reply)) == (403, "forbidden")
    assert ana.post("/graphql", ME).status == 200  # and is still signed in
    refused = gateway.entries()[0]
    assert (refused.actor, refused.action, refused.outcome) == ("ana", "http./sign-out", "refused")


def test_our_own_page_may_write_whichever_header_the_browser_sends(gateway):
    ana = gateway.browser("ana")
    for headers in ({"X-Rentmatch": "1", "Origin": gateway.root}, OURS):
        assert ana.post("/graphql", ME, headers).status == 200


def test_another_sites_page_cannot_make_a_browser_export(gateway):
    ana = gateway.browser("ana")
    reply = ana.get("/export/breaks.csv", {"Sec-Fetch-Site": "cross-site"})
    assert (reply.status, code_of(reply)) == (403, "forbidden")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:6070", "127.0.0.1.evil.example", "", "10.0.0.1"])
def test_a_name_that_is_not_ours_is_not_answered(gateway, host):
    # A page of evil.example that has its own name resolve to 127.0.0.1 is "same origin" to the browser.
    for path in ("/", "/graphql", "/sign-in", "/session?link=x"):
        reply = gateway.browser().get(path, {**OURS, "Host": host})
        assert (reply.status, code_of(reply)) == (421, "wrong_host")
    assert gateway.browser().get("/livez", {"Host": host}).status == 200


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:6070", "127.9.9.9"])
def test_the_machines_own_names_are_answered(gateway, host):
    assert gateway.browser().get("/", {"Host": host}).status == 200


def test_a_program_is_answered_by_its_token_and_needs_no_headers_of_a_page(gateway):
    token = token_of(gateway, free_queries=True)
    program = gateway.browser()
    for name in ("Bearer", "bearer"):
        reply = program.post("/graphql", {"query": "{ viewer { name } }"}, {"Authorization": f"{name} {token}"})
        assert json.loads(reply.body) == {"data": {"viewer": {"name": "token:nightly"}}}
    plain = token_of(gateway, name="plain")
    reply = program.post("/graphql", {"query": "{ viewer { name } }"}, {"Authorization": f"Bearer {plain}"})
    assert (reply.status, json.loads(reply.body)["errors"][0]["extensions"]["code"]) == (403, "document_required")


def test_a_token_comes_before_a_cookie(gateway):
    ana = gateway.browser("ana")
    reply = ana.post("/graphql", ME, {**OURS, "Authorization": "Bearer wrong"})
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="rentmatch"')


def test_signing_out_ends_the_session_everywhere(gateway):
    ben = gateway.browser("ben")
    kept = dict(ben.cookies)
    reply = ben.post("/sign-out", {})
    assert (reply.status, json.loads(reply.body), ben.cookies) == (200, {"location": "/"}, {})
    ben.cookies = kept
    assert ben.post("/graphql", ME).status == 401
    ben = gateway.browser("ben")
    assert json.loads(ben.post("/graphql", {"documentId": "sha256:out"}).body) == {"data": {"signOut": True}}
    assert ben.post("/graphql", ME).status == 401


def test_every_answer_forbids_what_it_does_not_need(gateway):
    ana = gateway.browser("ana")
    replies = {
        path: ana.get(path)
        for path in ("/", "/exceptions/x", "/assets/index-1.js", "/sign-in", "/nothing", "/livez",
                     "/export/breaks.csv", "/export/payouts.xlsx")
    }  # fmt: skip
    replies["/graphql"] = ana.post("/graphql", ME)
    for path, reply in replies.items():
        policy = reply.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), path
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Server"] == "rentmatch"
        assert "Strict-Transport-Security" not in reply.headers  # this gateway has no TLS before it
        kept = {
            "/": "no-cache",
            "/exceptions/x": "no-cache",
            "/assets/index-1.js": "public, max-age=31536000, immutable",
        }
        assert reply.headers["Cache-Control"] == kept.get(path, "no-store"), path
    assert replies["/nothing"].status == 404


def test_the_pages_of_signing_in_have_no_scripts_and_no_inline_styles(gateway):
    page = gateway.browser().get("/sign-in").text
    assert "<script" not in page
    assert "style=" not in page
    assert "<style" not in page
    assert gateway.browser().get("/sign-in/style.css").headers["Content-Type"].startswith("text/css")


def test_too_many_requests_of_a_session_are_told_to_wait(mongo_server: MongoServer, mongo_database: str):
    with RunningGateway(mongo_server.url, mongo_database, manifest={"sha256:me": "{ viewer { name } }"}) as gateway:
        ana, ben = (gateway.browser(name) for name in ("ana", "ben"))
        replies = [ana.post("/graphql", ME) for _ in range(int(REQUESTS.burst * 2))]
        slow = [reply for reply in replies if reply.status == 429]
        assert slow
        assert all(int(reply.headers["Retry-After"]) >= 1 for reply in slow)
        assert ben.post("/graphql", ME).status == 200


def test_guesses_are_limited_by_address(mongo_server: MongoServer, mongo_database: str):
    with RunningGateway(mongo_server.url, mongo_database) as gateway:
        guesses = int(GUESSES.burst) + 3
        wrong = [gateway.browser().get("/session?link=guess").status for _ in range(guesses)]
        assert (wrong[0], wrong[-1], wrong.count(403)) == (403, 429, GUESSES.burst)
        token = {"Authorization": f"Bearer {token_of(gateway)}"}
        # Who guesses behind the same address does not lock out a token that is valid.
        assert b"stale_document" in gateway.browser().post("/graphql", ME, token).body
        wrong_token = {"Authorization": "Bearer rmt_x"}
        assert gateway.browser().post("/graphql", ME, wrong_token).status == 429


def test_no_log_line_has_an_id_a_name_or_a_secret(gateway, caplog):
    caplog.set_level("DEBUG")
    ana = gateway.browser("ana")
    secret = next(iter(ana.cookies.values()))
    ana.get("/tenants/T-1234567?x=T-1234567")
    ana.get("/export/breaks.csv?filter=" + json.dumps({"tenant": "T-1234567"}))
    ana.post("/graphql", {"documentId": "sha256:me", "variables": {"tenant": "T-1234567"}})
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("gateway")]
    assert any("route=/tenants/{rest}" in line for line in lines)
    assert not [line for line in lines if re.search(rf"T-1234567|\bana\b|{re.escape(secret)}", line)]


def test_without_mongodb_pages_are_served_and_data_are_unavailable(mongo_server: MongoServer, console):
    with RunningGateway("mongodb://127.0.0.1:9/", "x", console=console_files(console), mongo_timeout_s=0.3) as gateway:
        browser = gateway.browser()
        assert browser.get("/").status == 200
        assert (browser.get("/readyz").status, browser.get("/livez").status) == (503, 200)
        assert browser.get("/readyz").text == '{"ok": false}'  # strangers are told no reason
        browser.cookies = {f"rentmatch-{gateway.port}": "x" * 43}
        reply = browser.post("/graphql", ME)
        assert (reply.status, code_of(reply), reply.headers["Retry-After"]) == (503, "unavailable", "6")


def test_metrics_have_routes_and_outcomes(mongo_server: MongoServer, console):
    database = f"t{uuid.uuid4().hex[:12]}"
    with RunningGateway(
        mongo_server.url, database, console=console_files(console), manifest={"sha256:me": "{ viewer { name } }"}
    ) as gateway:
        assert gateway.browser().get("/metrics").status == 404  # it is for operators, on another port
        ana = gateway.browser()
        assert ana.get(gateway.links["ana"].removeprefix(gateway.root), {}).status == 303
        assert ana.post("/graphql", ME).status == 200
        assert ana.get("/export/breaks.csv", {"Sec-Fetch-Site": "cross-site"}).status == 403
        text = generate_latest(gateway.process.metrics.registry).decode()
    assert re.search(r'rentmatch_gateway_requests_total\{route="/graphql",status="200"\} [1-9]', text)
    assert re.search(r'rentmatch_gateway_graphql_requests_total\{outcome="ok"\} [1-9]', text)
    assert re.search(r'rentmatch_gateway_sign_ins_total\{outcome="done"\} [1-9]', text)
    assert re.search(r'rentmatch_gateway_refused_total\{code="forbidden"\} [1-9]', text)
