"""Who may call the store, how often, and how a refusal is spelt.

A request is taken when it is signed with the shared secret, no older than five minutes, and its
body has the digest that was signed. A refusal is one object with a code and a message; a store
that asks for patience says for how many seconds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_BYTES = 1_048_576
_SECOND = timedelta(seconds=1)
_RETRY = "retry_after"


def admit(call: Call, world: World) -> None:
    """Refuse a call that is not signed, too old, changed on the way, one too many or too large."""
    _verify(call, world)
    if world.meter.within(_SECOND, call.now) >= world.limits["requests_per_second"]:
        raise rate_limited({})
    world.meter.count(call.now)
    if len(call.body) > _MOST_BYTES:
        raise too_large({})


def _verify(call: Call, world: World) -> None:
    sent, digest = (call.headers.get(n, "") for n in ("x-activation-timestamp", "content-digest"))
    if not sent.isdecimal():
        raise unauthorized({"message": "the request has no time"})
    age_s = abs(call.now.timestamp() - int(sent))
    if age_s > world.limits["freshness_s"]:
        raise unauthorized({"message": f"the request is {age_s:.0f} s old"})
    held = base64.b64encode(hashlib.sha256(call.body).digest()).decode()
    if not hmac.compare_digest(digest.encode(), f"sha-256=:{held}:".encode()):
        raise unauthorized({"message": "the body does not have its digest"})
    query = f"?{urlencode(call.query)}" if call.query else ""
    uri = f"http://{call.headers.get('host', '')}/{world.vendor}{call.path}{query}"
    signed = f"v1\n{call.method}\n{uri}\n{sent}\n{digest}"
    secret = world.org.credentials["secret"].encode()
    right = hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()
    given = call.headers.get("x-activation-signature", "")
    if not hmac.compare_digest(given.encode(), f"v1={right}".encode()):
        raise unauthorized({"message": "the signature is not ours"})


def envelope(refusal: Refusal, call: Call) -> Answer:
    """Spell a refusal: a code and a message, and how long to wait where it says so."""
    del call
    wait = refusal.extra.get(_RETRY)
    headers = {} if wait is None else {"Retry-After": str(wait)}
    error = {"code": refusal.code, "message": refusal.message}
    return json_answer({"error": error}, refusal.status, headers)


def seal(call: Call, world: World, answer: Answer) -> Answer:
    """Add nothing: what the store allows is among its capabilities."""
    del call, world
    return answer


def unauthorized(options: Mapping[str, Any]) -> Refusal:
    """Make the refusal of a signature."""
    return Refusal(401, "BAD_SIGNATURE", str(options.get("message", "the signature is not ours")))


def forbidden(_options: Mapping[str, Any]) -> Refusal:
    """Make a 403: signed well, and not allowed."""
    return Refusal(403, "FORBIDDEN", "this sender may not write here")


def rate_limited(options: Mapping[str, Any]) -> Refusal:
    """Make a 429; ``seconds`` is the wait that it asks for."""
    wait = options.get("seconds", 1)
    return Refusal(429, "TOO_MANY_REQUESTS", "too many requests", extra={_RETRY: wait})


def unavailable(options: Mapping[str, Any]) -> Refusal:
    """Make the store's own 503: nothing was written."""
    wait = options.get("seconds", 2)
    return Refusal(503, "UNAVAILABLE", "closed for a moment", extra={_RETRY: wait})


def busy(options: Mapping[str, Any]) -> Refusal:
    """Make a 409: an equal batch is being written."""
    wait = options.get("seconds", 1)
    return Refusal(409, "IN_PROGRESS", "this batch is being written", extra={_RETRY: wait})


def server_error(options: Mapping[str, Any]) -> Refusal:
    """Make a 5xx of the store's own, in JSON."""
    return Refusal(int(options.get("status", 500)), "INTERNAL", "something failed inside")


def too_large(_options: Mapping[str, Any]) -> Refusal:
    """Make a 413: more than 1 MB."""
    return Refusal(413, "TOO_LARGE", "the request is larger than 1 MB")


def bad_request(_options: Mapping[str, Any]) -> Refusal:
    """Make a 400 of the whole request."""
    return Refusal(400, "BAD_REQUEST", "the request is not understood")
