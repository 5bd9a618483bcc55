"""Claims, links, rates and saved views."""

from urllib.parse import parse_qs, urlsplit

import pytest

from domain.time import MINUTE
from gateway.people.local import LocalLinks
from gateway.people.rates import KEYS_MAX, Rate, RateLimit
from gateway.people.roles import ClaimRules, SignInRefused
from gateway.people.sessions import Identity
from gateway.people.viewer import Role, Viewer
from gateway.people.views import SavedViews, ViewRefused
from streams.settings import SettingsError, load
from streams.settings.gateway import ROLE_NAMES

RULES = ClaimRules("preferred_username", "realm_access.roles", {"fin": Role.OPERATOR, "boss": Role.ADMIN}, "properties")
CLAIMS = {"preferred_username": "ana", "realm_access": {"roles": ["x", "fin"]}, "properties": ["p-1", 7]}


def test_the_roles_of_the_settings_are_those_of_viewers():
    assert tuple(role.value for role in Role) == ROLE_NAMES


def test_claims_say_who_somebody_is():
    assert RULES.identity(CLAIMS) == Identity("ana", Role.OPERATOR, frozenset({"p-1"}))
    several = {**CLAIMS, "realm_access": {"roles": ["boss", "fin"]}, "properties": "*"}
    assert RULES.identity(several) == Identity("ana", Role.ADMIN, None)
    flat = ClaimRules("sub", "https://x.example/roles", {"fin": Role.VIEWER}, "")
    assert flat.identity({"sub": "1", "https://x.example/roles": "fin"}) == Identity("1", Role.VIEWER, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"preferred_username": None},
        {"preferred_username": ""},
        {"preferred_username": "a\nb"},
        {"preferred_username": "x" * 201},
        {"preferred_username": ["ana"]},
        {"preferred_username": "ana "},
        {"preferred_username": "ana\u200b"},
        {"preferred_username": "token:nightly"},
        {"realm_access": {"roles": ["other"]}},
        {"realm_access": {"roles": "Fin"}},
        {"realm_access": ["fin"]},
        {"realm_access": None},
        {"properties": None},
    ],
)
def test_without_a_name_a_role_or_a_scope_nobody_signs_in(changes):
    with pytest.raises(SignInRefused):
        RULES.identity({**CLAIMS, **changes})


def test_a_person_has_one_name_however_its_letters_are_composed():
    assert RULES.identity({**CLAIMS, "preferred_username": "ame\u0301lie"}).name == "am\u00e9lie"


def test_an_empty_scope_sees_nothing_and_not_all():
    assert RULES.identity({**CLAIMS, "properties": []}).properties == frozenset()
    assert RULES.identity({**CLAIMS, "properties": {"a": 1}}).properties == frozenset()


def links_of(clock):
    shown: list[tuple[str, str]] = []
    people = [Identity("ana", Role.ADMIN, None), Identity("ben", Role.APPROVER, None)]
    links = LocalLinks(people, "http://127.0.0.1:6070", lambda name, url: shown.append((name, url)), clock)
    return links, shown


def secret_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["link"][0]


def test_a_link_works_once(clock):
    links, shown = links_of(clock)
    links.print_links()
    assert [name for name, _ in shown] == ["ana", "ben"]
    ana, ben = (secret_of(url) for _, url in shown)
    found = links.use(ben)
    assert found is not None
    assert found.name == "ben"
    assert links.use(ben) is None
    links.print_links()  # a new one for whose was used; ana's stays
    assert [name for name, _ in shown] == ["ana", "ben", "ben"]
    assert links.use(ana) is not None


def test_a_link_expires(clock):
    links, shown = links_of(clock)
    links.print_links()
    clock.now += 10 * MINUTE
    assert links.use(secret_of(shown[0][1])) is None
    links.print_links()
    assert len(shown) == 4
    for wrong in ("", "x", "\ud800", secret_of(shown[0][1])):
        assert links.use(wrong) is None


def test_a_rate_allows_a_burst_and_then_a_pace():
    now = [0.0]
    limit = RateLimit(Rate(burst=3, per_second=0.5), lambda: now[0])
    assert [limit.wait_s("a") for _ in range(4)] == [0, 0, 0, 2]
    assert limit.wait_s("b") == 0
    assert limit.is_exhausted("a") == 2
    now[0] = 2
    assert limit.is_exhausted("a") == 0
    assert [limit.wait_s("a") for _ in range(2)] == [0, 2]
    now[0] = 1_000
    assert [limit.wait_s("a") for _ in range(4)] == [0, 0, 0, 2]


def test_rates_do_not_grow_without_end():
    limit = RateLimit(Rate(burst=1, per_second=1), lambda: 0.0)
    for number in range(KEYS_MAX + 10):
        limit.wait_s(str(number))
    assert len(limit._buckets) == KEYS_MAX


def test_saved_views_are_ones_own_and_the_shared_ones(loop, mongo, clock):
    ana, ben = (Viewer(name, Role.VIEWER, None) for name in ("ana", "ben"))
    views = SavedViews(mongo, clock)
    mine = loop.run(views.save(ana, name="mine", path="/exceptions?currency=USD", shared=False))
    ours = loop.run(views.save(ana, name="ours", path="/late", shared=True))
    assert [view.name for view in loop.run(views.of(ana))] == ["mine", "ours"]
    assert loop.run(views.of(ben)) == [ours]
    again = loop.run(views.save(ana, name="mine", path="/payments", shared=False))
    assert again.view_id == mine.view_id
    assert loop.run(views.delete(ben, ours.view_id)) is False
    assert loop.run(views.delete(ana, ours.view_id)) is True
    assert loop.run(views.of(ana)) == [again]


def test_a_view_is_shared_with_those_who_see_all_that_its_owner_sees(loop, mongo, clock):
    views = SavedViews(mongo, clock)
    some, more = frozenset({"p-1"}), frozenset({"p-1", "p-2"})
    for name, properties in (("all", None), ("some", some), ("more", more)):
        loop.run(views.save(Viewer(name, Role.VIEWER, properties), name=name, path="/late", shared=True))

    def seen(properties):
        return [view.name for view in loop.run(views.of(Viewer("zoe", Role.VIEWER, properties)))]

    assert (seen(None), seen(more), seen(some)) == (["all", "more", "some"], ["more", "some"], ["some"])
    assert seen(frozenset()) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [("", "/late"), ("x" * 101, "/late"), ("a\nb", "/late"), ("x", "https://evil.example"), ("x", "//evil.example"),
     ("x", "/\\evil.example"), ("x", "/" + "x" * 2_000), ("x", "javascript:alert(1)")],
)  # fmt: skip
def test_a_view_that_could_lead_elsewhere_is_refused(loop, mongo, clock, name, path):
    with pytest.raises(ViewRefused):
        loop.run(SavedViews(mongo, clock).save(Viewer("ana", Role.VIEWER, None), name=name, path=path, shared=True))


PROVIDER = {"RENTMATCH_GATEWAY_OIDC_ISSUER": "https://id.example.com", "RENTMATCH_GATEWAY_OIDC_CLIENT_ID": "rentmatch"}
PUBLIC = {"RENTMATCH_GATEWAY_PUBLIC_URL": "https://rent.example.com"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"RENTMATCH_GATEWAY_HOST": "::1"},
        {**PROVIDER, **PUBLIC, "RENTMATCH_GATEWAY_HOST": "0.0.0.0"},
        {**PROVIDER, "RENTMATCH_GATEWAY_PUBLIC_URL": "http://localhost:6070"},
    ],
)
def test_a_gateway_that_may_start(given):
    load(given).check_gateway()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"RENTMATCH_GATEWAY_HOST": "0.0.0.0"}, "RENTMATCH_GATEWAY_OIDC_ISSUER"),
        (PUBLIC, "RENTMATCH_GATEWAY_OIDC_ISSUER"),
        (PROVIDER, "RENTMATCH_GATEWAY_PUBLIC_URL"),
        ({**PUBLIC, "RENTMATCH_GATEWAY_OIDC_ISSUER": "https://id.example.com"}, "RENTMATCH_GATEWAY_OIDC_CLIENT_ID"),
        ({**PROVIDER, "RENTMATCH_GATEWAY_PUBLIC_URL": "http://rent.example.com"}, "https"),
    ],
)
def test_a_gateway_that_strangers_could_use_does_not_start(given, named):
    with pytest.raises(SettingsError, match=named):
        load(given).check_gateway()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "https://rent.example.com/console"),
        ("PUBLIC_URL", "ftp://rent.example.com"),
        ("OIDC_ISSUER", "http://id.example.com"),
        ("OIDC_ROLES", "finance"),
        ("OIDC_ROLES", "finance=boss"),
        ("OIDC_ROLES", "finance=viewer,finance=admin"),
        ("OIDC_SCOPES", "profile"),
        ("LOCAL_PERSON", "a\nb"),
        ("LOCAL_ROLE", "boss"),
        ("WORKER_TOKEN", "short"),
        ("WORKERS", "worker-1"),
        ("SESSION_HOURS", "13"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name, value):
    with pytest.raises(SettingsError, match=f"RENTMATCH_GATEWAY_{name}"):
        load({f"RENTMATCH_GATEWAY_{name}": value})
