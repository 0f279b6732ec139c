"""Calls to one Braze workspace: judging answers, and waiting for the next window.

A 429 names the moment of the next window instead of a time to wait, so it is measured against
the answer's own date and needs no clock of ours. Errors are one message without a code. No
record is known here.

Source: "API limits" and "Errors and responses", braze.com/docs, read 2026-11-21.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from activation_pipeline.destinations._http import Again, Answer
from activation_pipeline.destinations._masking import masked
from activation_pipeline.destinations._pace import Ceiling, Pace, Told, pace_file
from activation_pipeline.destinations._settings import limit
from activation_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.structures import CaseInsensitiveDict

    from activation_pipeline.destinations._http import Clockwork

HANDLED_BY_CALLER = frozenset({400, 413})
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER, _UNAVAILABLE = 401, 403, 429, 500, 503
_SHORTEST_S, _MINUTE_S = 1.0, 60.0
TRACK, EXPORT = "track", "export"
_LANES = {"/users/track": TRACK, "/users/export/ids": EXPORT}
# "API limits": 3,000 writes in 3 seconds; 40 exports a second where the fields are named, as ours
# always are, else 250 a minute.
_TRACKS, _TRACK_S, _EXPORTS, _EXPORT_S = 3_000, 3.0, 40, 1.0
_TRACK_LIMIT, _EXPORT_LIMIT = "BRAZE_TRACKS_PER_3S", "BRAZE_EXPORTS_PER_MINUTE"
# What Braze quotes in its messages and is no value of a record.
_WORDS = frozenset(
    {"external_id", "braze_id", "user_alias", "email", "phone", "attributes", "events", "purchases"}
)


def message_of(answer: Answer) -> str:
    """Read the message out of the error envelope; empty where there is none."""
    body = answer.parsed()
    return str(body.get("message") or "") if isinstance(body, dict) else ""


def unquoted(text: str) -> str:
    """Take the quotes off the names of Braze's own, so that masking leaves them to be read."""
    for word in _WORDS:
        text = text.replace(f"'{word}'", word)
    return text


def judge(answer: Answer) -> Again | None:
    """Say whether an answer is one, worth another try, or the end.

    Raises:
        PermanentError: the key, a permission, or an address without such an API.
    """
    status = answer.status
    if status < 300 or status in HANDLED_BY_CALLER:  # noqa: PLR2004 - success
        return None
    if status == _TOO_MANY:
        return Again("throttled (429)", wait_s=until_reset(answer.headers), throttled=True)
    message = message_of(answer)
    if status >= _SERVER:
        certain = status == _UNAVAILABLE and bool(message)
        return Again(f"answered {status}", applied=not certain)
    if status == _UNAUTHORIZED:
        text = "braze: the key was refused (401); check BRAZE_API_KEY and the instance's address"
    elif status == _FORBIDDEN:
        text = (
            "braze: a permission is missing (403); the key needs users.track, users.export.ids "
            "and custom_attributes.get"
        )
    else:
        told = masked(unquoted(message))
        text = f"braze: refused with {status}: {told}; check BRAZE_BASE_URL"
    raise PermanentError(text)


def until_reset(headers: CaseInsensitiveDict[str]) -> float | None:
    """Say how many seconds are left until the next window, by the far side's own clock."""
    reset, date = headers.get("X-RateLimit-Reset", ""), headers.get("Date", "")
    try:
        return max(_SHORTEST_S, float(int(reset)) - parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


def pace_of(
    environment: Mapping[str, str], clockwork: Clockwork, *, at_once: int, secrets: tuple[str, str]
) -> Pace:
    """Set up the pace of one workspace: a limit for writing, one for reading users back.

    Raises:
        ConfigurationError: a limit in the settings is neither a number nor ``none``.
    """
    # An answer says how many, not in which time: so it may lower what is known, and not raise it.
    tracks = Ceiling(limit(environment, _TRACK_LIMIT, default=_TRACKS), _TRACK_S, is_fixed=True)
    exports = Ceiling(_EXPORTS, _EXPORT_S, is_fixed=True)
    if environment.get(_EXPORT_LIMIT, "").strip():
        per_minute = limit(environment, _EXPORT_LIMIT, default=_EXPORTS)
        exports = Ceiling(per_minute, _MINUTE_S, is_fixed=True)
    return Pace(
        {TRACK: tracks, EXPORT: exports, "others": Ceiling(None, _MINUTE_S)},
        lane_of=lambda path: _LANES.get(path, "others"),
        told=told,
        at_once=at_once,
        file=pace_file(environment, "braze", *secrets),
        clockwork=clockwork,
    )


def told(headers: CaseInsensitiveDict[str]) -> Told | None:
    """Read what an answer says of its window; one that lasts an hour is not waited for."""
    most, left = (headers.get(f"X-RateLimit-{name}", "") for name in ("Limit", "Remaining"))
    if not most.isdecimal() or not left.isdecimal() or not int(most):
        return None
    pause_s = until_reset(headers)
    if pause_s is None or pause_s > _MINUTE_S:
        return None
    return Told(int(most), int(left), pause_s)
