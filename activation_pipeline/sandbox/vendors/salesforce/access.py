"""Who may call: the token endpoint, sessions, the daily quota, the envelopes of a refusal.

Source: ``destinations.md`` sections 0 (13, 14, 20) and 2, "Auth" and "Limits".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

from activation_pipeline.sandbox.vendors.salesforce import assertions
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  a path
OAUTH = "oauth"
_SESSIONS = "salesforce_sessions"
_KEPT_SESSIONS = 50


def issue_token(call: Call, world: World) -> Answer:
    """Answer a grant with a session for the integration user."""
    form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    grants = {"client_credentials": _check_client, assertions.GRANT: assertions.check}
    check = grants.get(form.get("grant_type", ""))
    if check is None:
        raise _oauth("unsupported_grant_type", "grant type not supported")
    refused = check(call, world, form)
    if refused is not None:
        raise _oauth(*refused)
    digest = hashlib.sha256(f"{world.seed}:{call.number}:{call.now}".encode()).hexdigest()
    token = f"00DSB0000000001!{digest}"
    sessions = world.store.setting(_SESSIONS, {})
    sessions[token] = call.now.isoformat()
    world.store.keep(_SESSIONS, dict(list(sessions.items())[-_KEPT_SESSIONS:]))
    user = world.org.user("integration").id
    return json_answer(
        {
            "access_token": token,
            "signature": base64.b64encode(bytes.fromhex(digest)).decode(),
            "scope": "api",
            "instance_url": call.mount,
            "id": f"{call.mount}/id/00DSB0000000001EAA/{user}",
            "token_type": "Bearer",
            "issued_at": str(int(call.now.timestamp() * 1000)),
        }
    )


def _check_client(call: Call, world: World, form: Mapping[str, str]) -> tuple[str, str] | None:
    client_id, secret = _client(call, form)
    known = world.org.credentials
    if client_id != known["client_id"]:
        return "invalid_client_id", "client identifier invalid"
    if not hmac.compare_digest(secret.encode(), known["client_secret"].encode()):
        return "invalid_client", "invalid client credentials"
    return None


def admit(call: Call, world: World) -> None:
    """Refuse a call without a live session, over the quota, or of an unknown version."""
    if call.path.rstrip("/") in (TOKEN_PATH, "/services/data"):
        return
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    issued = world.store.setting(_SESSIONS, {}).get(token)
    if scheme not in ("Bearer", "OAuth") or issued is None:
        raise expired_session({})
    age = call.now - datetime.fromisoformat(issued)
    if age > timedelta(seconds=world.limits["session_s"]):
        raise expired_session({})
    if world.meter.rolling_day(call.now) >= world.limits["daily_requests"]:
        raise over_quota({})
    world.meter.count(call.now)
    _check_body(call)


def envelope(refusal: Refusal, call: Call) -> Answer:
    """Spell a refusal: an array, or an object at the token endpoint."""
    if refusal.code.startswith(OAUTH):
        error = refusal.code.removeprefix(f"{OAUTH}:")
        return json_answer({"error": error, "error_description": refusal.message}, refusal.status)
    if refusal.status == 300:  # noqa: PLR2004  a list of records, not an error
        return json_answer(refusal.extra["records"], 300)
    entry = {"message": refusal.message, "errorCode": refusal.code, **refusal.extra}
    if refusal.fields:
        entry["fields"] = refusal.fields
    if call.method == "HEAD":
        return Answer(refusal.status)
    return json_answer([entry], refusal.status)


def seal(call: Call, world: World, answer: Answer) -> Answer:
    """Add the usage header, with a part beside ``api-usage`` as real answers have."""
    if call.path.rstrip("/") == TOKEN_PATH:
        return answer
    used, most = world.meter.rolling_day(call.now), world.limits["daily_requests"]
    burst = world.meter.within(timedelta(seconds=10), call.now)
    return answer.with_headers(
        {"Sforce-Limit-Info": f"api-usage={used}/{most}; api-bursts={burst}/750"}
    )


def expired_session(_options: Mapping[str, Any]) -> Refusal:
    """Make the refusal of an unknown or old session."""
    return Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")


def over_quota(_options: Mapping[str, Any]) -> Refusal:
    """Make the refusal over the daily quota: 403, as for a missing permission."""
    return Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def locked_row(_options: Mapping[str, Any]) -> Refusal:
    """Make the refusal of a record that somebody else is saving."""
    return Refusal(
        400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records"
    )


def unavailable(_options: Mapping[str, Any]) -> Refusal:
    """Make the refusal of a server that is overloaded, in the usual envelope."""
    return Refusal(503, "SERVER_UNAVAILABLE", "Server unavailable, please try again shortly.")


def forbidden(_options: Mapping[str, Any]) -> Refusal:
    """Make the refusal of a user without the permission: the status of a used-up quota."""
    return Refusal(403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id")


def server_error(options: Mapping[str, Any]) -> Refusal:
    """Make a 5xx in the usual envelope: nobody knows whether the write was applied."""
    return Refusal(
        int(options.get("status", 500)), "UNKNOWN_EXCEPTION", "An unexpected error occurred."
    )


def limits(call: Call, world: World) -> Answer:
    """Answer the limits resource."""
    most = world.limits["daily_requests"]
    left = max(0, most - world.meter.rolling_day(call.now))
    return json_answer({"DailyApiRequests": {"Max": most, "Remaining": left}})


def _client(call: Call, form: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _oauth("invalid_client", "invalid client credentials") from None
    client_id, _, secret = pair.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _oauth(error: str, description: str) -> Refusal:
    return Refusal(400, f"{OAUTH}:{error}", description)


def _check_body(call: Call) -> None:
    kind = call.headers.get("content-type", "application/json")
    takes = "text/csv" if call.method == "PUT" else "application/json"
    if call.body and not kind.startswith(takes):
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type '{kind}' is not supported.")
    if len(call.path) + sum(len(k) + len(v) for k, v in call.query.items()) > 16_384:  # noqa: PLR2004  REST guide, status 414
        raise Refusal(414, "URI_TOO_LONG", "The URI is longer than 16384 bytes.")
