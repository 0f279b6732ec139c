"""What tests of expiry do with a tiny company: let time pass, ask what is over, end it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from company import contract_dict
from desk import build, go, plan, send, stock
from undoing_company import EVERY_CHANGE, held

from activation_pipeline.expire import expire
from activation_pipeline.expiry.due import due

if TYPE_CHECKING:
    from collections.abc import Iterable

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.expire.report import Expired
    from activation_pipeline.expiry.due import Due

LIMIT = timedelta(days=7)
SECOND = timedelta(seconds=1)
# ``stock`` scores an hour before the company's now.
SCORED = timedelta(hours=1)


def delivered(company: Company, keys: Iterable[str] = "ABCDE", **sections: Any) -> Contract:
    """Deliver the band ``low`` for these keys, by events of an hour ago."""
    stock(company, keys)
    contract = build(company, **{"gates": EVERY_CHANGE, **sections})
    go(company, contract)
    company.destination.received.clear()
    return contract


def expiring(word: str, **changes: Any) -> dict[str, Any]:
    """The freshness section with another word for the band's end."""
    return contract_dict()["freshness"] | {"on_expiry": {"Band__c": word}} | changes


def wait(company: Company, duration: timedelta) -> None:
    """Let time pass; the source is not refreshed."""
    company.now += duration


def age(company: Company, beyond: timedelta) -> None:
    """Move the clock to the limit of what was delivered first, and so much further."""
    company.now += LIMIT - SCORED + beyond


def score(company: Company, *keys: str, band: str | None = "low") -> None:
    """Score keys anew, an hour ago."""
    scored = (company.now - SCORED).replace(tzinfo=None).isoformat(sep=" ")
    value = f"'{band}'" if band is not None else "null"
    for key in keys:
        company.sql(
            f"update mart set scored_at = timestamp '{scored}', band = {value} where id = '{key}'"
        )


def refresh(company: Company, contract: Contract, *keys: str, band: str | None = "low") -> None:
    """Score keys anew, plan and deliver."""
    score(company, *keys, band=band)
    go(company, contract)


def end(company: Company, contract: Contract, **options: Any) -> Expired:
    with company.runtime() as runtime:
        return expire(contract, "crm", runtime, clock=lambda: company.now, **options)


def overdue(company: Company, contract: Contract) -> Due:
    with company.runtime() as runtime:
        return due(contract, "crm", runtime, now=company.now)


__all__ = ["age", "delivered", "end", "expiring", "go", "held", "overdue", "plan", "refresh",
           "score", "send", "wait"]  # fmt: skip
