"""What was delivered to one account is neither added to nor undone in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from company import contract_dict, make_contract
from desk import build, go, plan, received, result, send, sign, stock
from undoing_company import bands, undo

from activation_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from company import Company

PRODUCTION = "acme.my.salesforce.com"
TOLD = f"what this ledger knows was delivered to memory, and this is {PRODUCTION}"


def test_another_account_is_no_place_for_the_rest_of_what_a_first_one_got(
    company: Company,
) -> None:
    """Else production would get only what changed since the last test in the sandbox."""
    stock(company, "ABC")
    go(company, build(company))
    stock(company, "D")
    company.destination.identity = PRODUCTION
    contract = make_contract(
        contract_dict(), definition=company.definition(), accounts={"crm": PRODUCTION}
    )
    found = plan(company, contract)
    assert result(found, "approved").passed
    assert f"crm: {TOLD}; use an ACTIVATION_HOME" in result(found, "destination_ready").message
    sign(company, contract, found)
    with pytest.raises(RefusedError, match="destination_ready"):
        send(company, contract)
    assert received(company) == ["A", "B", "C"]


def test_an_undo_touches_nothing_in_another_account(company: Company) -> None:
    stock(company, "AB")
    contract = build(company)
    go(company, contract)
    company.destination.identity = PRODUCTION
    with pytest.raises(RefusedError, match=TOLD):
        undo(company, contract)
    assert bands(company) == {"A": "low", "B": "low"}
    company.destination.identity = "memory"
    undo(company, contract)
    assert bands(company) == {"A": None, "B": None}


def test_an_undo_in_between_does_not_make_the_account_forgotten(company: Company) -> None:
    stock(company, "AB")
    contract = build(company)
    go(company, contract)
    undo(company, contract)
    with company.runtime() as runtime:
        assert runtime.ledger.account(contract.name, "crm") == "memory"
        assert runtime.ledger.account(contract.name, "mail") is None
