"""``kill -9`` at any point of a delivery, then run again: as if nothing had happened.

A real process ends itself at 25 seeded points: five nasty ones by name, twenty anywhere.
"""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from e2e_box import KEYS, TEXT_FIELDS
from e2e_place import body, mapping
from killed_sender import NAMED, count_calls, send_and_die

from activation_pipeline.status import status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Opening
    from e2e_place import Place

    from activation_pipeline.contract import Contract

OLD, NEW, BATCH = range(1, 17), range(17, 25), 4
RANDOM = random.Random(20261122)  # noqa: S311 - a seed, so that a failure can be repeated
ANYWHERE = [RANDOM.random() for _ in range(20)]
POINTS: list[str | float] = [*NAMED, *ANYWHERE]
CASES = [(point, ("hubspot", "salesforce")[n % 2]) for n, point in enumerate(POINTS)]


def ready(place: Place, vendor: str) -> Contract:
    """A signed plan of six batches: sixteen records are updated and eight made."""
    place.batch_size, place.at_once = BATCH, 2
    place.add(vendor, OLD)
    place.add_keys({f"N{n}": f"not-there-{n}" for n in NEW})
    fields: dict[str, Any] = {TEXT_FIELDS[vendor]: {"from": "band", "on_edit": "overwrite"}}
    if vendor == "salesforce":
        fields["Name"] = {"from": "band", "on_edit": "overwrite"}
    contract = place.contract(body(vendor, mapping(vendor, behavior="upsert", fields=fields)))
    place.plan(contract)
    return contract


@pytest.fixture(scope="module")
def calls() -> dict[str, int]:
    """How many function calls an undisturbed delivery makes, by vendor."""
    return {}


@pytest.fixture
def place(opening: Opening, request: pytest.FixtureRequest) -> Iterator[Place]:
    vendor = request.node.callspec.params["vendor"]
    with ExitStack() as stack:
        yield stack.enter_context(opening({vendor: {n: f"K{n}" for n in OLD}}))


def written(place: Place, vendor: str) -> Counter[str]:
    """Count in how many write requests each key was."""
    found: Counter[str] = Counter()
    for request in place.box.writes(vendor):
        if not request["body"]:
            continue  # the sender died before all of it was there
        sent = json.loads(request["body"])
        if vendor == "hubspot":
            found.update(each["id"] for each in sent["inputs"])
        else:
            found.update(each[KEYS[vendor]] for each in sent["records"])
    return found


@pytest.mark.parametrize("vendor", ["hubspot", "salesforce"])
def test_an_undisturbed_delivery_for_comparison(
    place: Place, vendor: str, calls: dict[str, int], tmp_path: Path
) -> None:
    contract = ready(place, vendor)
    calls[vendor] = count_calls(place, contract, tmp_path / "calls")
    assert_as_undisturbed(place, vendor, contract)


@pytest.mark.parametrize(("point", "vendor"), CASES)
def test_a_killed_delivery_ends_like_an_undisturbed_one(
    place: Place, vendor: str, point: str | float, calls: dict[str, int]
) -> None:
    contract = ready(place, vendor)
    at = point if isinstance(point, str) else 1 + int(point * 0.95 * calls.get(vendor, 1500))
    assert send_and_die(place, contract, at) == -signal.SIGKILL

    with place.runtime() as runtime:
        (shown,) = status(contract, runtime, now=place.clock()).sent
    before = written(place, vendor)
    report = place.send(contract)
    assert (report.outcome, report.totals.accepted) == ("delivered", len(OLD) + len(NEW))
    assert shown.outcome in {"never", "interrupted"} or not shown.waiting
    repeated = [key for key, count in written(place, vendor).items() if count > 1]
    assert len(repeated) in {0, BATCH}
    assert before.keys() <= written(place, vendor).keys()
    assert_as_undisturbed(place, vendor, contract)


def assert_as_undisturbed(place: Place, vendor: str, contract: Contract) -> None:
    keys = place.box.stored(vendor, KEYS[vendor])
    texts = place.box.stored(vendor, TEXT_FIELDS[vendor])
    expected = [f"K{n}" for n in OLD] + [f"N{n}" for n in NEW]
    assert sorted(keys.values()) == sorted(expected)
    assert set(texts.values()) == {"low"}
    with place.runtime() as runtime:
        log, history = runtime.ledger.deliveries, runtime.ledger.history
        newest = runtime.ledger.newest(contract.name)
        assert newest is not None
        assert newest.plan is not None
        batches = history.batches(newest.plan.id, vendor)
        covered = sorted({row for a, b, done in batches if done for row in range(a, b)})
        assert covered == list(range(len(expected))), "a result for every planned row"
        assert log.unfolded(contract.name, vendor) == (), "every attempt is part of what we hold"
        assert log.position(contract.name, vendor)[1] == len(expected)
