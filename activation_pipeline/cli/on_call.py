"""The commands of whoever is on call: stop, let go on, undo what was delivered, keep it as it is.

Their options and help; what each one does is in its own module.
"""

from typing import Annotated

import typer

from activation_pipeline.cli.app import AsJson, By, Contract, Destination, app, one_line
from activation_pipeline.incident import IncidentClass

Reason = Annotated[str, typer.Option(help="Why; shown to everyone.", callback=one_line)]
Class = Annotated[IncidentClass, typer.Option("--class", help="What went wrong.")]


@app.command(epilog='Example: activation pause renewal_risk_review --by dana --reason "wrong band"')
def pause(
    contract: Contract,
    *,
    by: By,
    reason: Reason,
    until: Annotated[
        str | None, typer.Option(help="A duration (4h, 2d) or a moment (2026-12-01T08:00Z).")
    ] = None,
    destination: Destination = None,
    as_json: AsJson = False,
) -> None:
    """Stop a contract, or one destination, at once.

    Once this command ends, no delivery begins another request, wherever it was started from.
    """
    from activation_pipeline.cli import pauses as command  # noqa: PLC0415 - keeps --help quick

    command.stop(
        contract, by=by, reason=reason, until=until, destination=destination, as_json=as_json
    )


@app.command(
    epilog="Example: activation resume renewal_risk_review --as cs_director --by dana "
    '--reason "bands checked"'
)
def resume(
    contract: Contract,
    *,
    role: Annotated[
        str, typer.Option("--as", help="The role that restarts it: monitoring.restarted_by.")
    ],
    by: By,
    reason: Annotated[
        str, typer.Option(help="What was found and mended, for the record.", callback=one_line)
    ],
    destination: Destination = None,
    as_json: AsJson = False,
) -> None:
    """End a pause.

    A destination that was paused by itself is resumed by itself, with --destination. A delivery
    goes on where it stopped, after it asked the warehouse again.
    """
    from activation_pipeline.cli import pauses as command  # noqa: PLC0415 - keeps --help quick

    word = command.Word(role=role, by=by, reason=reason)
    command.restart(contract, word, destination=destination, as_json=as_json)


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


@app.command(epilog="Example: activation expire renewal_risk_review --dry-run")
def expire(
    contract: Contract,
    *,
    destination: Destination = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; nothing is written anywhere.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take away what was not refreshed for expire_after.

    Clears, removes, flags or reports it as on_expiry says, where it is still ours; also while
    paused, not while frozen. What was left before is looked at again. Twice changes nothing.
    """
    from activation_pipeline.cli import expire as command  # noqa: PLC0415 - keeps --help quick

    command.run(contract, destination=destination, dry_run=dry_run, as_json=as_json)
