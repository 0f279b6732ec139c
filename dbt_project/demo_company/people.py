"""The contacts' addresses and what they agreed to.

Addresses are on reserved domains, except the few that must be on a listed free or disposable
domain; the local part is then the contact's id, which nobody would choose. No one has a name.
"""

from demo_company.source import Company, Row, choose, draw, move_newest_to_end, pick

ROLE_PREFIXES = ("accounting", "ap", "finance", "invoices", "it", "office", "procurement")
DISPOSABLE_DOMAINS = ("mailinator.com", "0-mail.com")
FREE_DOMAIN = "test.com"


def contact_emails(company: Company) -> list[Row]:
    """List one row per contact; role addresses and throw-away domains are among them."""
    ids = [row["contact_id"] for row in company.contacts]
    role_based = set(choose("role address", ids, 0.04))
    disposable = set(choose("disposable", set(ids) - role_based, 0.025))
    personal = {r["contact_id"] for r in company.contacts if r["email_domain_type"] == "personal"}
    free = set(choose("free", personal - role_based - disposable, 0.05))
    taken: set[str] = set()
    rows = []
    for row in company.contacts:
        contact = row["contact_id"]
        domain = f"{row['account_id'].replace('_', '-')}.example.com"
        email = f"{contact}@{domain}"
        if contact in role_based:
            email = next(
                address
                for prefix in (pick("prefix", contact, ROLE_PREFIXES), *ROLE_PREFIXES)
                if (address := f"{prefix}@{domain}") not in taken
            )
        elif contact in disposable:
            email = f"{contact}@{pick('disposable', contact, DISPOSABLE_DOMAINS)}"
        elif contact in free:
            email = f"{contact}@{FREE_DOMAIN}"
        elif contact in personal:
            email = f"{contact}@personal.example.org"
        taken.add(email)
        rows.append({"contact_id": contact, "email": email})
    return rows


def consent(company: Company) -> list[Row]:
    """List one row per contact: e-mail status and the lawful basis on record."""
    ids = [row["contact_id"] for row in company.contacts]
    unsubscribed = set(choose("unsubscribed", ids, 0.08))
    no_basis = set(choose("no basis", ids, 0.06))
    rows = [
        {
            "contact_id": contact,
            "email_status": "unsubscribed" if contact in unsubscribed else "subscribed",
            "lawful_basis": ""
            if contact in no_basis
            else pick("basis", contact, ("consent", "contract", "legitimate_interest")),
            "updated_at": company.days_before_end(300 * draw("consent", contact)),
        }
        for contact in ids
    ]
    return move_newest_to_end(rows, "updated_at", company)
