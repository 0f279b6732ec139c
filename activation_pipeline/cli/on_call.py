"""The commands of an incident: undo what was delivered, or keep it as it is.

Their options and help; what each one does is in its own module.
"""

from typing import Annotated

import typer

from activation_pipeline.cli.app import AsJson, By, Contract, Destination, app, one_line
from activation_pipeline.incident import IncidentClass

Reason = Annotated[str, typer.Option(help="Why; shown to everyone.", callback=one_line)]
Class = Annotated[IncidentClass, typer.Option("--class", help="What went wrong.")]


@app.command(
    epilog="Example: activation rollback renewal_risk_review --dry-run --by dana "
    '--reason "bands of last week" --class freshness'
)
def rollback(
    contract: Contract,
    *,
    by: By,
    reason: Reason,
    incident_class: Class,
    plan: Annotated[
        str | None, typer.Option(help="Undo this plan; left out: what was delivered last.")
    ] = None,
    destination: Destination = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; nothing is written anywhere.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put back what stood before a plan, where ours still stands.

    What somebody changed since is listed and left alone. The contract is paused first, or the
    next plan would send the same again. Twice changes nothing.
    """
    from activation_pipeline.cli import rollback as command  # noqa: PLC0415 - keeps --help quick

    asked = command.Asked(
        plan=plan, by=by, reason=reason, incident_class=incident_class, dry_run=dry_run
    )
    command.run(contract, asked, destination=destination, as_json=as_json)


@app.command(
    epilog="Example: activation freeze expansion_education --by dana "
    '--reason "opt-outs are missing" --class suppression'
)
def freeze(
    contract: Contract,
    *,
    by: By,
    reason: Reason,
    incident_class: Class,
    destination: Destination = None,
    as_json: AsJson = False,
) -> None:
    """Keep an audience as it is: nobody joins, nobody leaves.

    It holds until somebody resumes the contract.
    """
    from activation_pipeline.cli import freeze as command  # noqa: PLC0415 - keeps --help quick

    command.run(
        contract,
        destination=destination,
        by=by,
        reason=reason,
        incident_class=incident_class,
        as_json=as_json,
    )
