"""Signing in to Salesforce: both grants, a wrong clock, and an end that nobody announced."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from destination_cases import Box, mapped, target
from scripted_vendor import Reply, scripted

from activation_pipeline.destinations import salesforce as module
from activation_pipeline.errors import ConfigurationError, PermanentError
from activation_pipeline.sandbox import load_org, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BAND = "Churn_Risk_Band__c"
REAL = target("Account", key="Billing_Customer_ID__c", fields={BAND: mapped("band")})
USER = "integration@sandbox.invalid"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def pem(private: Any, encryption: Any = None) -> bytes:
    form = encryption or NoEncryption()
    found: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, form)
    return found


@pytest.fixture(scope="module")
def org(key: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Run a stand-in whose app has our certificate's key and whose admin approved our user."""
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    set_up = load_org(["salesforce"])["salesforce"]
    known = {**set_up.credentials, "jwt_public_key": public.decode(), "jwt_username": USER}
    changed = set_up.model_copy(update={"credentials": known})
    with running_sandbox(tmp_path_factory.mktemp("org"), org={"salesforce": changed}) as sandbox:
        yield Box(sandbox.url)


@pytest.fixture
def environment(org: Box, key: rsa.RSAPrivateKey, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "app.pem").write_bytes(pem(key))
    org.reset()
    return {
        "SALESFORCE_AUTH": "jwt_bearer",
        "SALESFORCE_BASE_URL": f"{org.url}/salesforce",
        "SALESFORCE_CLIENT_ID": "sandbox-client",
        "SALESFORCE_USERNAME": USER,
        "SALESFORCE_PRIVATE_KEY_FILE": str(tmp_path / "app.pem"),
    }


def check(environment: dict[str, str], now: Callable[[], float] = time.time) -> None:
    client = module.connect(environment, now=now)
    try:
        assert client.check(REAL) == ()
    finally:
        client.close()


@pytest.mark.parametrize("login", ["", "https://test.salesforce.com"])
def test_an_assertion_signed_with_our_key_opens_a_session(
    environment: dict[str, str], org: Box, login: str
) -> None:
    check({**environment, **({"SALESFORCE_LOGIN_URL": login} if login else {})})
    (form,) = [one for one in org.requests("salesforce") if "oauth2/token" in one["path"]]
    assert "client_secret" not in form["body"]
    assert parse_qs(form["body"])["assertion"] == ["***"]


def test_an_assertion_holds_for_less_than_three_minutes_and_names_user_and_host(
    environment: dict[str, str], key: rsa.RSAPrivateKey
) -> None:
    sent: list[str] = []

    def answer(_method: str, path: str, _body: Any) -> Reply:
        return (400, {"error": "invalid_grant"}) if "token" in path else (404, [])

    with scripted(answer) as vendor:
        client = module.connect({**environment, "SALESFORCE_BASE_URL": vendor.url}, now=lambda: 1e9)
        grant = client._session._grant
        sent.append(grant.form()["assertion"])
        with pytest.raises(PermanentError, match="SALESFORCE_USERNAME"):
            client.check(REAL)
        client.close()
    options = {"verify_exp": False, "verify_aud": False}
    claims = jwt.decode(sent[0], key.public_key(), algorithms=["RS256"], options=options)
    assert claims == {
        "iss": "sandbox-client",
        "sub": USER,
        "aud": "https://login.salesforce.com",
        "exp": 1_000_000_120,
    }


@pytest.mark.parametrize("skew_s", [-300, 300])
def test_a_clock_that_is_wrong_is_refused_and_named(
    environment: dict[str, str], skew_s: int
) -> None:
    with pytest.raises(PermanentError, match=r"invalid_grant.*clock"):
        check(environment, now=lambda: time.time() + skew_s)


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("SALESFORCE_USERNAME", "nobody@sandbox.invalid", "invalid_grant"),
        ("SALESFORCE_LOGIN_URL", "https://login.example.com", "invalid_grant"),
        ("SALESFORCE_CLIENT_ID", "another-app", "invalid_client_id"),
    ],
)
def test_an_assertion_about_something_else_is_refused(
    environment: dict[str, str], setting: str, value: str, error: str
) -> None:
    with pytest.raises(PermanentError, match=error) as told:
        check({**environment, setting: value})
    assert value not in str(told.value)


def test_another_key_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    (tmp_path / "app.pem").write_bytes(pem(other))
    with pytest.raises(PermanentError, match="invalid_grant"):
        check(environment)


def test_a_session_that_ended_is_renewed_with_a_new_assertion(
    environment: dict[str, str], org: Box
) -> None:
    org.fault("salesforce", "unauthorized", path_regex="describe")
    check(environment)
    tokens = [one for one in org.requests("salesforce") if "oauth2/token" in one["path"]]
    assert len(tokens) == 2


@pytest.mark.parametrize(
    "missing", ["SALESFORCE_CLIENT_ID", "SALESFORCE_USERNAME", "SALESFORCE_PRIVATE_KEY_FILE"]
)
def test_a_missing_setting_of_the_grant_is_named(environment: dict[str, str], missing: str) -> None:
    rest = {name: value for name, value in environment.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing):
        module.connect(rest)


@pytest.mark.parametrize("content", ["nothing", "text", "passphrase", "curve"])
def test_a_file_without_a_usable_key_is_named_and_not_shown(
    environment: dict[str, str], tmp_path: Path, key: rsa.RSAPrivateKey, content: str
) -> None:
    file = tmp_path / "app.pem"
    if content == "nothing":
        file.unlink()
    else:
        texts = {
            "text": b"not a key",
            "passphrase": pem(key, BestAvailableEncryption(b"x")),
            "curve": pem(ec.generate_private_key(ec.SECP256R1())),
        }
        file.write_bytes(texts[content])
    with pytest.raises(ConfigurationError, match="SALESFORCE_PRIVATE_KEY_FILE") as error:
        module.connect(environment)
    assert "not a key" not in str(error.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SALESFORCE_AUTH", "password"),
        ("SALESFORCE_BULK_FROM", "-1"),
        ("SALESFORCE_BULK_FROM", "often"),
        ("SALESFORCE_CONCURRENCY", "0"),
        ("SALESFORCE_CONCURRENCY", "26"),
    ],
)
def test_a_setting_that_is_not_understood_is_named(
    environment: dict[str, str], setting: str, value: str
) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        module.connect({**environment, setting: value})


def test_nothing_secret_is_shown(environment: dict[str, str]) -> None:
    client = module.connect(environment)
    shown = repr(client) + repr(vars(client)) + repr(client._session._grant)
    client.close()
    assert "RSAPrivateKey" not in shown
    credentials = module.connect(
        {**environment, "SALESFORCE_AUTH": "", "SALESFORCE_CLIENT_SECRET": "top-secret"}
    )
    assert "top-secret" not in repr(credentials._session._grant)
    credentials.close()
