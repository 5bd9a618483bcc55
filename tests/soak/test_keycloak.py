"""Signing in at a real Keycloak: `make soak`. It takes a minute to start."""

import html
import http.cookiejar
import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from tests.conftest import go_without
from tests.kit.gateway_process import OURS, Browser, RunningGateway
from tests.kit.mongo import MongoServer
from tools.local import maven
from tools.local.cache import MissingToolError
from tools.local.processes import Process, answers_200, free_ports, wait_until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

DISTRIBUTION = "org.keycloak:keycloak-quarkus-dist:26.7.3:tar.gz"
HOST = {"Host": "rent.example.com"}
ROOT = "https://rent.example.com"
PASSWORD = "a-password"
USERS = {"ana": ("approver", ["*"]), "pia": ("viewer", ["p-1", "p-2"])}


def mapper(name: str, kind: str, **config: str) -> dict[str, object]:
    common = {
        "id.token.claim": "true",
        "access.token.claim": "false",
        "jsonType.label": "String",
        "multivalued": "true",
    }
    return {
        "name": name, "protocol": "openid-connect", "protocolMapper": kind,
        "config": {**common, "multivalued": "true", "claim.name": name, **config},
    }  # fmt: skip


REALM = {
    "realm": "finance",
    "enabled": True,
    "sslRequired": "none",
    "roles": {"realm": [{"name": role} for role in ("viewer", "operator", "approver", "admin")]},
    # Users have an attribute that the profile does not declare.
    "components": {
        "org.keycloak.userprofile.UserProfileProvider": [
            {
                "providerId": "declarative-user-profile",
                "config": {"kc.user.profile.config": [json.dumps({
                    "attributes": [{"name": "username"}, {"name": "email"}],
                    "unmanagedAttributePolicy": "ENABLED",
                })]},
            }
        ]
    },
    "clients": [
        {
            "clientId": "rentmatch",
            "secret": "a-secret",
            "redirectUris": [f"{ROOT}/*"],
            "attributes": {"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": f"{ROOT}/*"},
            "protocolMappers": [
                mapper("roles", "oidc-usermodel-realm-role-mapper"),
                mapper("properties", "oidc-usermodel-attribute-mapper", **{"user.attribute": "properties"}),
            ],
        }
    ],
    "users": [
        {
            "username": name, "enabled": True, "email": f"{name}@example.com", "emailVerified": True,
            "firstName": name, "lastName": name, "realmRoles": [role], "attributes": {"properties": properties},
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
        for name, (role, properties) in USERS.items()
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def issuer(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Keycloak with the realm."""
    folder = tmp_path_factory.mktemp("keycloak")
    try:
        (home,) = maven.unpacked(DISTRIBUTION).iterdir()
    except MissingToolError as error:
        go_without(pytestconfig, "Keycloak", error)
    shutil.copytree(home, folder / "home")  # it writes into its own folder
    (folder / "home" / "data" / "import").mkdir(parents=True)
    (folder / "home" / "data" / "import" / "finance.json").write_text(json.dumps(REALM))
    port, management = free_ports(2)
    words = ["start-dev", "--http-host=127.0.0.1", f"--http-port={port}", f"--http-management-port={management}"]
    process = Process([str(folder / "home" / "bin" / "kc.sh"), *words, "--import-realm"], folder / "log", cwd=folder)
    process.start()
    try:
        found = f"http://127.0.0.1:{port}/realms/finance"
        wait_until(lambda: answers_200(f"{found}/.well-known/openid-configuration"), 600, "Keycloak", process=process)
        yield found
    finally:
        process.kill()


@pytest.fixture(scope="module")
def gateway(issuer: str, mongo_server: MongoServer) -> Iterator[RunningGateway]:
    variables = {
        "RENTMATCH_GATEWAY_PUBLIC_URL": ROOT,
        "RENTMATCH_GATEWAY_OIDC_ISSUER": issuer,
        "RENTMATCH_GATEWAY_OIDC_CLIENT_ID": "rentmatch",
        "RENTMATCH_GATEWAY_OIDC_CLIENT_SECRET": "a-secret",
    }
    manifest = {"sha256:me": "{ viewer { name role properties } }"}
    with RunningGateway(mongo_server.url, "keycloak", variables=variables, manifest=manifest) as running:
        yield running


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def signed_in(gateway: RunningGateway, person: str, password: str = PASSWORD) -> Browser | None:
    """Fill in Keycloak's form as a browser does; None: it does not send back."""
    browser = gateway.browser()
    location = browser.get("/sign-in", HOST).headers["Location"]
    # Keycloak's cookies are for secure connections, which this machine's own address is to a browser.
    policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("http", "https"))
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar(policy))
    client = urllib.request.build_opener(_Stay, cookies)
    page = client.open(location).read().decode()
    action = re.search(r'action="([^"]+)"', page)
    assert action is not None
    form = urlencode({"username": person, "password": password}).encode()
    try:
        client.open(html.unescape(action[1]), form)
    except urllib.error.HTTPError as answer:
        back = urlsplit(answer.headers["Location"] or "")
        assert f"{back.scheme}://{back.netloc}" == ROOT
        reply = browser.get(f"{back.path}?{back.query}", HOST)
        assert (reply.status, reply.headers["Location"]) == (303, "/"), reply.text
        return browser
    return None


def test_people_sign_in_with_their_roles_and_properties(gateway: RunningGateway) -> None:
    for name, (role, properties) in USERS.items():
        browser = signed_in(gateway, name)
        assert browser is not None
        reply = browser.post("/graphql", {"documentId": "sha256:me"}, {**OURS, **HOST})
        scope = None if properties == ["*"] else properties
        assert json.loads(reply.body) == {"data": {"viewer": {"name": name, "role": role.upper(), "properties": scope}}}
    assert signed_in(gateway, "ana", "another password") is None


def test_signing_out_leads_to_keycloaks_page(gateway: RunningGateway) -> None:
    browser = signed_in(gateway, "ana")
    assert browser is not None
    reply = browser.post("/sign-out", {}, {**OURS, **HOST, "Origin": ROOT})
    location = json.loads(reply.body)["location"]
    with pytest.raises(
        urllib.error.HTTPError
    ) as left:  # it knows no session of this client, and sends the browser back
        urllib.request.build_opener(_Stay).open(location, timeout=60)
    assert left.value.headers["Location"] == f"{ROOT}/"
