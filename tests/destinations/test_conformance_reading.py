"""How every destination is set up, checked and read back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from activation_pipeline import destinations
from activation_pipeline.destinations import Address
from activation_pipeline.errors import ConfigurationError, PermanentError, RetryableError

SECRETS = ("sandbox-token", "sandbox-secret", "sandbox-api-key")
WRONG = "another-secret-that-is-long-enough-to-be-taken"


def test_every_kind_is_in_the_suite(case: Any) -> None:
    assert case.kind in destinations.kinds()
    assert set(destinations.kinds()) == {"salesforce", "hubspot", "braze", "webhook"}


def test_wrong_credentials_are_permanent(case: Any, environment: dict[str, str]) -> None:
    secrets = ("HUBSPOT_TOKEN", "SALESFORCE_CLIENT_SECRET", "BRAZE_API_KEY")
    wrong = {**environment, **dict.fromkeys(secrets, "no"), "WEBHOOK_SECRET": WRONG}
    client = destinations.connect(case.kind, wrong)
    with pytest.raises(PermanentError) as error:
        client.send(case.target, [case.record(0, {case.band: "hot"})])
    client.close()
    assert not any(secret in str(error.value) for secret in SECRETS)


def test_no_answer_at_all_is_worth_another_try_later(
    case: Any, environment: dict[str, str]
) -> None:
    dead = {
        name: value.replace(case.box.url, "http://127.0.0.1:9")
        for name, value in environment.items()
    }
    module = __import__(f"activation_pipeline.destinations.{case.kind}", fromlist=["connect"])
    from activation_pipeline.destinations._http import Clockwork  # noqa: PLC0415 - beside its use

    client = module.connect(dead, clockwork=Clockwork(case.waits.sleep, case.waits.clock))
    with pytest.raises(RetryableError):
        client.send(case.target, [case.record(0, {case.band: "hot"})])
    client.close()


def test_the_mapping_fits(case: Any) -> None:
    assert case.client.check(case.target) == ()
    assert case.client.limits(case.target)[case.text] == case.longest


def test_every_misfit_is_told_at_once(case: Any) -> None:
    mapped = next(iter(case.target.fields.values()))
    cold = mapped.model_copy(update={"allowed": ("hot", case.misfit)})
    fields = {case.band: cold, "no_such_field": mapped, case.target.key: mapped}
    faults = case.client.check(dataclasses.replace(case.target, fields=fields))
    assert {one.path for one in faults} == {
        f"fields.{case.band}.allowed",
        "fields.no_such_field",
        f"fields.{case.target.key}",
    }


@pytest.mark.parametrize("kind", ["field_read_only", "field_deleted"])
def test_what_an_admin_changed_since_is_seen(case: Any, kind: str) -> None:
    assert case.client.check(case.target) == ()
    case.box.fault(case.kind, kind, object=case.target.object, field=case.text)
    assert [one.path for one in case.client.check(case.target)] == [f"fields.{case.text}"]


@pytest.mark.parametrize("case", ["salesforce", "hubspot", "webhook"], indirect=True)
def test_a_removed_option_is_seen(case: Any) -> None:
    case.box.fault(
        case.kind, "picklist_value_removed", object=case.target.object, field=case.band, value="hot"
    )
    (found,) = case.client.check(case.target)
    assert found.path == f"fields.{case.band}.allowed"
    assert "hot" in found.message


@pytest.mark.parametrize("case", ["salesforce", "hubspot", "webhook"], indirect=True)
def test_a_persons_edit_is_told_with_its_time_and_ours_is_not(case: Any) -> None:
    case.client.send(case.target, [case.record(0, {case.band: "hot", case.text: "x"})])
    assert case.live(0)[0].edited_at.get(case.band) is None or case.kind == "hubspot"
    before = case.live(0)[0].edited_at.get(case.band)
    case.box.edit(case.kind, case.target.object, case.ids[0], case.band, "nurture")
    (found,) = case.live(0)
    assert found.values[case.band] == "nurture"
    assert found.edited_at[case.band].tzinfo is not None
    assert before is None or found.edited_at[case.band] > before


def test_reading_answers_every_address_in_order(case: Any) -> None:
    addresses = [
        Address("by-id", case.ids[2], ""),
        Address("nobody", "", "NOBODY"),
        Address("hostile", "", "x' OR Name != '"),
        Address("both", case.ids[1], case.keys[1]),
        Address("by-key", "", case.keys[0]),
        Address("empty", "", ""),
    ]
    found = case.client.read(case.target, addresses, [case.band])
    assert [one.key for one in found] == [one.key for one in addresses]
    assert [one.ids for one in found] == [
        (case.ids[2],),
        (),
        (),
        (case.ids[1],),
        (case.ids[0],),
        (),
    ]


@pytest.mark.parametrize("case", ["salesforce", "hubspot", "braze"], indirect=True)
def test_an_address_that_finds_two_records_is_ambiguous(case: Any) -> None:
    (found,) = case.client.read(
        case.target, [Address("moved", case.ids[0], case.keys[1])], [case.band]
    )
    assert found.ids == tuple(sorted((case.ids[0], case.ids[1])))
    assert found.values == {}


def test_many_addresses_are_read_in_pages(case: Any) -> None:
    addresses = [Address(str(at), "", f"NOBODY-{at}") for at in range(230)]
    addresses[229] = Address("last", case.ids[0], case.keys[0])
    found = case.client.read(case.target, addresses, [case.band])
    assert len(found) == 230
    assert found[229].ids == (case.ids[0],)


def test_a_field_that_is_not_there_cannot_be_read(case: Any) -> None:
    with pytest.raises(PermanentError, match="no_such_field"):
        case.client.read(case.target, [Address("k0", case.ids[0], "")], ["no_such_field"])


@pytest.mark.parametrize(
    "missing", ["BASE_URL", "TOKEN", "CLIENT_ID", "CLIENT_SECRET", "API_KEY", "SECRET"]
)
def test_a_missing_setting_is_named(case: Any, environment: dict[str, str], missing: str) -> None:
    names = [name for name in environment if name == f"{case.kind.upper()}_{missing}"]
    for name in names:
        rest = {key: value for key, value in environment.items() if key != name}
        with pytest.raises(ConfigurationError, match=name):
            destinations.connect(case.kind, rest)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com",
        "https://user:pw@example.com",
        "ftp://example.com",
        "https://",
        "x",
        "http://127.0.0.1@example.com",
        "https://example.com/?a=b",
        "http://localhost.example.com",
    ],
)
def test_an_unsafe_address_is_refused(case: Any, environment: dict[str, str], address: str) -> None:
    name = f"{case.kind.upper()}_BASE_URL"
    with pytest.raises(ConfigurationError, match=name) as error:
        destinations.connect(case.kind, {**environment, name: address})
    assert "pw" not in str(error.value)


def test_no_secret_is_shown(case: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        case.client.send(case.target, [case.record(0, {case.text: "very private"})])
    shown = repr(case.client) + repr(vars(case.client)) + case.client.identity + caplog.text
    assert not any(secret in shown for secret in SECRETS)
    assert "very private" not in caplog.text
    assert case.client.identity == ("127.0.0.1/webhook" if case.kind == "webhook" else "127.0.0.1")
