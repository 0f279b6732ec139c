"""The JWT bearer grant: an assertion that the connected app's certificate proves.

The public key is part of the set-up (``jwt_public_key``, PEM; without one the grant is not set
up), as is the approved user (``jwt_username``). A clock that is wrong makes an assertion expired or
too long-lived: both are ``invalid_grant``. Source: ``destinations.md`` section 2, "Auth".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.sandbox.wire import Call, World

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
_LONGEST_S = 180


def check(call: Call, world: World, form: Mapping[str, str]) -> tuple[str, str] | None:
    """Return why an assertion opens no session: error and description; nothing when it does."""
    known = world.org.credentials
    try:
        claims: dict[str, Any] = jwt.decode(
            form.get("assertion", ""),
            known.get("jwt_public_key", ""),
            algorithms=["RS256"],
            audience=[*_LOGIN_HOSTS, call.mount],
            options={"verify_exp": False, "require": ["iss", "sub", "aud", "exp"]},
        )
        left_s = float(claims["exp"]) - call.now.timestamp()
    except jwt.InvalidAudienceError:
        return "invalid_grant", "audience is invalid"
    except (jwt.InvalidTokenError, jwt.InvalidKeyError, TypeError, ValueError):
        return "invalid_grant", "invalid assertion"
    return _problem(claims, left_s, known)


def _problem(
    claims: Mapping[str, Any], left_s: float, known: Mapping[str, str]
) -> tuple[str, str] | None:
    if claims["iss"] != known["client_id"]:
        return "invalid_client_id", "client identifier invalid"
    if left_s <= 0:
        return "invalid_grant", "expired authorization code"
    if left_s > _LONGEST_S:
        return "invalid_grant", "expiry is too far in the future"
    if claims["sub"] != known.get("jwt_username"):
        return "invalid_grant", "user hasn't approved this consumer"
    return None
