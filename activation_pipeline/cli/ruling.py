"""The commands about what pauses by itself: how far each limit is, and the first review.

Their options and help; what each one does is in its own module.
"""

from typing import Annotated

import typer

from activation_pipeline.cli.app import AsJson, By, Contract, app, one_line


@app.command(name="pause-rules", epilog="Example: activation pause-rules --dry-run")
def pause_rules(
    contract: Annotated[
        str | None, typer.Argument(metavar="[CONTRACT]", help="Left out: all contracts.")
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the limits; nothing is written anywhere.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show every pause rule's limit, and pause what breaks one.

    Dagster's sensor does the same twice a minute. What on_pause asks to be undone is undone.
    """
    from activation_pipeline.cli import pause_rules as command  # noqa: PLC0415 - keeps --help quick

    command.run(contract, dry_run=dry_run, as_json=as_json)


@app.command(
    epilog="Example: activation reviewed renewal_risk_review --as cs_director --by dana "
    '--reason "20 samples read, all right"'
)
def reviewed(
    contract: Contract,
    *,
    role: Annotated[str, typer.Option("--as", help="The contract's workflow owner.")],
    by: By,
    reason: Annotated[
        str, typer.Option(help="What was looked at and found, for the record.", callback=one_line)
    ],
    as_json: AsJson = False,
) -> None:
    """Record that the first review was held.

    It counts for what was delivered until now; monitoring.first_review names its day.
    """
    from activation_pipeline.cli import reviewed as command  # noqa: PLC0415 - keeps --help quick

    command.run(contract, role=role, by=by, reason=reason, as_json=as_json)
