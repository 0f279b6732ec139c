"""Does the word on a contract still hold when its plan is about to go? Else nothing goes.

Between plan and send somebody may edit the contract, take a line out of its approvals, or point a
destination at another account; and an approval may grow too old meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.approval import (
    by_role,
    changed_logic,
    lapses,
    signing,
    subject_of,
    terms_of,
)
from activation_pipeline.contract import fingerprint, meaning
from activation_pipeline.contract.meaning import differences, told
from activation_pipeline.errors import RefusedError
from activation_pipeline.logic import definition
from activation_pipeline.sources import model_names

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.approval import Versions
    from activation_pipeline.contract import Contract
    from activation_pipeline.manifest import Manifest
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime


def _known(contract: Contract, plan: Plan, runtime: Runtime) -> Versions:
    """Find what a plan's version and the approved ones stood for, as far as the ledger knows."""
    approved = [v for a in contract.launch.approvals for v in (a.fingerprint, a.definition) if v]
    wanted = (plan.fingerprint, plan.definition, *approved)
    return runtime.ledger.versions.known(contract.name, wanted)


def check_unchanged(contract: Contract, plan: Plan, runtime: Runtime) -> None:
    """Refuse a plan that was made from a contract of another meaning.

    Raises:
        RefusedError: says what changed, old -> new.
    """
    name, current = contract.name, fingerprint(contract)
    if plan.fingerprint != current:
        old = _known(contract, plan, runtime).get(plan.fingerprint)
        changes = f": {told(differences(old, meaning(contract)))}" if old else ""
        raise RefusedError(
            f"{name}: not delivered: the contract changed since plan {plan.id} "
            f"({plan.fingerprint} -> {current}{changes}); "
            f"{signing(contract, terms_of(contract).by)}, then run activation plan {name}; "
            f"owner: {contract.owners.workflow}",
            clause="approved",
        )


def check_logic(contract: Contract, plan: Plan, manifest: Manifest, runtime: Runtime) -> None:
    """Refuse a plan that was made by other logic of the models than theirs now.

    Raises:
        RefusedError: says which piece changed, old -> new.
    """
    logic = manifest.logic(model_names(contract))
    current = definition(logic)
    if plan.definition != current:
        versions = {**_known(contract, plan, runtime), current: logic}
        changes = changed_logic(plan.definition, current, versions)
        raise RefusedError(
            f"{contract.name}: not delivered: the models' logic changed since plan {plan.id} "
            f"({plan.definition} -> {current}: {changes}); "
            f"{signing(contract, terms_of(contract).by)}, then run activation plan "
            f"{contract.name}; owner: {contract.owners.source_model}",
            clause="definition_unchanged",
        )


def check_approval(
    contract: Contract, plan: Plan, destination: str, runtime: Runtime, *, now: datetime
) -> None:
    """Refuse a plan whose approval lapsed since its gates, or that was made for another account.

    Raises:
        RefusedError: says what changed, old -> new, and who has to sign.
        RetryableError, PermanentError: the destination does not say who it is; nothing is sent.
    """
    name, part = contract.name, plan.part(destination)
    account = runtime.client(contract, destination).identity
    if part.identity != account:
        raise RefusedError(
            f"{name}: not delivered: plan {plan.id} was made for {destination} as "
            f"{part.identity or 'an account that it does not name'}, which is {account} now; "
            f"{signing(contract, terms_of(contract).by)}, then run activation plan {name}; "
            f"owner: {contract.owners.workflow}",
            clause="approved",
        )
    about, terms = subject_of(plan), terms_of(contract)
    if lapses(contract, about, terms, {}, now=now):
        found = lapses(contract, about, terms, _known(contract, plan, runtime), now=now)
        raise RefusedError(
            f"{name}: not delivered: plan {plan.id} is not approved any more by {by_role(found)}; "
            f"{signing(contract, (lapse.role for lapse in found))}; "
            f"owner: {contract.owners.workflow}",
            clause="approved",
        )
