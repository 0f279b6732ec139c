"""Does what somebody approved still hold? One answer for the gates, for delivery and for people.

An approval is for one meaning of the contract, one version of the models' logic and one account
in each destination, and for a time. What changed since is told as old -> new, where the ledger
still knows what the approved version was. Nothing is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from activation_pipeline.contract import fingerprint, meaning
from activation_pipeline.contract.meaning import differences, told
from activation_pipeline.logic import logic_changes
from activation_pipeline.notation import parse_duration, written_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Approval, Contract
    from activation_pipeline.plan import Plan

    Versions = Mapping[str, Mapping[str, Any]]

VALID_FOR = timedelta(days=365)
Kind = Literal["missing", "author", "future", "age", "meaning", "destination", "logic"]
_UNTOLD = "what changed is not in this ledger"


@dataclass(frozen=True)
class Subject:
    """What has to be approved: contract and logic as they are, and each destination's account."""

    fingerprint: str
    definition: str
    destinations: Mapping[str, str]


@dataclass(frozen=True)
class Terms:
    """Who has to approve, and for how long it holds."""

    by: tuple[str, ...]
    valid_for: timedelta


@dataclass(frozen=True)
class Lapse:
    """Why a role's word does not hold, in words; ``kind`` tells what changed."""

    role: str
    kind: Kind
    told: str


def subject_of(plan: Plan) -> Subject:
    """Say what has to be approved so that a plan may go."""
    accounts = {part.destination: part.identity for part in plan.parts}
    return Subject(plan.fingerprint, plan.definition, accounts)


def terms_of(contract: Contract) -> Terms:
    """Read who has to approve a contract, and for how long, from its gate ``approved``."""
    spec = next((each for each in contract.gates if each.name == "approved"), None)
    by = (spec.signers if spec else ()) or (contract.owners.workflow,)
    given = spec.params.get("valid_for") if spec else None
    return Terms(by, VALID_FOR if given is None else parse_duration(given))


def lapses(
    contract: Contract, subject: Subject, terms: Terms, versions: Versions, *, now: datetime
) -> tuple[Lapse, ...]:
    """List why the approvals in the contract do not hold; empty: every role's word stands.

    Of several approvals of a role the one that comes nearest counts.

    Args:
        contract: with its approvals as they are now.
        subject: what has to be approved.
        terms: by whom and for how long.
        versions: what fingerprints and definitions meant, as far as the ledger knows.
        now: UTC.
    """
    found: list[Lapse] = []
    for role in terms.by:
        given = [each for each in contract.launch.approvals if each.role == role]
        judged: list[list[Lapse]] = [
            [
                *_of_person(contract, each, terms, now),
                *_of_meaning(contract, each, subject, versions),
                *_of_accounts(each, subject),
                *_of_logic(each, subject, versions),
            ]
            for each in reversed(given)
        ]
        nobody = _missing(contract, role, subject, versions)
        nearest: list[Lapse] = min(judged, key=len, default=nobody)
        found += nearest
    return tuple(found)


def lapses_of(
    contract: Contract, approval: Approval, subject: Subject, versions: Versions, *, now: datetime
) -> tuple[Lapse, ...]:
    """List why one approval of the contract does not hold, whatever others there are."""
    launch = contract.launch.model_copy(update={"approvals": (approval,)})
    alone = contract.model_copy(update={"launch": launch})
    terms = Terms((approval.role,), terms_of(contract).valid_for)
    return lapses(alone, subject, terms, versions, now=now)


def _missing(contract: Contract, role: str, subject: Subject, versions: Versions) -> list[Lapse]:
    """Say that a role never spoke, and what changed since others did."""
    others = contract.launch.approvals
    if not others:
        return [Lapse(role, "missing", "launch.approvals is empty")]
    who = ", ".join(sorted({each.role for each in others}))
    changes = [lapse.told for lapse in _of_meaning(contract, others[-1], subject, versions)]
    told = [f"launch.approvals has no word of this role, only of {who}", *changes]
    return [Lapse(role, "missing", "; ".join(told))]


def _of_person(
    contract: Contract, approval: Approval, terms: Terms, now: datetime
) -> Iterable[Lapse]:
    """Judge who spoke and when; the day of approval is the first of those that count."""
    role, age = approval.role, now.date() - approval.on
    if contract.launch.is_made_by(approval.by):
        yield Lapse(role, "author", "spoken by who made the contract; a second person has to")
    if age < timedelta(0):
        yield Lapse(role, "future", f"dated {approval.on}, which is in the future")
    if age > terms.valid_for:
        limit = written_duration(terms.valid_for)
        message = f"the approval of {approval.on} is {age.days} days old, at most {limit}"
        yield Lapse(role, "age", message)


def _of_meaning(
    contract: Contract, approval: Approval, subject: Subject, versions: Versions
) -> Iterable[Lapse]:
    if approval.fingerprint == subject.fingerprint:
        return
    old, new = versions.get(approval.fingerprint), versions.get(subject.fingerprint)
    if new is None and fingerprint(contract) == subject.fingerprint:
        new = meaning(contract)
    changes = _UNTOLD if old is None or new is None else told(differences(old, new))
    message = f"approved was {approval.fingerprint} on {approval.on}: {changes}"
    yield Lapse(approval.role, "meaning", message)


def _of_accounts(approval: Approval, subject: Subject) -> Iterable[Lapse]:
    changed = [
        f"{name}: {approval.destinations.get(name, 'none was approved')} -> "
        f"{account or 'an account that did not tell who it is'}"
        for name, account in subject.destinations.items()
        if not account or approval.destinations.get(name) != account
    ]
    if changed:
        message = f"approved on {approval.on} for another account: {told(tuple(changed))}"
        yield Lapse(approval.role, "destination", message)


def _of_logic(approval: Approval, subject: Subject, versions: Versions) -> Iterable[Lapse]:
    then, now = approval.definition, subject.definition
    if then is None:
        yield Lapse(approval.role, "logic", f"definition is {now}, none is approved")
    elif then != now:
        changes = changed_logic(then, now, versions)
        message = f"definition is {now}, approved was {then} on {approval.on}: {changes}"
        yield Lapse(approval.role, "logic", message)


def changed_logic(then: str, now: str, versions: Versions) -> str:
    """Say what became of the models' logic between two definitions, piece by piece."""
    old, new = versions.get(then), versions.get(now)
    return _UNTOLD if old is None or new is None else told(logic_changes(old, new))


def by_role(found: Iterable[Lapse]) -> str:
    """Write each role once, with all that keeps its word from holding."""
    grouped: dict[str, list[str]] = {}
    for lapse in found:
        grouped.setdefault(lapse.role, []).append(lapse.told)
    return ", ".join(f"{role} ({'; '.join(texts)})" for role, texts in grouped.items())


def signing(contract: Contract, roles: Iterable[str]) -> str:
    """Say who has to approve now, and how."""
    each = dict.fromkeys(roles)
    who = ", ".join(each)
    verb = "have" if len(each) > 1 else "has"
    role = next(iter(each))
    return f"{who} {verb} to sign: activation approve {contract.name} --as {role} --by WHO"
