"""Salesforce's JWT bearer grant: an assertion that our private key signs, no secret on the wire.

The connected app holds the certificate, and an admin approved the user beforehand. An assertion
holds for two minutes, so a clock that is wrong by more is refused as ``invalid_grant``; a new
session needs a new assertion, because this grant has no refresh token.

Source: "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration", read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from activation_pipeline.destinations._settings import base_url, required
from activation_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PRODUCTION = "https://login.salesforce.com"
# The vendor takes three minutes at most; the third is left for a clock that runs ahead.
_HOLDS_S = 120
_KEY_FILE = "SALESFORCE_PRIVATE_KEY_FILE"


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """A user whom an admin approved for the connected app; ``audience`` is the login host."""

    client_id: str
    username: str
    audience: str
    key: RSAPrivateKey = field(repr=False)
    now: Callable[[], float] = field(repr=False)
    hint: ClassVar[str] = (
        "check SALESFORCE_CLIENT_ID, SALESFORCE_USERNAME, SALESFORCE_LOGIN_URL, the app's "
        "certificate, that the user is approved for the app, and this machine's clock"
    )

    def form(self) -> dict[str, str]:
        """Compose the form of one request for a token, with an assertion of its own."""
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": self.audience,
            "exp": int(self.now()) + _HOLDS_S,
        }
        assertion = jwt.encode(claims, self.key, algorithm="RS256")
        return {"grant_type": _GRANT_TYPE, "assertion": assertion}


def jwt_bearer(
    environment: Mapping[str, str], client_id: str, now: Callable[[], float]
) -> JwtBearer:
    """Read the grant's own settings.

    Raises:
        ConfigurationError: one is missing, or the file holds no RSA private key in PEM.
    """
    login = {"SALESFORCE_LOGIN_URL": _PRODUCTION, **environment}
    return JwtBearer(
        client_id=client_id,
        username=required(environment, "SALESFORCE_USERNAME"),
        audience=base_url(login, "SALESFORCE_LOGIN_URL"),
        key=_key_in(environment.get(_KEY_FILE, "").strip()),
        now=now,
    )


def _key_in(path: str) -> RSAPrivateKey:
    if not path:
        message = f"{_KEY_FILE}: not set, looked in the environment; set it"
        raise ConfigurationError(message)
    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
    except OSError as error:
        message = f"{_KEY_FILE}: cannot be read ({error.strerror}); check path and permissions"
        raise ConfigurationError(message) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        message = f"{_KEY_FILE}: holds no private key in PEM without a passphrase; write one"
        raise ConfigurationError(message) from None
    if not isinstance(key, RSAPrivateKey):
        message = f"{_KEY_FILE}: holds a key that is not RSA, and RS256 needs one; make another"
        raise ConfigurationError(message)
    return key
