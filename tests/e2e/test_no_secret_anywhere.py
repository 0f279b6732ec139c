"""No token, secret, e-mail address or field value is in any log, error, ledger or output.

Everything is given a name that occurs nowhere else; then the good paths and the bad ones are
walked with every logger at its most talkative, and all that came out is searched.
"""

from __future__ import annotations

import logging
import sqlite3
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from e2e_box import TEXT_FIELDS
from e2e_commands import Commands
from e2e_place import body, mapping

from activation_pipeline.errors import ActivationError
from activation_pipeline.evidence import Pause
from activation_pipeline.reconcile import reconcile
from activation_pipeline.sandbox import find_vendors, load_org

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Opening
    from e2e_place import Place

    from activation_pipeline.contract import Contract
    from activation_pipeline.sandbox import Org

SECRET = "Wombat-secret-5f1c"  # noqa: S105 - made up for this test
TOKEN = "Quagga-token-77aa"  # noqa: S105 - made up for this test
WRONG = "Okapi-wrong-credential"
SIGNER = "signer.okapi@example.org"
VALUE, LIVE, LONG = "Axolotl value", "Narwhal by hand", "Pangolin " * 9
HIDDEN = (SECRET, TOKEN, WRONG, "@example.org", "okapi", "Axolotl", "Narwhal", "Pangolin")
CREDENTIALS = ("SALESFORCE_CLIENT_SECRET", "HUBSPOT_TOKEN")
PICKLISTS = {"salesforce": "Sales_Follow_Up_Priority__c", "hubspot": "follow_up_priority"}
# The ledger's columns that say who spoke and why: a person wrote them there to be kept.
_SPOKEN = {("reviews", "by"), ("reviews", "reason"), ("pauses", "by"), ("pauses", "reason")}


@cache
def secret_org() -> Org:
    org = dict(load_org(find_vendors()))
    known = {
        "salesforce": {"client_id": "sandbox-client", "client_secret": SECRET},
        "hubspot": {"access_token": TOKEN},
    }
    for vendor, credentials in known.items():
        org[vendor] = org[vendor].model_copy(update={"credentials": credentials})
    return org


class _Everything(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(logging.Formatter("%(name)s %(message)s").format(record))


@contextmanager
def talkative() -> Iterator[list[str]]:
    """Let every logger say everything, and keep it."""
    handler, root = _Everything(), logging.getLogger()
    names = list(logging.Logger.manager.loggerDict)
    loggers = [logging.getLogger(name) for name in names]
    before = [(each, each.level, each.propagate, each.disabled) for each in (root, *loggers)]
    root.addHandler(handler)
    for each in (root, *loggers):
        each.setLevel(logging.DEBUG)
        each.propagate, each.disabled = True, False
    try:
        yield handler.said
    finally:
        root.removeHandler(handler)
        for each, level, propagate, disabled in before:
            each.setLevel(level)
            each.propagate, each.disabled = propagate, disabled


def leaks(text: str) -> list[str]:
    return [hidden for hidden in HIDDEN if hidden.lower() in text.lower()]


def ledger_text(place: Place) -> str:
    """Join every text of the ledger but who spoke and why."""
    found = []
    with sqlite3.connect(place.company.folder / "home" / "ledger.sqlite") as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'")
        for (table,) in tables.fetchall():
            rows = connection.execute("select * from " + table)
            names = [each[0] for each in rows.description]
            found += [
                f"{table}.{name}: {value}"
                for row in rows
                for name, value in zip(names, row, strict=True)
                if (table, name) not in _SPOKEN
            ]
    connection.close()
    assert any(line.startswith("record_outcomes.message") for line in found)
    return "\n".join(found)


def attempt(place: Place, contract: Contract, *, plans: bool = True) -> list[str]:
    """Plan and deliver; give the errors' whole traces as text."""
    try:
        if plans:
            place.plan(contract, by=SIGNER)
        place.send(contract)
    except ActivationError as error:
        return ["".join(traceback.format_exception(error))]
    return []


def on_text(place: Place, vendor: str, name: str) -> Contract:
    mapped = mapping(vendor, fields={TEXT_FIELDS[vendor]: {"from": "band", "on_edit": "keep"}})
    return place.contract(body(vendor, mapped, name=name))


def on_picklist(place: Place, vendor: str, name: str) -> Contract:
    """A contract whose values the vendor refuses, and quotes in its refusal."""
    mapped = mapping(vendor, fields={PICKLISTS[vendor]: {"from": "band", "on_edit": "overwrite"}})
    return place.contract(body(vendor, mapped, name=name))


def walk(place: Place, vendor: str) -> list[str]:
    """Walk the good way and every bad one; give the text of what was raised and reported."""
    place.add(vendor, [1, 2, 3], band=VALUE)
    place.add(vendor, [4], band=LONG)
    place.box.edit(vendor, 1, TEXT_FIELDS[vendor], LIVE)
    text, picklist = on_text(place, vendor, "on_text"), on_picklist(place, vendor, "on_picklist")
    raised = attempt(place, text)
    raised += attempt(place, picklist)
    with place.runtime() as runtime:
        found = reconcile(text, vendor, runtime, clock=place.clock)
        raised.append(repr(found))
        paused = Pause(text.name, None, SIGNER, "a look", place.clock(), None)
        runtime.ledger.pause(paused)
        raised.append(repr(runtime.client(text, vendor)))
    refused = attempt(place, text, plans=False)
    assert "paused since" in refused[0]

    place.overrides = dict.fromkeys(CREDENTIALS, WRONG)
    wrong = attempt(place, on_text(place, vendor, "wrong_credentials"))
    place.overrides = {}
    cut = on_text(place, vendor, "cut_off")
    place.plan(cut, by=SIGNER)
    place.box.fault(vendor, "cut_after", path_regex="sobjects|/batch/", times=9)
    raised += attempt(place, cut, plans=False)
    place.box.own("DELETE", "faults")

    place.sql("alter table mart alter scored_at type varchar")
    place.sql("update mart set scored_at = ?", f"Axolotl of {SIGNER}")
    broken = attempt(place, on_text(place, vendor, "broken_column"))
    assert "WarehouseError" in broken[0]
    assert wrong
    return [*raised, *refused, *wrong, *broken]


def test_no_log_error_or_ledger_text_has_a_secret_an_address_or_a_value(
    opening: Opening, vendor: str
) -> None:
    keys = {vendor: {n: f"K{n}" for n in range(1, 5)}}
    box = {"token": TOKEN, "secret": SECRET}
    with opening(keys, org=secret_org(), box=box) as place, talkative() as said:
        raised = walk(place, vendor)
        assert any("urllib3" in line for line in said)
        assert [line for line in said if leaks(line)] == []
        assert [text for text in raised if leaks(text)] == []
        assert leaks(ledger_text(place)) == []


@pytest.mark.parametrize("vendor", ["salesforce"], indirect=True)
def test_no_command_prints_a_secret_an_address_or_a_value(opening: Opening, vendor: str) -> None:
    keys = {vendor: {n: f"K{n}" for n in range(1, 5)}}
    box = {"token": TOKEN, "secret": SECRET}
    now = datetime.now(UTC)
    with opening(keys, org=secret_org(), box=box, now=now) as place:
        place.add(vendor, [1, 2], band=VALUE)
        place.add(vendor, [3], band="hot")
        commands = Commands(place, by=SIGNER)
        mapped: dict[str, Any] = on_picklist(place, vendor, "any").model_dump(by_alias=True)
        given = body(vendor, mapping(vendor, fields=mapped["destinations"][vendor]["fields"]))
        contract = commands.write_contract(given)
        place.plan(contract, by=SIGNER)
        runs = [commands.run("sync", contract.name, "--json")]
        runs += [commands.run("status", contract.name, "--json")]
        place.overrides = dict.fromkeys(CREDENTIALS, WRONG)
        runs += [commands.run("plan", contract.name, "--json")]
        place.overrides = {}
        place.wait(timedelta(0))
        place.sql("alter table mart alter scored_at type varchar")
        place.sql("update mart set scored_at = ?", f"Axolotl of {SIGNER}")
        runs += [commands.run("plan", contract.name)]
        assert [code for code, _, _ in runs] == [4, 0, 5, 1]
        assert [leaks(out + err) for _, out, err in runs] == [[]] * len(runs)
