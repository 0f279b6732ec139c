"""Which OAuth grant opens a Salesforce session, out of the settings.

A grant is the form that the token endpoint takes, and what to check where it is refused. The
client-credentials grant is here; the JWT bearer grant, which needs cryptography, is loaded only
where it is asked for. No request is made here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from activation_pipeline.destinations._settings import required
from activation_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_GRANTS = ("client_credentials", "jwt_bearer")


class Grant(Protocol):
    """How to ask for a session."""

    @property
    def hint(self) -> str:
        """Say what to check where the vendor refuses."""

    def form(self) -> dict[str, str]:
        """Compose the form of one request for a token."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The connected app itself, running as the user that its admin named.

    Source: "OAuth 2.0 Client Credentials Flow", Salesforce Help, read 2026-11-21.
    """

    client_id: str
    client_secret: str = field(repr=False)
    hint: ClassVar[str] = (
        "check SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET and the app's Run As user"
    )

    def form(self) -> dict[str, str]:
        """Compose the form of one request for a token."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


def grant_from(environment: Mapping[str, str], now: Callable[[], float]) -> Grant:
    """Choose the grant that ``SALESFORCE_AUTH`` names, client credentials without it.

    Args:
        environment: the settings.
        now: seconds since 1970, for the time until which an assertion holds.

    Raises:
        ConfigurationError: an unknown grant, or a setting of it that is missing or unusable.
    """
    name = environment.get("SALESFORCE_AUTH", "").strip() or _GRANTS[0]
    if name not in _GRANTS:
        message = f"SALESFORCE_AUTH: not a grant that is known here; write {' or '.join(_GRANTS)}"
        raise ConfigurationError(message)
    client_id = required(environment, "SALESFORCE_CLIENT_ID")
    if name == _GRANTS[0]:
        return ClientCredentials(client_id, required(environment, "SALESFORCE_CLIENT_SECRET"))
    # Loading cryptography takes longer than a delivery without changes does.
    from activation_pipeline.destinations._salesforce_jwt import jwt_bearer  # noqa: PLC0415

    return jwt_bearer(environment, client_id, now)
