"""How many requests a Salesforce organisation may still make today, by its own word.

The limits resource and the header that comes with every answer say the same thing at different
moments; all integrations of the organisation count together. Nothing is kept here.

Source: "Limits" and "Limit Info Header", REST guide, read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activation_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from activation_pipeline.destinations._salesforce_session import SalesforceSession


def left_today(session: SalesforceSession) -> tuple[int | None, int | None]:
    """Tell how many requests are left of how many a rolling day has; None where nobody says.

    Raises:
        RetryableError: no trustworthy answer now.
        PermanentError: neither the limits nor the header are there for our user.
    """
    told: list[tuple[int, int]] = []
    try:
        told += _limits(session.call("GET", "/limits").parsed())
    except PermanentError:
        if "api-usage" not in session.usage:
            raise
    if "api-usage" in session.usage:
        used, allowed = session.usage["api-usage"]
        told.append((max(0, allowed - used), allowed))
    # Whichever is older has seen fewer requests.
    return min(told) if told else (None, None)


def _limits(body: Any) -> list[tuple[int, int]]:
    daily = body.get("DailyApiRequests") if isinstance(body, dict) else None
    if not isinstance(daily, dict):
        return []
    left, allowed = daily.get("Remaining"), daily.get("Max")
    return [(left, allowed)] if isinstance(left, int) and isinstance(allowed, int) else []
