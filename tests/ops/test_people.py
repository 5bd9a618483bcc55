"""`rentmatch tokens`, `sessions` and `audit` on MongoDB."""

import asyncio
import json

import pytest

from gateway.people import audit
from gateway.people.sessions import Identity, Sessions
from gateway.people.tokens import Tokens
from gateway.people.viewer import Role
from read_model.mongo import Mongo
from streams.clocks import system_clock
from tests.kit.command_line import Run
from tests.kit.mongo import MongoServer


@pytest.fixture
def env(mongo_server: MongoServer, mongo_database: str) -> dict[str, str]:
    return {
        "RENTMATCH_MONGO_URL": mongo_server.url,
        "RENTMATCH_MONGO_DATABASE": mongo_database,
        "RENTMATCH_ACTOR": "ana",
    }


def on(env, work):
    """Do something with the database of the commands."""

    async def run():
        mongo = Mongo(env["RENTMATCH_MONGO_URL"], env["RENTMATCH_MONGO_DATABASE"], timeout_s=10)
        try:
            return await work(mongo)
        finally:
            await mongo.close()

    return asyncio.run(run())


def test_a_token_is_made_shown_once_listed_and_revoked(bare_run: Run, env):
    words = ["nightly", "--role", "operator", "--property", "p-1", "--free-queries", "--days", "7"]
    made = bare_run("tokens", "create", *words, env=env)
    assert made.exit_code == 0
    secret = made.stdout.strip()
    viewer = on(env, lambda mongo: Tokens(mongo, system_clock).viewer(secret))
    assert (viewer.name, viewer.role, viewer.properties) == ("token:nightly", Role.OPERATOR, {"p-1"})
    listed = bare_run("tokens", "list", "--json", env=env)
    (token,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (token["name"], token["created_by"], token["free_queries"], token["revoked_at"]) == (
        "nightly",
        "ana",
        True,
        None,
    )
    assert secret.rpartition("_")[2] not in listed.stdout
    assert "valid until" in bare_run("tokens", "list", env=env).stdout
    assert bare_run("tokens", "revoke", token["id"], env=env).exit_code == 0
    assert on(env, lambda mongo: Tokens(mongo, system_clock).viewer(secret)) is None
    again = bare_run("tokens", "revoke", token["id"], env=env)
    assert (again.exit_code, "no valid token" in again.stderr) == (1, True)
    assert "revoked" in bare_run("tokens", "list", env=env).stdout


def test_a_token_that_may_not_be_is_misuse(bare_run: Run, env):
    assert bare_run("tokens", "create", "boss", "--role", "admin", env=env).exit_code == 2
    refused = bare_run("tokens", "create", "x" * 101, env=env)
    assert (refused.exit_code, "characters" in refused.stderr) == (2, True)


def test_the_sessions_of_a_person_end(bare_run: Run, env):
    async def begin(mongo):
        sessions = Sessions(mongo, system_clock)
        return [(await sessions.begin(Identity(name, Role.VIEWER, None))).secret for name in ("ben", "ben", "eve")]

    secrets = on(env, begin)
    ended = bare_run("sessions", "end", "ben", env=env)
    assert (ended.exit_code, "2 sessions of ben" in ended.stderr) == (0, True)

    async def known(mongo):
        return [await Sessions(mongo, system_clock).viewer(secret) is not None for secret in secrets]

    assert on(env, known) == [False, False, True]


def test_the_audit_log_is_exported_and_checked(bare_run: Run, env):
    empty = bare_run("audit", "check", env=env)
    assert (empty.exit_code, "0 entries" in empty.stderr) == (0, True)
    bare_run("tokens", "create", "one", env=env)
    bare_run("sessions", "end", "ben", "--actor", "cem", env=env)
    bare_run("tokens", "revoke", "nothing", env=env)
    lines = [json.loads(line) for line in bare_run("audit", "export", env=env).stdout.splitlines()]
    assert [(line["number"], line["actor"], line["action"], line["outcome"]) for line in lines] == [
        (1, "ana", "token.create", "done"),
        (2, "cem", "sessions.end", "done"),
        (3, "ana", "token.revoke", "refused.not_found"),
    ]
    assert [
        json.loads(line)["number"] for line in bare_run("audit", "export", "--after", "2", env=env).stdout.splitlines()
    ] == [3]
    checked = bare_run("audit", "check", env=env)
    assert (checked.exit_code, lines[-1]["hash"] in checked.stderr) == (0, True)
    on(env, lambda mongo: mongo.update(audit.COLLECTION, {"_id": 2}, {"actor": "nobody"}))
    broken = bare_run("audit", "check", env=env)
    assert (broken.exit_code, "entry 2 does not fit" in broken.stderr) == (1, True)


@pytest.mark.parametrize(
    "words", [["tokens", "list"], ["audit", "export"], ["sessions", "end", "ben"], ["tokens", "create", "x"]]
)
def test_without_mongodb_the_commands_say_so(bare_run: Run, words, monkeypatch):
    monkeypatch.setattr("ops.people.QUERY_TIMEOUT_S", 0.2)
    missing = bare_run(*words, env={"RENTMATCH_ACTOR": "ana"})
    assert (missing.exit_code, "RENTMATCH_MONGO_URL is not set" in missing.stderr) == (2, True)
    away = bare_run(*words, env={"RENTMATCH_MONGO_URL": "mongodb://127.0.0.1:9/", "RENTMATCH_ACTOR": "ana"})
    assert away.exit_code == 1
