"""Who uses the product, and how much: users, feature events, weekly usage per account.

Only customer accounts have users. Last uses of a premium feature lie either within 13 days of the
end or more than 15 days before it, so that nobody crosses a 14-day limit during the build day.
"""

from collections import defaultdict

from demo_company.source import Company, Row, draw, move_newest_to_end, pick

PREMIUM_FEATURES = ("approval_workflows", "audit_export", "spend_forecasting")
EVERYDAY_FEATURES = ("invoice_upload", "supplier_search")
WEEKS = 8
RECENT_WEEKS = 2


def product_users(company: Company) -> list[Row]:
    """List one row per product user, linked to the contact that signed up."""
    customers = set(company.customer_accounts)
    return [
        {
            "product_user_id": contact["contact_id"].replace("cnt_", "usr_"),
            "contact_id": contact["contact_id"],
            "account_id": contact["account_id"],
            "role": "admin" if draw("admin", contact["contact_id"]) < 0.6 else "member",  # noqa: PLR2004 -- a share of this demo, named by the line
        }
        for contact in company.contacts
        if contact["account_id"] in customers and draw("user", contact["contact_id"]) < 0.85  # noqa: PLR2004 -- as above
    ]


def product_events(company: Company) -> list[Row]:
    """List one row per use of a feature in the last 60 days."""
    uses: list[tuple[str, str, float]] = []
    for row in product_users(company):
        user = row["product_user_id"]
        uses += _everyday(user)
        if draw("premium", user) < 0.75:  # noqa: PLR2004 -- a share of this demo
            uses += _premium(user)
    rows = [
        {
            "event_id": f"evt_{number:06d}",
            "product_user_id": user,
            "feature": feature,
            "occurred_at": company.days_before_end(age),
        }
        for number, (user, feature, age) in enumerate(uses, start=1)
    ]
    return move_newest_to_end(rows, "occurred_at", company)


def product_usage(company: Company) -> list[Row]:
    """List one row per customer account and week: active users and events."""
    users: dict[str, int] = defaultdict(int)
    for row in product_users(company):
        users[row["account_id"]] += 1
    rows = []
    for account in company.customer_accounts:
        seats = 4 + 3 * users[account]
        trend = draw("trend", account)
        recent = 0.2 if trend < 0.12 else 0.6 if trend < 0.3 else 1.0  # noqa: PLR2004 -- shares of this demo
        for weeks_ago in range(WEEKS):
            level = recent if weeks_ago < RECENT_WEEKS else 1.0
            active = round(seats * level * (0.9 + 0.2 * draw("week", f"{account}/{weeks_ago}")))
            rows.append(
                {
                    "account_id": account,
                    "measured_at": company.days_before_end(7 * weeks_ago),
                    "active_users": str(active),
                    "events": str(active * (5 + int(10 * draw("intensity", account)))),
                },
            )
    return rows


def _everyday(user: str) -> list[tuple[str, str, float]]:
    count = 1 + int(draw("everyday", user) * 4)
    return [
        (user, pick("everyday", f"{user}/{n}", EVERYDAY_FEATURES), 60 * draw("day", f"{user}/{n}"))
        for n in range(count)
    ]


def _premium(user: str) -> list[tuple[str, str, float]]:
    feature = pick("feature", user, PREMIUM_FEATURES)
    is_recent = draw("recent", user) < 0.85  # noqa: PLR2004 -- a share of this demo
    last = 12.5 * draw("last", user) if is_recent else 15.5 + 10 * draw("last", user)
    step = 0.3 + draw("step", user)
    return [(user, feature, last + step * n) for n in range(1 + int(draw("uses", user) * 9))]
