"""The leadforge tables, and choices that are the same on every machine.

A choice is a hash of a purpose and a key, so adding one never moves another. Times are counted
back from the end of the story: the newest day that leadforge recorded.
"""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

Row = dict[str, str]


@dataclass(frozen=True)
class Company:
    """The leadforge tables that are needed, and the midnight at which their story ends."""

    accounts: list[Row]
    contacts: list[Row]
    customers: list[Row]
    leads: list[Row]
    opportunities: list[Row]
    plans: dict[str, str]
    end: datetime

    @property
    def customer_accounts(self) -> list[str]:
        """Name the accounts with at least one customer record, sorted."""
        return sorted({row["account_id"] for row in self.customers})

    @property
    def prospects(self) -> list[str]:
        """Name the accounts that never bought, in file order."""
        customers = set(self.customer_accounts)
        return [row["account_id"] for row in self.accounts if row["account_id"] not in customers]

    def days_before_end(self, days: float) -> str:
        """Tell the moment that many days before the end, to the second, as ISO text."""
        return (self.end - timedelta(seconds=round(days * 86_400))).isoformat()


def draw(purpose: str, key: str) -> float:
    """Draw a number in [0, 1) that depends on the purpose and the key only."""
    return int(hashlib.sha256(f"{purpose}|{key}".encode()).hexdigest()[:12], 16) / 16**12


def pick(purpose: str, key: str, options: tuple[str, ...]) -> str:
    """Pick one option, each as likely as the others."""
    return options[int(draw(purpose, key) * len(options))]


def choose(purpose: str, keys: Iterable[str], share: float) -> list[str]:
    """Choose a share of the keys, at least one: those with the lowest draws, lowest first."""
    ranked = sorted(keys, key=lambda key: (draw(purpose, key), key))
    return ranked[: max(1, round(share * len(ranked)))]


def load_company(folder: Path) -> Company:
    """Read the company from a folder of leadforge CSV files."""
    customers, opportunities = _read(folder, "customers"), _read(folder, "opportunities")
    newest = max(
        *(row["session_timestamp"] for row in _read(folder, "sessions")),
        *(row["closed_at"] for row in opportunities),
        *(row["customer_start_at"] for row in customers),
    )
    return Company(
        accounts=_read(folder, "accounts"),
        contacts=_read(folder, "contacts"),
        customers=customers,
        leads=_read(folder, "leads"),
        opportunities=opportunities,
        plans={row["customer_id"]: row["plan_name"] for row in _read(folder, "subscriptions")},
        end=datetime.fromisoformat(newest[:10]),
    )


def move_newest_to_end(rows: list[Row], column: str, company: Company) -> list[Row]:
    """Stamp the newest row with the end of the story: each feed was loaded at that midnight."""
    max(rows, key=lambda row: row[column])[column] = company.end.isoformat()
    return rows


def _read(folder: Path, table: str) -> list[Row]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
