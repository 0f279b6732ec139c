"""Calls to one HubSpot account: judging answers, waiting by policy, both styles of paths.

A 429 names a policy instead of a time to wait; only 477 has ``Retry-After``. What is left of
both limits comes with every answer. The numbered paths end in September 2027 and the dated ones
replace them, so the version is a setting. No record is known here.

Source: "Error handling" and "Usage guidelines", developers.hubspot.com, read 2026-11-21.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from activation_pipeline.destinations._http import Again, Answer
from activation_pipeline.destinations._masking import masked, safe_code
from activation_pipeline.destinations._pace import Ceiling, Pace, Told, pace_file
from activation_pipeline.destinations._settings import limit
from activation_pipeline.errors import ConfigurationError, PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.structures import CaseInsensitiveDict

    from activation_pipeline.destinations._http import Clockwork, Transport

_HANDLED_BY_CALLER = frozenset({400, 404, 409})
_UNAUTHORIZED, _FORBIDDEN, _LOCKED, _TOO_MANY, _MIGRATING = 401, 403, 423, 429, 477
_SERVER, _UNAVAILABLE = 500, 503
_ROLLING_S, _SECOND_S, _LOCKED_S, _MIGRATING_S = 10.0, 1.0, 2.0, 30.0
# "Usage guidelines": a private app of a Professional or Enterprise account; others have less,
# which the first answer says.
_REQUESTS, _INTERVAL_S = 190, 10.0
_LIMIT = "HUBSPOT_REQUESTS_PER_10S"
_HEADERS = "X-HubSpot-RateLimit-"
LANE = "requests"
_VERSION = re.compile(r"v3|20[2-9]\d-(03|09)")
_OBJECT_TYPES = {
    "contact": "0-1",
    "contacts": "0-1",
    "company": "0-2",
    "companies": "0-2",
    "deal": "0-3",
    "deals": "0-3",
}
_PLURALS = {"contact": "contacts", "0-1": "contacts", "company": "companies", "deal": "deals"}


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are in one version of the API: ``v3``, or a date such as ``2026-09``."""

    version: str

    def __post_init__(self) -> None:
        """Refuse a version that the API never had.

        Raises:
            ConfigurationError: neither v3 nor a March or September.
        """
        if not _VERSION.fullmatch(self.version):
            message = "HUBSPOT_API_VERSION: not a version; write v3 or a dated one as in 2026-09"
            raise ConfigurationError(message)

    def objects(self, name: str) -> str:
        """Locate the records of one object."""
        return f"{self._root('objects')}/{_quoted(_PLURALS.get(name.lower(), name))}"

    def properties(self, name: str) -> str:
        """Locate the catalogue of properties of one object."""
        plural = _PLURALS.get(name.lower(), name)
        dated = _OBJECT_TYPES.get(name.lower(), name)
        return f"{self._root('properties')}/{_quoted(plural if self._is_numbered else dated)}"

    def list(self, list_id: str) -> str:
        """Locate one list by its id."""
        return f"{self._root('lists')}/{_quoted(list_id)}"

    def list_named(self, name: str) -> str:
        """Locate one list of contacts by its name."""
        return f"{self._root('lists')}/object-type-id/0-1/name/{_quoted(name)}"

    @property
    def _is_numbered(self) -> bool:
        return self.version.startswith("v")

    def _root(self, what: str) -> str:
        return f"/crm/{self.version}/{what}" if self._is_numbered else f"/crm/{what}/{self.version}"


def _quoted(part: str) -> str:
    return quote(part, safe="")


def first_error(answer: Answer) -> tuple[str, str]:
    """Read category and message out of the error envelope."""
    body = answer.parsed()
    if not isinstance(body, dict):
        return "NO_CODE", ""
    code = body.get("category") or body.get("errorType") or body.get("policyName")
    return safe_code(code), str(body.get("message") or "")


def judge(answer: Answer) -> Again | None:
    """Say whether an answer is one, worth another try, or the end.

    Raises:
        RetryableError: the daily limit is used up.
        PermanentError: the token or a permission.
    """
    status = answer.status
    if status < 300 or status in _HANDLED_BY_CALLER:  # noqa: PLR2004 - success
        return None
    if status == _TOO_MANY:
        return _throttled(answer)
    if status == _LOCKED:
        return Again("the record is locked (423)", wait_s=_LOCKED_S)
    if status == _MIGRATING:
        return Again("the account is being migrated (477)", _retry_after(answer) or _MIGRATING_S)
    code, message = first_error(answer)
    if status >= _SERVER:
        certain = status == _UNAVAILABLE and code != "NO_CODE"
        return Again(
            f"answered {status} ({code})", wait_s=_retry_after(answer), applied=not certain
        )
    if status == _UNAUTHORIZED:
        text = f"hubspot: the token was refused (401 {code}); check HUBSPOT_TOKEN"
    elif status == _FORBIDDEN:
        text = f"hubspot: a permission is missing (403 {code}); check the scopes of the token"
    else:
        text = f"hubspot: refused with {status} {code}: {masked(message)}; check the mapping"
    raise PermanentError(text)


def _throttled(answer: Answer) -> Again:
    body = answer.parsed()
    policy = str(body.get("policyName", "")).upper() if isinstance(body, dict) else ""
    if "DAILY" in policy:
        message = "hubspot: the account's daily request limit is used up (429 DAILY); try tomorrow"
        raise RetryableError(message, retry_after=_retry_after(answer))
    wait_s = _retry_after(answer)
    if wait_s is None:
        wait_s = _SECOND_S if policy == "SECONDLY" else _ROLLING_S
    return Again(f"throttled (429 {safe_code(policy)})", wait_s=wait_s, throttled=True)


def portal(transport: Transport) -> str:
    """Ask for the id of the account: without it, a test account would pass for the real one.

    Raises:
        RetryableError: no answer now, or one without an id.
        PermanentError: the token was refused.
    """
    body = transport.call("GET", "/account-info/v3/details").parsed()
    if not isinstance(body, dict) or "portalId" not in body:
        message = "hubspot: the account had no trustworthy answer; try again"
        raise RetryableError(message)
    return str(body["portalId"])


def pace_of(
    environment: Mapping[str, str], clockwork: Clockwork, *, at_once: int, secrets: tuple[str, str]
) -> Pace:
    """Set up the pace of one account: one limit for all its requests.

    Raises:
        ConfigurationError: the limit in the settings is neither a number nor ``none``.
    """
    most = limit(environment, _LIMIT, default=_REQUESTS)
    is_fixed = bool(environment.get(_LIMIT, "").strip())
    return Pace(
        {LANE: Ceiling(most, _INTERVAL_S, is_fixed=is_fixed)},
        lane_of=lambda _path: LANE,
        told=told,
        at_once=at_once,
        file=pace_file(environment, "hubspot", *secrets),
        clockwork=clockwork,
    )


def told(headers: CaseInsensitiveDict[str]) -> Told | None:
    """Read what an answer says of the rolling limit."""
    names = ("Max", "Remaining", "Interval-Milliseconds")
    most, left, interval_ms = (_number(headers, name) for name in names)
    if not most or left is None or not interval_ms:
        return None
    windows = _INTERVAL_S * 1000 / interval_ms
    return Told(max(1, round(most * windows)), round(left * windows))


def daily_quota(headers: CaseInsensitiveDict[str] | None) -> tuple[int | None, int | None]:
    """Read what is left of the day's requests, and how many there are; OAuth tells neither."""
    if headers is None:
        return None, None
    return _number(headers, "Daily-Remaining"), _number(headers, "Daily")


def _number(headers: CaseInsensitiveDict[str], name: str) -> int | None:
    text = headers.get(_HEADERS + name, "")
    return int(text) if text.isdecimal() else None


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None
