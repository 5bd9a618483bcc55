"""Sessions and API tokens: only hashes are stored, and what has ended, expired or was revoked is nobody's."""

from itertools import pairwise

import pytest

from domain.time import DAY, HOUR, MINUTE
from gateway.people import sessions, tokens
from gateway.people.sessions import INDEXES, Identity, Sessions
from gateway.people.tokens import TokenRefused, Tokens
from gateway.people.viewer import PERMISSIONS, Permission, Role, Viewer
from streams.clocks import system_clock

ANA = Identity("ana", Role.APPROVER, frozenset({"p-1"}))


def test_a_session_is_known_by_its_secret_alone(loop, mongo, clock):
    known = Sessions(mongo, clock)
    first, second = (loop.run(known.begin(ANA)) for _ in range(2))
    assert first.secret != second.secret
    viewer = loop.run(known.viewer(first.secret))
    assert viewer is not None
    assert (viewer.name, viewer.role, viewer.properties) == ("ana", Role.APPROVER, {"p-1"})
    assert viewer.expires_at == clock.now + 12 * HOUR
    for document in loop.run(mongo.find(sessions.COLLECTION, {})):
        assert first.secret not in str(document)
        assert second.secret not in str(document)
    # The hash, which whoever reads the database has, opens nothing.
    for wrong in (viewer.session_id_hash, first.secret[:-1] + "x", "", "x" * 43):
        assert loop.run(known.viewer(wrong)) is None


def test_a_session_ends_when_it_is_idle_and_at_its_longest(loop, mongo, clock):
    known = Sessions(mongo, clock)
    began = clock.now
    secret = loop.run(known.begin(ANA)).secret
    for _ in range(30):
        clock.now += 25 * MINUTE
        alive = loop.run(known.viewer(secret)) is not None
        assert alive == (clock.now < began + 12 * HOUR)
    idle = loop.run(known.begin(ANA)).secret
    clock.now += 30 * MINUTE - 1
    assert loop.run(known.viewer(idle)) is not None
    clock.now += 30 * MINUTE
    assert loop.run(known.viewer(idle)) is None


def test_asking_whether_a_session_is_open_is_no_use_of_it(loop, mongo, clock):
    known = Sessions(mongo, clock)
    secret = loop.run(known.begin(ANA)).secret
    id_hash = sessions.hash_of_secret(secret)
    for _ in range(29):
        clock.now += MINUTE
        assert loop.run(known.is_open(id_hash))
    clock.now += MINUTE
    assert not loop.run(known.is_open(id_hash))


def test_a_session_that_ended_stays_ended(loop, mongo, clock):
    known = Sessions(mongo, clock)
    one, other = (loop.run(known.begin(ANA)).secret for _ in range(2))
    assert loop.run(known.end(sessions.hash_of_secret(one))) is True
    assert loop.run(known.end(sessions.hash_of_secret(one))) is False
    clock.now += 5 * MINUTE
    assert loop.run(known.viewer(one)) is None
    assert loop.run(known.viewer(other)) is not None
    loop.run(known.end_all_of("ana"))
    assert loop.run(known.viewer(other)) is None


def made(loop, known, **changes):
    fields = {"name": "nightly", "role": Role.OPERATOR, "properties": None, "free_queries": True}
    fields |= {"expires_at": known._clock() + 30 * DAY, "created_by": "ana", **changes}
    return loop.run(known.create(**fields))


def test_a_token_acts_for_a_program(loop, mongo, clock):
    known = Tokens(mongo, clock)
    created = made(loop, known, properties=["p-2", "p-1"])
    viewer = loop.run(known.viewer(created.secret))
    assert viewer == Viewer(
        "token:nightly", Role.OPERATOR, frozenset({"p-1", "p-2"}), True, None, created.stored.token_id,
        clock.now + 30 * DAY,
    )  # fmt: skip
    stored = str(loop.run(mongo.find(tokens.COLLECTION, {})))
    assert created.secret.rpartition("_")[2] not in stored
    assert loop.run(known.all())[0].used_on == clock.now // DAY * DAY


def test_a_token_that_is_wrong_expired_or_revoked_is_nobodys(loop, mongo, clock):
    known = Tokens(mongo, clock)
    one, other = made(loop, known), made(loop, known, name="other")
    swapped = "_".join([*one.secret.split("_")[:2], other.secret.split("_", 2)[2]])
    for wrong in (
        swapped,
        one.secret[:-1],
        one.secret + "x",
        one.stored.token_id,
        "",
        "rmt_" + "0" * 16 + "_" + "x" * 43,
    ):
        assert loop.run(known.viewer(wrong)) is None
    assert loop.run(known.revoke(other.stored.token_id)) is True
    assert loop.run(known.revoke(other.stored.token_id)) is False
    assert loop.run(known.viewer(other.secret)) is None
    assert loop.run(known.is_valid(one.stored.token_id))
    assert not loop.run(known.is_valid(other.stored.token_id))
    clock.now += 30 * DAY
    assert loop.run(known.viewer(one.secret)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"role": Role.APPROVER},
        {"role": Role.ADMIN},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"properties": []},
        {"properties": [""]},
        {"properties": ["p"] * 1_001},
        {"expires_at": 0},
        {"expires_at": 4_000_000_000_000_000},
    ],
)
def test_a_token_that_may_not_be_is_refused(loop, mongo, clock, changes):
    with pytest.raises(TokenRefused):
        made(loop, Tokens(mongo, clock), **changes)
    assert loop.run(Tokens(mongo, clock).all()) == []


def test_each_role_may_do_more_than_the_one_before():
    held = [PERMISSIONS[role] for role in Role]
    assert all(less < more for less, more in pairwise(held))
    assert PERMISSIONS[Role.VIEWER] == {Permission.READ, Permission.EXPORT}
    assert PERMISSIONS[Role.ADMIN] == set(Permission)
    assert Permission.APPROVE not in PERMISSIONS[Role.OPERATOR]


def test_a_token_is_never_the_second_person():
    person, program = (Viewer("x", Role.ADMIN, None, token_id=token_id) for token_id in (None, "t"))
    assert person.may(Permission.APPROVE)
    for permission in (Permission.ACCEPT, Permission.APPROVE, Permission.WITHDRAW, Permission.ADMINISTER):
        assert not program.may(permission)
        assert permission not in program.permissions
    assert program.may(Permission.READ)


def test_an_admin_of_some_properties_does_nothing_that_is_of_all():
    scoped = Viewer("x", Role.ADMIN, frozenset({"p-1"}))
    for permission in (Permission.ADMINISTER, Permission.AUDIT, Permission.REFEED):
        assert Viewer("x", Role.ADMIN, None).may(permission)
        assert not scoped.may(permission)
    assert scoped.may(Permission.APPROVE)


def test_mongodb_deletes_sessions_that_are_over(loop, mongo, clock):
    loop.run(mongo.ensure_indexes(sessions.COLLECTION, INDEXES))
    loop.run(Sessions(mongo, clock).begin(ANA))  # its end has passed by the clock of the server
    assert loop.run(mongo.find(sessions.COLLECTION, {})) == []
    loop.run(Sessions(mongo, system_clock).begin(ANA))
    assert len(loop.run(mongo.find(sessions.COLLECTION, {}))) == 1
