"""What has to happen next so that a contract can send, by whom, and with which command.

Derived from the contract, its newest evaluation and the pauses in force; nothing is read
and nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.approval import lapses, subject_of, terms_of
from activation_pipeline.contract import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import GateResult, Pause
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.plan import Plan

_APPROVAL_GATES = frozenset({"approved", "definition_unchanged"})


@dataclass(frozen=True)
class Step:
    """One thing to do: the role that does it, what it is, and the command where there is one."""

    role: str
    what: str
    command: str | None = None


def next_steps(
    contract: Contract, evaluation: Evaluation | None, pauses: Iterable[Pause]
) -> tuple[Step, ...]:
    """List what stands between a contract and its next delivery, in the order to do it."""
    name, owners = contract.name, contract.owners
    again = Step(owners.workflow, "make a new plan", f"activation plan {name}")
    if evaluation is None:
        return (Step(owners.workflow, "make the first plan", again.command),)
    if evaluation.plan is None:
        cause = f"mend what stopped the plan: {evaluation.message}"
        return (Step(owners.source_model, cause), again)
    stopped = tuple(_resumes(contract, pauses))
    if fingerprint(contract) != evaluation.plan.fingerprint:
        changed = Step(
            owners.workflow, "the contract changed since this plan: plan again", again.command
        )
        return (*stopped, changed)
    failing = [result for result in evaluation.results if result.stops]
    steps = [*stopped]
    # A word that was taken back since the gates is not among what they found.
    if not failing or any(result.gate in _APPROVAL_GATES for result in failing):
        steps += _approvals(contract, evaluation.plan, evaluation.at)
    others = [r for r in failing if r.gate not in _APPROVAL_GATES and r.gate != "not_paused"]
    steps += [_mended(result) for result in others if result.signer is None]
    if contract.launch.decision == "pause":
        what = "launch.decision of the contract is pause: review it, change it in the file, merge"
        steps.append(Step(owners.workflow, what))
    if contract.launch.decision == "pause" or any(r.signer is None for r in failing):
        steps.append(again)
    # An equal plan keeps its id and its signatures, so they are asked for after planning again.
    steps += [_signed(contract, evaluation.plan, r) for r in others if r.signer is not None]
    if any(part.rows for part in evaluation.plan.parts):
        steps.append(Step(owners.workflow, "send this plan", f"activation sync {name}"))
    return tuple(steps)


def resume_command(name: str, *, role: str | None, destination: str | None = None) -> str:
    """Write the command that ends a pause; ``role`` is None where the file does not tell."""
    where = f" --destination {destination}" if destination else ""
    return f"activation resume {name}{where} --as {role or 'ROLE'} --by WHO --reason TEXT"


def _resumes(contract: Contract, pauses: Iterable[Pause]) -> Iterable[Step]:
    role = contract.monitoring.restarted_by
    for pause in pauses:
        yield Step(
            role,
            f"paused ({pause.destination or 'all destinations'}): look at why, then restart",
            resume_command(contract.name, role=role, destination=pause.destination),
        )


def missing_approvals(contract: Contract, plan: Plan, *, now: datetime) -> tuple[str, ...]:
    """Name the roles whose approval of this contract, logic and accounts does not hold."""
    found = lapses(contract, subject_of(plan), terms_of(contract), {}, now=now)
    return tuple(dict.fromkeys(lapse.role for lapse in found))


def _approvals(contract: Contract, plan: Plan, now: datetime) -> list[Step]:
    return [
        Step(
            role,
            "approve this contract, its models' logic and its accounts; commit the file",
            f"activation approve {contract.name} --as {role} --by WHO",
        )
        for role in missing_approvals(contract, plan, now=now)
    ]


def _mended(result: GateResult) -> Step:
    return Step(result.owner, f"mend {result.gate}, nobody may sign it: {result.message}")


def _signed(contract: Contract, plan: Plan, result: GateResult) -> Step:
    look = f"look at activation review {contract.name}, then " if _is_sample(result) else ""
    return Step(
        str(result.signer),
        f"{result.gate}: {look}sign this plan, or have it mended ({result.owner})",
        f"activation approve {contract.name} --plan {plan.id} --gate {result.gate} "
        f"--as {result.signer} --by WHO --reason TEXT",
    )


def _is_sample(result: GateResult) -> bool:
    return result.gate == "sample_review"
