"""Calls to one Braze workspace: judging answers, and waiting for the next window.

A 429 names the moment of the next window instead of a time to wait, so it is measured against
the answer's own date and needs no clock of ours. Errors are one message without a code. No
record is known here.

Source: "API limits" and "Errors and responses", braze.com/docs, read 2026-11-21.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from activation_pipeline.destinations._http import Again, Answer
from activation_pipeline.destinations._masking import masked
from activation_pipeline.errors import PermanentError

HANDLED_BY_CALLER = frozenset({400, 413})
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER, _UNAVAILABLE = 401, 403, 429, 500, 503
_SHORTEST_S = 1.0
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
        return Again("throttled (429)", wait_s=_until_reset(answer))
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


def _until_reset(answer: Answer) -> float | None:
    reset, date = answer.headers.get("X-RateLimit-Reset", ""), answer.headers.get("Date", "")
    try:
        return max(_SHORTEST_S, float(int(reset)) - parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
