"""Derive what the bundled company lacks: e-mail, consent, CRM ids, tickets, product use, renewals.

Reads a folder of leadforge CSV files and writes ``derived/`` and ``crm/`` below another folder; the
same company gives the same bytes on any machine. The mess it makes on purpose is listed in
``README.md`` beside this file.

Run: ``python derive_demo_data.py seeds/leadforge seeds``
"""

import csv
import sys
from pathlib import Path

from demo_company import crm, customers, people, product
from demo_company.source import Company, Row, load_company


def derive(company: Company) -> dict[str, list[Row]]:
    """Derive every table, by its path below the output folder."""
    return {
        "derived/billing.csv": customers.billing(company),
        "derived/renewals.csv": customers.renewals(company),
        "derived/support_tickets.csv": customers.support_tickets(company),
        "derived/account_flags.csv": customers.account_flags(company),
        "derived/contact_emails.csv": people.contact_emails(company),
        "derived/consent.csv": people.consent(company),
        "derived/product_users.csv": product.product_users(company),
        "derived/product_events.csv": product.product_events(company),
        "derived/product_usage.csv": product.product_usage(company),
        "derived/owners.csv": crm.owners(),
        "crm/salesforce_account.csv": crm.salesforce_accounts(company),
        "crm/salesforce_opportunity.csv": crm.salesforce_opportunities(company),
        "crm/hubspot_contact.csv": crm.hubspot_contacts(company),
        "crm/braze_user.csv": crm.braze_users(company),
    }


def main(leadforge: Path, output: Path) -> None:
    """Write the derived tables below the output folder, replacing those that are there."""
    for path, rows in derive(load_company(leadforge)).items():
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        with (output / path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:  # noqa: PLR2004 -- the program, the leadforge folder, the output folder
        sys.exit("derive_demo_data.py: expects two folders: leadforge CSV files, output")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
