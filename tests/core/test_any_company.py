"""Plan, gate and deliver on random companies: what holds whatever the data say."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from company import NOW, Company, audience_dict, contract_dict, make_contract
from desk import plan, received, send, sign
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    import pytest

keys = st.sampled_from([f"K{number}" for number in range(8)])
rows = st.lists(st.tuples(keys, st.sampled_from(["low", "high", None])), max_size=10)
matches = st.lists(st.tuples(keys, st.sampled_from([f"R{n}" for n in range(6)])), max_size=12)
names = st.lists(keys, max_size=4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows, matches, names, names, st.booleans())
def test_no_excluded_key_is_planned_equal_input_gives_an_equal_plan_and_twice_writes_once(
    tmp_path_factory: pytest.TempPathFactory,
    candidates: Any,
    identity: Any,
    first: Any,
    second: Any,
    audience: bool,
) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
        company = Company(Path(folder))
        fill(company, candidates, identity, first, second)
        body = audience_dict() if audience else contract_dict()
        contract = make_contract(body, definition=company.definition())
        one, two = plan(company, contract), plan(company, contract)
        assert one.plan == two.plan
        assert sum(one.measures["dispositions"].values()) == len(candidates)
        if two.decision == "pause" and all(r.signer for r in two.results if r.stops):
            sign(company, contract, two)
            send(company, contract)
        sent = received(company)
        assert len(sent) == len(set(sent))
        assert set(sent) <= allowed(candidates, identity, first, second)
        before = len(company.destination.received)
        plan(company, contract)
        with company.runtime() as runtime:
            newest = runtime.ledger.newest(contract.name)
        if newest and newest.decision != "pause":
            assert send(company, contract).rows == 0
        assert len(company.destination.received) == before


def fill(company: Company, candidates: Any, identity: Any, first: Any, second: Any) -> None:
    scored = (NOW - timedelta(hours=1)).replace(tzinfo=None)
    with company.changing() as connection:
        for key, band in candidates:
            connection.execute("insert into mart values (?, ?, ?)", [key, band, scored])
        for key, record in identity:
            row = [key, record, key, "billing_id", False]
            connection.execute("insert into identity values (?, ?, ?, ?, ?)", row)
        for table, listed in (("suppress_a", first), ("suppress_b", second)):
            for key in listed:
                connection.execute(f"insert into {table} values (?, 'why', null)", [key])


def allowed(candidates: Any, identity: Any, first: Any, second: Any) -> set[str]:
    """Name the keys that come once, match one record of their own, and are on no list."""
    records: dict[str, set[str]] = {}
    for key, record in identity:
        records.setdefault(key, set()).add(record)
    once = [key for key, _ in candidates if [k for k, _ in candidates].count(key) == 1]
    aimed = [next(iter(records[key])) for key, _ in candidates if len(records.get(key, set())) == 1]
    return {
        key
        for key in once
        if len(records.get(key, set())) == 1
        and aimed.count(next(iter(records[key]))) == 1
        and key not in {*first, *second}
    }
