"""Run every gate of a contract over the evidence, and sum the results up to a decision.

One function decides, three places call it: preparation, approval and delivery. A gate that
raises blocks; a failing gate that a permitted role signed for this very plan does not.
"""

from __future__ import annotations

import inspect
import typing
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from activation_pipeline import gates
from activation_pipeline.contract import GateSpec
from activation_pipeline.evidence import GateResult
from activation_pipeline.plan import decide
from activation_pipeline.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Evidence, Review
    from activation_pipeline.plan import Decision


@cache
def _parameters(name: str) -> dict[str, tuple[TypeAdapter[Any], bool]]:
    judge = gates.GATES[name].judge
    hints = typing.get_type_hints(judge, include_extras=True, localns={"Evidence": object})
    return {
        parameter.name: (TypeAdapter(hints[parameter.name]), parameter.default is parameter.empty)
        for parameter in inspect.signature(judge).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def parameter_schemas(name: str) -> dict[str, tuple[dict[str, Any], bool]]:
    """Give the JSON Schema of each of a gate's parameters, and whether it is required."""
    return {key: (kind.json_schema(), needed) for key, (kind, needed) in _parameters(name).items()}


def check_params(name: str, params: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Compare a gate's parameters with its signature: (parameter, code, message) per problem."""
    known = _parameters(name)
    problems = []
    for key, value in params.items():
        if key not in known:
            expected = ", ".join(known) or "none"
            problems.append((key, "unknown_parameter", f"unknown limit; {name} takes {expected}"))
            continue
        try:
            known[key][0].validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            problems.append((key, first["type"], first["msg"]))
    for key, (_, needed) in known.items():
        if needed and key not in params:
            problems.append((key, "missing_parameter", f"is missing; {name} needs it"))
    return problems


def specs(contract: Contract) -> tuple[GateSpec, ...]:
    """List the contract's gates: those that it names, then those that every contract has."""
    named = {spec.name for spec in contract.gates}
    always = (
        GateSpec(name=g.name) for g in gates.GATES.values() if g.always and g.name not in named
    )
    return (*contract.gates, *always)


def signer(contract: Contract, spec: GateSpec) -> str | None:
    """Name the role that may sign one plan past this gate; None where nobody may."""
    if not gates.GATES[spec.name].may_be_signed:
        return None
    return str(spec.params.get("by") or contract.owners.workflow)


def _judge(spec: GateSpec, evidence: Evidence) -> GateResult:
    contract, known = evidence.contract, gates.GATES[spec.name]
    try:
        types = _parameters(spec.name)
        params = {key: types[key][0].validate_python(value) for key, value in spec.params.items()}
        found = known.judge(evidence, **params)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong inside a gate must block
        found = Verdict(passed=False, message=f"the gate itself failed: {type(error).__name__}")
    return GateResult(
        gate=spec.name,
        passed=found.passed,
        # A gate that nobody may sign cannot be softened to a warning either.
        blocking=not (spec.warn and known.may_be_signed),
        observed=found.observed,
        limit=found.limit,
        message=found.message,
        owner=getattr(contract.owners, known.owner),
        signer=signer(contract, spec),
    )


def evaluate(evidence: Evidence) -> tuple[GateResult, ...]:
    """Judge every gate; each yields a result, also when it raised."""
    return tuple(_judge(spec, evidence) for spec in specs(evidence.contract))


def with_signatures(
    results: Iterable[GateResult], reviews: Iterable[Review], plan: str
) -> tuple[GateResult, ...]:
    """Mark the failing gates that the permitted role signed for this plan."""
    signed = {(review.gate, review.role) for review in reviews if review.plan == plan}
    return tuple(
        replace(result, overridden_by=result.signer)
        if not result.passed and (result.gate, result.signer) in signed
        else result
        for result in results
    )


def decision(contract: Contract, results: Iterable[GateResult]) -> Decision:
    """Let the strictest of the launch decision and every stopping gate win."""
    votes: list[Decision] = [contract.launch.decision]
    votes += ["pause" for result in results if result.stops]
    return decide(votes)
