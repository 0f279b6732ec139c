"""The CRM exports: what Salesforce, HubSpot and Braze held before anything was activated.

Column names are the destinations' own API names, so a stand-in can load the files as they are.
Salesforce's billing id is an external id that was not marked unique, hence one duplicate.
"""

from demo_company.customers import billing_ids
from demo_company.people import contact_emails
from demo_company.product import product_users
from demo_company.source import Company, Row, choose, draw, move_newest_to_end, pick

SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
FIRST_CONTACT_ID = 51_000_000_001
OWNER_COUNT = 10
COUNTRIES = {"US": "US", "UK": "GB"}


def owners() -> list[Row]:
    """List one row per CRM owner; one of them has left the company."""
    return [
        {
            "owner_id": _with_suffix(f"0055g{number:010d}"),
            "role": "account_executive" if number % 2 else "customer_success_manager",
            "is_active": str(number != OWNER_COUNT).lower(),
        }
        for number in range(1, OWNER_COUNT + 1)
    ]


def salesforce_accounts(company: Company) -> list[Row]:
    """List one row per Salesforce account: a few prospects missing, one customer twice."""
    bills = {
        row["account_id"]: billing_ids(company)[row["customer_id"]].removesuffix("-2")
        for row in company.customers
    }
    missing = choose("no salesforce", company.prospects, 0.01)
    split = {b.removesuffix("-2") for b in billing_ids(company).values() if b.endswith("-2")}
    doubled = choose("doubled", [a for a, bill in bills.items() if bill not in split], 0)[0]
    owner_ids = tuple(row["owner_id"] for row in owners())
    present = [row for row in company.accounts if row["account_id"] not in missing]
    copies = [row for row in company.accounts if row["account_id"] == doubled]
    rows = []
    for number, row in enumerate([*present, *copies], start=1):
        account = row["account_id"]
        is_copy = number > len(present)
        rows.append(
            {
                "Id": _with_suffix(f"0015g{number:010d}"),
                "Name": row["company_name"] + (" (EMEA)" if is_copy else ""),
                "Type": "Customer" if account in bills else "Prospect",
                "Industry": row["industry"],
                "Billing_Customer_ID__c": bills.get(account, ""),
                "Warehouse_Account_ID__c": "" if is_copy else account,
                "OwnerId": pick("owner", account, owner_ids),
                "IsDeleted": "false",
                "SystemModstamp": company.days_before_end(
                    200 * draw("sf row", f"{account}{is_copy}")
                ),
            },
        )
    return move_newest_to_end(rows, "SystemModstamp", company)


def salesforce_opportunities(company: Company) -> list[Row]:
    """List one row per open Salesforce opportunity at a customer: a few missing, a few cloned."""
    account_of = {row["lead_id"]: row["account_id"] for row in company.leads}
    customers = set(company.customer_accounts)
    accounts = {row["Warehouse_Account_ID__c"]: row["Id"] for row in salesforce_accounts(company)}
    expansions = {
        row["opportunity_id"]: row
        for row in company.opportunities
        if not row["close_outcome"] and account_of[row["lead_id"]] in customers
    }
    missing = choose("no opportunity", expansions, 0.01)
    present = [key for key in expansions if key not in missing]
    cloned = choose("cloned", present, 0.01)
    rows = []
    for number, key in enumerate([*present, *cloned], start=1):
        row, is_clone = expansions[key], number > len(present)
        rows.append(
            {
                "Id": _with_suffix(f"0065g{number:010d}"),
                "AccountId": accounts[account_of[row["lead_id"]]],
                "StageName": row["stage"],
                "Warehouse_Opportunity_ID__c": key,
                "IsDeleted": "false",
                "SystemModstamp": company.days_before_end(
                    30 * draw("opportunity row", f"{key}{is_clone}")
                ),
            },
        )
    return move_newest_to_end(rows, "SystemModstamp", company)


def hubspot_contacts(company: Company) -> list[Row]:
    """List one row per HubSpot contact: a few missing, a few product users with two records."""
    emails = {row["contact_id"]: row["email"] for row in contact_emails(company)}
    users = {row["contact_id"]: row["product_user_id"] for row in product_users(company)}
    customers = set(company.customer_accounts)
    prospects = {r["contact_id"] for r in company.contacts if r["account_id"] not in customers}
    missing = [
        *choose("no hubspot", prospects, 0.015),
        *choose("no hubspot", set(emails) - prospects, 0.012),
    ]
    doubled = choose("two contacts", set(users) - set(missing), 0.004)
    fans = set(choose("evangelist", users, 0.03))
    present = [row for row in company.contacts if row["contact_id"] not in missing]
    copies = [row for row in company.contacts if row["contact_id"] in doubled]
    rows = []
    for number, row in enumerate([*present, *copies]):
        contact = row["contact_id"]
        is_copy = number >= len(present)
        rows.append(
            {
                "hs_object_id": str(FIRST_CONTACT_ID + number),
                "email": f"{contact}@old.example.net" if is_copy else emails[contact],
                "warehouse_contact_id": "" if is_copy else contact,
                "product_user_id": users.get(contact, ""),
                "jobtitle": row["job_title"],
                "company": f"Company {row['account_id']}",
                "lifecyclestage": "lead"
                if contact in prospects
                else "evangelist"
                if contact in fans
                else "customer",
                "lastmodifieddate": company.days_before_end(
                    200 * draw("hs row", f"{contact}{is_copy}")
                ),
            },
        )
    return move_newest_to_end(rows, "lastmodifieddate", company)


def braze_users(company: Company) -> list[Row]:
    """List one row per Braze user: product users, but for a few who never opened the app."""
    emails = {row["contact_id"]: row["email"] for row in contact_emails(company)}
    regions = {row["account_id"]: row["region"] for row in company.accounts}
    users = product_users(company)
    missing = choose("no braze", [row["product_user_id"] for row in users], 0.006)
    return [
        {
            "external_id": row["product_user_id"],
            "email": emails[row["contact_id"]],
            "country": COUNTRIES[regions[row["account_id"]]],
        }
        for row in users
        if row["product_user_id"] not in missing
    ]


def _with_suffix(short_id: str) -> str:
    """Append the letters that keep a 15-character Salesforce id unique when case is lost."""
    chunks = (short_id[0:5], short_id[5:10], short_id[10:15])
    return short_id + "".join(
        SUFFIX_ALPHABET[sum(1 << place for place, letter in enumerate(chunk) if letter.isupper())]
        for chunk in chunks
    )
