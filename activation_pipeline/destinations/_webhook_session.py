"""Calls to one store of items: judging its answers, and how long it asks us to wait.

Errors are one object with a code and a message. A whole request that is refused (400, 413, 422)
is the caller's to halve; a store that is still busy with an equal request says 409. How often we
may ask is what the store says of itself. No item is known here.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from activation_pipeline.destinations._http import Again, Answer, Clockwork
from activation_pipeline.destinations._masking import masked, safe_code
from activation_pipeline.destinations._pace import Ceiling, Pace
from activation_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

LANE = "requests"
BAD_REQUEST, TOO_LARGE, UNPROCESSABLE = 400, 413, 422
HANDLED_BY_CALLER = frozenset({BAD_REQUEST, TOO_LARGE, UNPROCESSABLE})
_UNAUTHORIZED, _FORBIDDEN, _MISSING = 401, 403, 404
_BUSY, _TOO_MANY, _SERVER, _UNAVAILABLE = 409, 429, 500, 503


def error_of(answer: Answer) -> tuple[str, str]:
    """Read code and message out of the error envelope; empty texts where there is none."""
    body = answer.parsed()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return safe_code(error.get("code")), str(error.get("message") or "")


def judge(answer: Answer) -> Again | None:
    """Say whether an answer is one, worth another try, or the end.

    Raises:
        PermanentError: the signature, a permission, or an address without such a store.
    """
    status = answer.status
    if status < 300 or status in HANDLED_BY_CALLER:  # noqa: PLR2004 - success
        return None
    code, message = error_of(answer)
    if status == _TOO_MANY:
        return Again("throttled (429)", wait_s=asked_wait_s(answer), throttled=True)
    if status == _BUSY:
        return Again("busy with the same batch (409)", wait_s=asked_wait_s(answer), applied=True)
    if status >= _SERVER:
        # A proxy's own 503 is no word of the store's: the request may be on its way behind it.
        certain = status == _UNAVAILABLE and bool(code)
        return Again(f"answered {status}", wait_s=asked_wait_s(answer), applied=not certain)
    if status == _UNAUTHORIZED:
        text = (
            f"webhook: the signature was refused (401): {masked(message)}; check WEBHOOK_SECRET, "
            "this machine's clock, and the address by which the receiver knows itself"
        )
    elif status == _FORBIDDEN:
        text = "webhook: the store does not let us do this (403); ask its owner"
    elif status == _MISSING:
        text = "webhook: no such store at this address (404); check WEBHOOK_BASE_URL"
    else:
        text = f"webhook: refused with {status}: {masked(message)}; check WEBHOOK_BASE_URL"
    raise PermanentError(text)


def asked_wait_s(answer: Answer) -> float | None:
    """Read ``Retry-After``: seconds, or a date, which is measured against the answer's own."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max(
            0.0, (until - parsedate_to_datetime(answer.headers.get("Date", ""))).total_seconds()
        )
    except (ValueError, TypeError, OverflowError):
        return None


def pace_of(
    requests_per_second: float, clockwork: Clockwork, *, at_once: int, file: Path | None
) -> Pace:
    """Set up the pace that a store asks for; the processes of this installation share ``file``."""
    most = max(1, int(requests_per_second))
    return Pace(
        {LANE: Ceiling(most, most / requests_per_second, is_fixed=True)},
        lane_of=lambda _path: LANE,
        told=lambda _headers: None,
        at_once=at_once,
        file=file,
        clockwork=clockwork,
    )
