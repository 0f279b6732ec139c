"""Who may call HubSpot, how often, and how a refusal is spelt.

Source: ``destinations.md`` section 3, "Auth", "Upsert answers" and "Limits".
"""

from __future__ import annotations

import hmac
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEN_SECONDS = timedelta(seconds=10)
_POLICIES = {
    "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
    "SECONDLY": "You have reached your secondly limit.",
    "DAILY": "You have reached your daily limit.",
}


def admit(call: Call, world: World) -> None:
    """Refuse a call without the token or over a limit."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    known = world.org.credentials["access_token"]
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), known.encode()):
        raise unauthorized({})
    if world.meter.calendar_day(call.now) >= world.limits["daily_requests"]:
        raise rate_limited({"policy": "DAILY"})
    if world.meter.within(_TEN_SECONDS, call.now) >= world.limits["per_ten_seconds"]:
        raise rate_limited({"policy": "TEN_SECONDLY_ROLLING"})
    if world.meter.within(timedelta(seconds=1), call.now) >= world.limits["per_second"]:
        raise rate_limited({"policy": "SECONDLY"})
    world.meter.count(call.now)
    kind = call.headers.get("content-type", "application/json")
    if call.body and not kind.startswith("application/json"):
        raise Refusal(415, "INVALID_CONTENT_TYPE", f"Unsupported media type: {kind}")


def envelope(refusal: Refusal, call: Call) -> Answer:
    """Spell a refusal as HubSpot does: one object with a category and a correlation id."""
    headers = {}
    if "retry_after" in refusal.extra:
        headers["Retry-After"] = str(refusal.extra["retry_after"])
    body: dict[str, Any] = {
        "status": "error",
        "message": refusal.message,
        "correlationId": correlation_id(call),
    }
    policy = refusal.extra.get("policyName")
    if policy:
        body |= {"errorType": "RATE_LIMIT", "policyName": policy, "requestId": correlation_id(call)}
    else:
        category = {"NOT_FOUND": "OBJECT_NOT_FOUND"}.get(refusal.code, refusal.code)
        body["category"] = category
    body |= {k: v for k, v in refusal.extra.items() if k in ("context", "subCategory", "errors")}
    return json_answer(body, refusal.status, headers)


def seal(call: Call, world: World, answer: Answer) -> Answer:
    """Add the rate headers that every answer but search has."""
    per_ten, daily = world.limits["per_ten_seconds"], world.limits["daily_requests"]
    used = world.meter.within(_TEN_SECONDS, call.now)
    used_today = world.meter.calendar_day(call.now)
    return answer.with_headers(
        {
            "X-HubSpot-RateLimit-Max": str(per_ten),
            "X-HubSpot-RateLimit-Remaining": str(max(0, per_ten - used)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Daily": str(daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, daily - used_today)),
            "X-HubSpot-Correlation-Id": correlation_id(call),
        }
    )


def correlation_id(call: Call) -> str:
    """Return the id that an answer and its request share."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{call.mount}/{call.number}"))


def unauthorized(_options: Mapping[str, Any]) -> Refusal:
    """Make the refusal of a missing or wrong token."""
    return Refusal(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you"
        " can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )


def rate_limited(options: Mapping[str, Any]) -> Refusal:
    """Make a 429 of a policy; it has no ``Retry-After``, as the vendor's has none."""
    policy = str(options.get("policy", "TEN_SECONDLY_ROLLING"))
    message = _POLICIES.get(policy, "You have reached your limit.")
    return Refusal(429, "RATE_LIMITS", message, extra={"policyName": policy})


def locked(_options: Mapping[str, Any]) -> Refusal:
    """Make a 423: too much at once on one object; wait at least two seconds."""
    return Refusal(423, "LOCKED", "Resource is currently locked; wait 2 seconds and try again")


def migrating(options: Mapping[str, Any]) -> Refusal:
    """Make a 477: the account is moving; the one refusal with ``Retry-After``."""
    seconds = int(options.get("seconds", 1))
    return Refusal(
        477,
        "MIGRATION_IN_PROGRESS",
        "The account is being migrated between data hosting locations",
        extra={"retry_after": seconds},
    )


def server_error(options: Mapping[str, Any]) -> Refusal:
    """Make a 5xx in the usual envelope: nobody knows whether the write was applied."""
    return Refusal(int(options.get("status", 500)), "INTERNAL_ERROR", "internal error")


def missing_scopes(_options: Mapping[str, Any]) -> Refusal:
    """Make a 403: the token lacks a scope."""
    return Refusal(
        403, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."
    )
