"""Record a role's word: on a contract version, in its file; on one plan and gate, in the ledger.

An approval of a contract is a line under ``launch.approvals`` for review in Git, and names the
fingerprint, the version of the models' logic and the account in each destination. A signature
lets one plan pass one gate that may be signed, and dies with that plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from activation_pipeline import judgement
from activation_pipeline.approval import Subject
from activation_pipeline.contract import fingerprint, meaning
from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import GateResult, Review
from activation_pipeline.logic import definition
from activation_pipeline.people import check_speaker
from activation_pipeline.sources import model_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.runtime import Runtime


def approval_line(contract: Contract, subject: Subject, *, role: str, by: str, on: date) -> str:
    """Write one entry of ``launch.approvals``, for the contract, logic and accounts of a subject.

    Raises:
        RefusedError: a role that the contract does not name, or who made it where that asks for
            a second person.
    """
    _check_role(contract, role)
    check_second_person(contract, by, clause="approved")
    accounts = ", ".join(
        f"{name}: {_quoted(account)}" for name, account in subject.destinations.items()
    )
    return (
        f"{{role: {role}, by: {_quoted(by)}, on: {on.isoformat()}, "
        f'fingerprint: "{subject.fingerprint}", definition: "{subject.definition}", '
        f"destinations: {{{accounts}}}}}"
    )


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', width=float("inf"), allow_unicode=True).rstrip()


def subject_now(
    contract: Contract,
    runtime: Runtime,
    *,
    now: datetime,
    accounts: Mapping[str, str] | None = None,
) -> Subject:
    """Say what an approval is about now, and keep what it stands for in the ledger.

    Args:
        contract: as it is now.
        runtime: where everything is.
        now: UTC.
        accounts: by destination; those that are not named here are asked who they are.

    Raises:
        RefusedError: an account of a destination that the contract does not have.
        RetryableError, PermanentError, ConfigurationError: a destination does not say who it is.
    """
    given = dict(accounts or {})
    unknown = sorted(given.keys() - contract.destinations.keys())
    if unknown:
        raise RefusedError(
            f"{contract.name}: {', '.join(unknown)}: no such destination; it has "
            f"{', '.join(contract.destinations)}",
            clause="approved",
        )
    logic = runtime.read_manifest().logic(model_names(contract))
    found = Subject(
        fingerprint(contract),
        definition(logic),
        {
            name: given.get(name) or runtime.client(contract, name).identity
            for name in contract.destinations
        },
    )
    meant = {found.fingerprint: meaning(contract), found.definition: logic}
    runtime.ledger.versions.keep(contract.name, meant, now=now)
    return found


def check_second_person(contract: Contract, by: str, *, clause: str) -> None:
    """Refuse the word of who made the contract, where it asks for a second person.

    Raises:
        RefusedError: names the key that asks for it.
    """
    if contract.launch.is_made_by(by):
        raise RefusedError(
            f"{contract.name}: whoever made it may not approve it (launch.made_by); ask a second "
            f"person who speaks for the role",
            clause=clause,
        )


def definition_now(contract: Contract, runtime: Runtime) -> str:
    """Hash the logic of every model that the contract reads, as it is now."""
    return runtime.read_manifest().definition(model_names(contract))


def with_approval(text: str, line: str) -> str:
    """Add an entry to ``launch.approvals`` of a valid contract file; every other byte stays.

    Returns:
        The file's new text.
    """
    root = yaml.compose(text, Loader=yaml.BaseLoader)
    launch = _value(root, "launch")
    if launch is None or launch.flow_style:
        raise RefusedError(
            "launch: is written on one line; write one key per line, then approve again",
            clause="approved",
        )
    approvals = _value(launch, "approvals")
    indent = " " * launch.start_mark.column
    entry = f"{indent}  - {line}\n"
    if approvals is None:
        return _insert(text, _end(text, launch), f"{indent}approvals:\n{entry}")
    if approvals.flow_style and approvals.value:
        raise RefusedError(
            "launch.approvals: stands on one line; write one entry per line, then approve again",
            clause="approved",
        )
    if not approvals.value:
        head = text[: approvals.start_mark.index].rstrip(" ")
        emptied = head + text[approvals.end_mark.index :]
        return _insert(emptied, _line_end(emptied, len(head)), entry)
    own = " " * approvals.start_mark.column
    return _insert(text, _end(text, approvals), f"{own}- {line}\n")


def _value(node: yaml.Node | None, key: str) -> yaml.CollectionNode | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    found = next((value for name, value in node.value if name.value == key), None)
    return found if isinstance(found, yaml.CollectionNode) else None


def _end(text: str, node: yaml.Node) -> int:
    """Find where a block's last line of content ends: its end mark lies behind comments."""
    last = node
    while last.value and not isinstance(last, yaml.ScalarNode):
        child = last.value[-1]
        last = child[1] if isinstance(child, tuple) else child
        if getattr(last, "flow_style", False):
            break
    if isinstance(last, yaml.ScalarNode) and last.style in ("|", ">"):
        # Its end mark lies at the next thing that is written, wherever that is.
        return _line_end(text, len(text[: last.end_mark.index].rstrip()))
    return _line_end(text, last.end_mark.index)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _insert(text: str, at: int, addition: str) -> str:
    head, newline = text[:at], "\r\n" if "\r\n" in text else "\n"
    between = "" if head.endswith("\n") else newline
    return head + between + addition.replace("\n", newline) + text[at:]


def _check_role(contract: Contract, role: str) -> None:
    if role not in contract.roles:
        known = ", ".join(sorted(contract.roles))
        raise RefusedError(
            f"{contract.name}: {role} is not a role of this contract; its roles are {known}",
            clause="approved",
        )


def sign_plan(
    contract: Contract,
    runtime: Runtime,
    *,
    plan: str,
    gate: str | None,
    role: str,
    by: str,
    reason: str,
    now: datetime,
) -> Evaluation:
    """Let the newest plan pass the failing gates that this role may sign, and decide anew.

    Args:
        contract: as it is now.
        runtime: where everything is.
        plan: the newest plan's id; an older plan can no longer be sent.
        gate: one gate; None: every failing gate that the role may sign.
        role: one of the contract's; each gate names the one that may sign.
        by: who speaks for the role; kept in the ledger.
        reason: why the plan may go; kept in the ledger.
        now: UTC.

    Raises:
        RefusedError: not the newest plan, a gate that nobody may sign, or another role's; no
            reason; somebody who may not speak for the role, or who made the contract.
    """
    clause = gate or "approved"
    _check_role(contract, role)
    check_speaker(role, by, runtime.people, clause=clause)
    check_second_person(contract, by, clause=clause)
    if not reason.strip():
        raise RefusedError(
            f"{contract.name}: a signature needs a reason; say why this plan may go", clause=clause
        )
    evaluation = runtime.ledger.newest(contract.name)
    if evaluation is None or evaluation.plan is None or evaluation.plan.id != plan:
        newest = evaluation.plan.id if evaluation and evaluation.plan else "none"
        raise RefusedError(
            f"{contract.name}: plan {plan} is not the newest one ({newest}); look at that first",
            clause="plan",
        )
    for result in _signable(contract, evaluation, gate, role):
        review = Review(
            gate=result.gate,
            plan=plan,
            role=role,
            at=now,
            fingerprint=evaluation.plan.fingerprint,
            definition=evaluation.plan.definition,
        )
        runtime.ledger.record_review(contract.name, review, by=by, reason=reason)
    reviews = runtime.ledger.reviews(contract.name)
    results = judgement.with_signatures(evaluation.results, reviews, plan)
    decided = replace(evaluation, results=results, decision=judgement.decision(contract, results))
    runtime.ledger.record_decision(decided, results, now=now)
    return decided


def _signable(
    contract: Contract, evaluation: Evaluation, gate: str | None, role: str
) -> list[GateResult]:
    failing = [result for result in evaluation.results if result.stops]
    chosen = [result for result in failing if gate in (None, result.gate)]
    if gate is not None and not chosen:
        raise RefusedError(
            f"{contract.name}: {gate} does not stop this plan; nothing to sign", clause=gate
        )
    mine = [result for result in chosen if result.signer == role]
    if not mine:
        who = "; ".join(f"{r.gate}: {_who_signs(r)}" for r in chosen)
        raise RefusedError(
            f"{contract.name}: {role} may not sign this ({who or 'nothing stops this plan'})",
            clause=gate or "approved",
        )
    return mine


def _who_signs(result: GateResult) -> str:
    return f"{result.signer} signs" if result.signer else f"nobody; {result.owner} has to act"
