"""Who may call Braze, how often, and how a refusal is spelt.

Windows begin on the clock and do not roll; a 429 says when the next one begins and has no
``Retry-After``. A refusal is one object with a message and no code. Source: ``destinations.md``
section 5, "Auth", "Track answers" and "Limits".
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_BYTES = 4_194_304
_TOO_MANY = 429
# By path: the limit's name, and the length of its window in seconds.
_WINDOWS = {
    "/users/track": ("track_per_three_seconds", 3),
    "/users/export/ids": ("export_per_minute", 60),
    "/custom_attributes": ("catalogue_per_hour", 3_600),
}
_NARROW_EXPORT = ("export_per_second", 1)
_OTHERS = ("others_per_hour", 3_600)


def admit(call: Call, world: World) -> None:
    """Refuse a call without the key, over a limit or over 4 MB."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    known = world.org.credentials["api_key"]
    if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), known.encode()):
        raise unauthorized({})
    name, _, begins, used = _window(call, world)
    if used >= world.limits[name]:
        raise rate_limited({})
    world.store.keep(f"braze:window:{name}", [begins, used + 1])
    if len(call.body) > _MOST_BYTES:
        raise too_large({})


def envelope(refusal: Refusal, call: Call) -> Answer:
    """Spell a refusal as Braze does: a message, and the errors of the objects where it has any."""
    headers = {}
    if refusal.status == _TOO_MANY:
        reset = int(call.now.timestamp()) + int(refusal.extra.get("seconds", 1))
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    errors = {"errors": refusal.extra["errors"]} if "errors" in refusal.extra else {}
    return json_answer({"message": refusal.message, **errors}, refusal.status, headers)


def seal(call: Call, world: World, answer: Answer) -> Answer:
    """Add the rate headers that every answer has."""
    name, seconds, begins, used = _window(call, world)
    most = world.limits[name]
    return answer.with_headers(
        {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(max(0, most - used)),
            "X-RateLimit-Reset": str(begins + seconds),
        }
    )


def _window(call: Call, world: World) -> tuple[str, int, int, int]:
    """Tell the limit of a call, its window's length and beginning, and what is used of it."""
    path = call.path.rstrip("/")
    name, seconds = _WINDOWS.get(path, _OTHERS)
    if path == "/users/export/ids" and _names_fields(call):
        name, seconds = _NARROW_EXPORT
    begins = int(call.now.timestamp()) // seconds * seconds
    kept, used = world.store.setting(f"braze:window:{name}", [begins, 0])
    return name, seconds, begins, int(used) if kept == begins else 0


def _names_fields(call: Call) -> bool:
    try:
        body = call.json()
    except orjson.JSONDecodeError:
        return False
    return isinstance(body, dict) and bool(body.get("fields_to_export"))


def unauthorized(_options: Mapping[str, Any]) -> Refusal:
    """Make the refusal of a missing or wrong key."""
    return Refusal(401, "", "Error authenticating credentials")


def forbidden(_options: Mapping[str, Any]) -> Refusal:
    """Make a 403: the key lacks a permission."""
    return Refusal(403, "", "The API key does not have the permission for this endpoint")


def rate_limited(options: Mapping[str, Any]) -> Refusal:
    """Make a 429; ``seconds`` is how far away the next window is."""
    seconds = {"seconds": options["seconds"]} if "seconds" in options else {}
    return Refusal(_TOO_MANY, "", "Rate limit exceeded for this endpoint", extra=seconds)


def maintenance(_options: Mapping[str, Any]) -> Refusal:
    """Make the 202 of a maintenance window: put aside, and nothing is said of any object."""
    return Refusal(202, "", "queued")


def server_error(options: Mapping[str, Any]) -> Refusal:
    """Make a 5xx of Braze's own, in JSON."""
    return Refusal(int(options.get("status", 500)), "", "Internal server error")


def too_large(_options: Mapping[str, Any]) -> Refusal:
    """Make a 413: more than 4 MB."""
    return Refusal(413, "", "The request is larger than 4 MB")
