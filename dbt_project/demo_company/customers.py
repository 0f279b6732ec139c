"""What billing, support, customer success and legal know of the accounts.

Money, renewals, cancellations, tickets and flags: one table per system that would hold it. Who the
people are, and what they do in the product, is elsewhere.
"""

from collections import defaultdict
from datetime import date

from demo_company.source import Company, Row, choose, draw, move_newest_to_end, pick

PLAN_PRICES = {"starter": 9_000, "growth": 24_000, "enterprise": 72_000}
TERM_MONTHS = ("3", "6", "12", "12")
SEVERITIES = ("sev1", "sev2", "sev2", "sev3", "sev3", "sev3", "sev4", "sev4")


def billing_ids(company: Company) -> dict[str, str]:
    """Map each customer record to its billing customer: one per account, but for one account.

    The split account is invoiced under one id and has a second one that Salesforce never heard of.
    """
    records: dict[str, list[str]] = defaultdict(list)
    for row in company.customers:
        records[row["account_id"]].append(row["customer_id"])
    split = choose("split billing", [a for a, c in records.items() if len(c) > 1], 0)[0]
    ids = {}
    for account, customers in records.items():
        for position, customer in enumerate(sorted(customers)):
            suffix = "-2" if account == split and position else ""
            ids[customer] = f"BC-{account.removeprefix('acct_')}{suffix}"
    return ids


def billing(company: Company) -> list[Row]:
    """List one row per customer record: contract value, status, renewal, cancellation."""
    ids = billing_ids(company)
    split = {bill for bill in ids.values() if f"{bill}-2" in ids.values() or bill.endswith("-2")}
    whole = sorted(set(ids.values()) - split)
    churned = choose("churned", whole, 0.05)
    past_due = choose("past due", set(whole) - set(churned), 0.1)
    cancelling = choose("cancelling", set(whole) - set(churned) - set(past_due), 0.04)
    by_start = sorted(company.customers, key=lambda row: row["customer_start_at"])
    newest = {ids[row["customer_id"]]: row["customer_id"] for row in by_start}
    rows = []
    for row in company.customers:
        customer = row["customer_id"]
        bill = ids[customer]
        status = "churned" if bill in churned else "past_due" if bill in past_due else "active"
        replaced = newest[bill] != customer and draw("replaced", customer) < 1 / 2
        rows.append(
            {
                "customer_id": customer,
                "billing_customer_id": bill,
                "invoice_to_billing_customer_id": bill.removesuffix("-2"),
                "billing_status": "replaced" if replaced else status,
                "arr": _arr(company, customer),
                "renewal_date": _renewal_date(row),
                "churned_at": _since(company, "churn", bill) if status == "churned" else "",
                "updated_at": company.days_before_end(40 * draw("billing row", customer)),
                **_cancellation(company, bill, cancels=bill in cancelling),
            },
        )
    return move_newest_to_end(rows, "updated_at", company)


def renewals(company: Company) -> list[Row]:
    """List one row per customer record whose renewal is being talked about, or was."""
    ids = [row["customer_id"] for row in company.customers]
    talking = choose("negotiation", ids, 0.07)
    signed = choose("signed", set(ids) - set(talking), 0.05)
    return [
        {
            "customer_id": customer,
            "stage": "negotiation" if customer in talking else "signed",
            "opened_at": _since(company, "renewal", customer),
        }
        for customer in sorted([*talking, *signed])
    ]


def support_tickets(company: Company) -> list[Row]:
    """List one row per ticket of the last 60 days; a few are escalated, one is not yet triaged."""
    escalated = choose("escalated", company.customer_accounts, 0.03)
    untriaged = choose("untriaged", set(company.customer_accounts) - set(escalated), 0)
    rows: list[Row] = []
    for account in company.customer_accounts:
        count = int(draw("tickets", account) * 4)
        for number in range(max(count, 1 if account in {*escalated, *untriaged} else 0)):
            key = f"{account}/{number}"
            special = number == 0 and account in {*escalated, *untriaged}
            age = 60 * draw("ticket age", key)
            severity = pick("severity", key, SEVERITIES)
            if special:
                severity = "sev1" if account in escalated else ""
            rows.append(
                {
                    "ticket_id": f"tkt_{len(rows) + 1:06d}",
                    "account_id": account,
                    "severity": severity,
                    "status": "open" if special or draw("open", key) < 1 / 4 else "closed",
                    "is_escalated": str(special and account in escalated).lower(),
                    "opened_at": company.days_before_end(age),
                    "updated_at": company.days_before_end(age * draw("ticket updated", key)),
                },
            )
    return move_newest_to_end(rows, "updated_at", company)


def account_flags(company: Company) -> list[Row]:
    """List one row per account and flag: test account, strategic account, legal hold."""
    customers, prospects = company.customer_accounts, company.prospects
    tests = [*choose("test account", customers, 0.015), *choose("test account", prospects, 0.02)]
    flags = [("test_account", account, "revops") for account in tests]
    flags += [
        ("strategic", account, pick("strategic owner", account, ("sales", "customer_success")))
        for account in choose("strategic", set(customers) - set(tests), 0.07)
    ]
    flags += [("legal_hold", account, "legal") for account in choose("legal hold", customers, 0.03)]
    return [
        {
            "account_id": account,
            "flag": flag,
            "owned_by": owned_by,
            "since": company.days_before_end(20 + 200 * draw(flag, account)),
        }
        for flag, account, owned_by in sorted(flags)
    ]


def _arr(company: Company, customer: str) -> str:
    price = PLAN_PRICES[company.plans[customer]]
    return str(round(price * (0.7 + 0.6 * draw("arr", customer)) / 100) * 100)


def _renewal_date(row: Row) -> str:
    start = date.fromisoformat(row["customer_start_at"][:10])
    index = start.month - 1 + int(pick("term", row["customer_id"], TERM_MONTHS))
    # The 28th is the last day that every month has.
    return date(start.year + index // 12, index % 12 + 1, min(start.day, 28)).isoformat()


def _cancellation(company: Company, bill: str, *, cancels: bool) -> Row:
    if not cancels:
        return {"cancellation_requested_at": "", "cancellation_owned_by": ""}
    owner = pick("cancellation owner", bill, ("cs_leadership", "cs_leadership", "csm"))
    return {
        "cancellation_requested_at": _since(company, "cancellation", bill),
        "cancellation_owned_by": owner,
    }


def _since(company: Company, purpose: str, key: str) -> str:
    return company.days_before_end(1 + 25 * draw(f"{purpose} since", key))
