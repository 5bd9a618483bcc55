"""Signing in at a provider: only its own fresh answer to this browser's own question counts."""

import base64
import dataclasses
import hmac
from collections.abc import Iterator

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from domain.time import HOUR, MINUTE, SECOND
from gateway.people.login import COLLECTION, KEYS_ASKED_EVERY, Provider, ProviderConfig, ProviderUnavailable
from gateway.people.roles import ClaimRules, SignInRefused
from gateway.people.viewer import Role
from tests.kit.oidc import CLIENT_ID, SECRET, FakeProvider

RULES = ClaimRules("preferred_username", "roles", {role.value: role for role in Role}, "properties")


@pytest.fixture
def fake(loop, clock) -> Iterator[FakeProvider]:
    found = FakeProvider(clock.now // SECOND)
    loop.run(found.server.start_server())
    yield found
    loop.run(found.server.close())


@pytest.fixture
def provider(loop, mongo, clock, fake) -> Iterator[Provider]:
    config = ProviderConfig(
        issuer=fake.issuer, client_id=CLIENT_ID, client_secret=SECRET, scopes="openid profile",
        redirect_uri="https://rent.example.com/sign-in/callback", ca_file=None, rules=RULES,
    )  # fmt: skip
    made = Provider(config, mongo, clock)
    yield made
    loop.run(made.close())


def signed_in(loop, provider, fake, **changes):
    """A whole sign-in; `changes` are made to what comes back."""
    started = loop.run(provider.begin("/late"))
    query = {**fake.visited(started.location), **changes}
    return loop.run(provider.finish(query, started.binding))


def test_a_person_signs_in(loop, provider, fake, mongo):
    found = signed_in(loop, provider, fake)
    assert (found.identity.name, found.identity.role, found.identity.properties) == ("ana", Role.APPROVER, None)
    assert found.return_to == "/late"
    (form,) = fake.forms
    assert form["redirect_uri"] == "https://rent.example.com/sign-in/callback"
    assert "client_secret" not in form
    assert "client_id" not in form
    (authorization,) = fake.authorizations
    user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    assert (user, password) == (CLIENT_ID, "a+secret+with+%3D+and+%25")
    # What is kept meanwhile lets nobody finish the sign-in: the state and the cookie are hashes.
    stored = str(loop.run(mongo.find(COLLECTION, {})))
    assert fake.visited(loop.run(provider.begin("/")).location)["state"] not in stored


def test_a_secret_goes_into_the_form_where_the_provider_wants_it_there(loop, provider, fake):
    fake.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    signed_in(loop, provider, fake)
    assert (fake.forms[0]["client_id"], fake.forms[0]["client_secret"]) == (CLIENT_ID, SECRET)
    assert fake.authorizations == [""]


def test_a_sign_in_works_once_in_its_own_browser_and_for_ten_minutes(loop, provider, fake, clock):
    started, other = (loop.run(provider.begin("/")) for _ in range(2))
    query = fake.visited(started.location)
    for binding in ("", other.binding, "x"):
        with pytest.raises(SignInRefused, match="this browser"):
            loop.run(provider.finish(query, binding))
    assert fake.forms == []
    loop.run(provider.finish(query, started.binding))
    with pytest.raises(SignInRefused, match="was used"):
        loop.run(provider.finish(query, started.binding))
    for state in ({}, {"state": "made up"}):
        with pytest.raises(SignInRefused):
            loop.run(provider.finish({"code": "the-code", **state}, other.binding))
    late = fake.visited(other.location)
    clock.now += 10 * MINUTE
    with pytest.raises(SignInRefused, match="expired"):
        loop.run(provider.finish(late, other.binding))
    assert len(fake.forms) == 1


def test_the_code_needs_the_verifier_of_its_own_sign_in(loop, provider, fake):
    mine, victims = (loop.run(provider.begin("/")) for _ in range(2))
    query = fake.visited(mine.location)
    stolen = fake.visited(victims.location)["code"]
    with pytest.raises(SignInRefused, match="does not know this sign-in"):
        loop.run(provider.finish({**query, "code": stolen}, mine.binding))


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"nonce": "another"}, "does not fit"),
        ({"nonce": None}, "does not fit"),
        ({"iss": "https://evil.example"}, "does not fit"),
        ({"aud": "another"}, "does not fit"),
        ({"aud": None}, "does not fit"),
        ({"aud": [CLIENT_ID, "another"]}, "another application"),
        ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "another application"),
        ({"exp": 1}, "does not fit"),
        ({"exp": None}, "does not fit"),
        ({"iat": 4_000_000_000}, "does not fit"),
        ({"sub": None}, "does not fit"),
        ({"roles": []}, "no role"),
        ({"properties": None}, "properties"),
        ({"preferred_username": None}, "preferred_username"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(loop, provider, fake, claims, why):
    fake.claims = claims
    with pytest.raises(SignInRefused, match=why):
        signed_in(loop, provider, fake)


def test_a_token_for_several_audiences_names_us_as_the_party(loop, provider, fake):
    fake.claims = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert signed_in(loop, provider, fake).identity.name == "ana"


def unsigned(fake: FakeProvider) -> str:
    header, payload, _ = fake.id_token().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    assert header != none
    return f"{none}.{payload}."


def with_a_shared_secret(fake: FakeProvider) -> str:
    """Signed with the public key's text as an HMAC secret, which a careless client verifies."""
    public, (_, payload, _) = fake.key.as_pem(private=False), fake.id_token().split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=").decode()
    signature = hmac.digest(public, f"{header}.{payload}".encode(), "sha256")
    return f"{header}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def by_a_key_of_its_own(fake: FakeProvider) -> str:
    fake.key = RSAKey.generate_key(2048, {"kid": "k1"})
    return fake.id_token()


def changed(fake: FakeProvider) -> str:
    header, _, signature = fake.id_token().split(".")
    fake.claims = {"roles": ["admin"]}
    return ".".join([header, fake.id_token().split(".")[1], signature])


@pytest.mark.parametrize(
    "forged", [unsigned, with_a_shared_secret, by_a_key_of_its_own, changed, lambda _: "x.y", lambda _: "ü"]
)
def test_a_forged_token_is_refused(loop, provider, fake, forged):
    started = loop.run(provider.begin("/"))
    query = fake.visited(started.location)
    fake.token_answer = 200, {"id_token": forged(fake)}
    with pytest.raises(SignInRefused, match="signature"):
        loop.run(provider.finish(query, started.binding))


def test_a_shared_key_among_the_published_ones_is_not_used(loop, provider, fake):
    shared = OctKey.generate_key(256, {"kid": "k2"})
    fake.published = [*fake.published, shared]
    fake.key, fake.header = shared, {"alg": "HS256", "kid": "k2"}
    with pytest.raises(SignInRefused, match="signature"):
        signed_in(loop, provider, fake)


def test_new_keys_of_the_provider_are_found(loop, provider, fake, clock):
    signed_in(loop, provider, fake)
    assert fake.asked.count("/jwks") == 1
    fake.key = ECKey.generate_key("P-256", {"kid": "k2", "use": "sig"})
    fake.header, fake.published = {"alg": "ES256", "kid": "k2"}, [fake.key]
    with pytest.raises(SignInRefused):  # a flood of unknown keys must not make us ask all the time
        signed_in(loop, provider, fake)
    assert fake.asked.count("/jwks") == 1
    clock.now += KEYS_ASKED_EVERY
    assert signed_in(loop, provider, fake).identity.name == "ana"
    assert fake.asked.count("/jwks") == 2
    clock.now += HOUR
    fake.now_s = clock.now // SECOND
    signed_in(loop, provider, fake)
    assert fake.asked.count("/jwks") == 3
    assert fake.asked.count("/.well-known/openid-configuration") == 1


def test_the_answer_names_its_issuer_where_the_provider_says_so(loop, provider, fake):
    assert signed_in(loop, provider, fake, iss=fake.issuer).identity.name == "ana"
    with pytest.raises(SignInRefused, match="another provider"):
        signed_in(loop, provider, fake, iss="https://evil.example")
    provider._metadata = None
    fake.metadata["authorization_response_iss_parameter_supported"] = True
    with pytest.raises(SignInRefused, match="another provider"):
        signed_in(loop, provider, fake)
    assert signed_in(loop, provider, fake, iss=fake.issuer).identity.name == "ana"


def test_a_provider_that_refuses_is_told_apart_from_one_that_fails(loop, provider, fake):
    with pytest.raises(SignInRefused, match="did not sign you in"):
        signed_in(loop, provider, fake, error="access_denied")
    fake.token_answer = 400, {"error": "invalid_grant"}
    with pytest.raises(SignInRefused):
        signed_in(loop, provider, fake)
    for answer in ((400, {"error": "invalid_client"}), (500, {}), (200, {"access_token": "x"}), (302, {})):
        fake.token_answer = answer
        with pytest.raises(ProviderUnavailable):
            signed_in(loop, provider, fake)


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "file:///etc/passwd"}, {"jwks_uri": None},
     {"authorization_endpoint": "javascript:alert(1)"}],
)  # fmt: skip
def test_metadata_that_lead_elsewhere_are_refused(loop, provider, fake, metadata):
    fake.metadata = metadata
    with pytest.raises(ProviderUnavailable):
        loop.run(provider.begin("/"))
    fake.metadata = {}
    loop.run(provider.begin("/"))  # nothing of it is kept


def test_a_provider_that_is_away_is_unavailable(loop, mongo, clock, provider, fake):
    config = dataclasses.replace(provider._config, issuer="http://127.0.0.1:9")
    away = Provider(config, mongo, clock)
    with pytest.raises(ProviderUnavailable):
        loop.run(away.begin("/"))
    assert loop.run(away.leaving("https://rent.example.com/")) is None
    loop.run(away.close())


def test_signing_out_leads_to_the_providers_page(loop, provider, fake):
    location = loop.run(provider.leaving("https://rent.example.com/"))
    assert location is not None
    assert location.startswith(f"{fake.issuer}/leave?client_id=rentmatch&post_logout_redirect_uri=https%3A%2F%2Frent")
