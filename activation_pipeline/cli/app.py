"""The commands, their options and their help; what each one does is in its own module.

Annotations are evaluated here, because typer reads them to build the options.
"""

from pathlib import Path
from typing import Annotated

import typer

from activation_pipeline.cli import exits

_CODES = (
    "Exit codes: 0 done, 1 contract or configuration error, 2 usage, 3 refused by a safety rule, "
    "4 delivered in part, 5 destination failed. Settings: docs/settings.md."
)

app = typer.Typer(
    cls=exits.Commands,
    help="Activation contracts for reverse ETL: what was gated is what is sent.",
    epilog=_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _wants_json(context: typer.Context, value: bool) -> bool:  # noqa: FBT001 - typer calls it so
    context.meta[exits.JSON_WANTED] = value
    return value


def one_line(value: str | None) -> str | None:
    """Refuse an option's text of several lines, or of none."""
    if value is not None and (not value.strip() or not value.isprintable()):
        raise typer.BadParameter("write one line of printable text")
    return value.strip() if value else value


Contract = Annotated[str, typer.Argument(metavar="CONTRACT", help="The contract's name.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Report as one JSON document.", callback=_wants_json)
]
By = Annotated[
    str,
    typer.Option(help="Who decides this, for the record; kept, never logged.", callback=one_line),
]
Destination = Annotated[str | None, typer.Option(help="Only this destination.")]


@app.command(epilog="Example: activation validate contracts/renewal_risk_review.yaml")
def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Contract files or folders; left out: all of ACTIVATION_CONTRACTS."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Report every problem of every contract, by line."""
    from activation_pipeline.cli import validate as command  # noqa: PLC0415 - keeps --help quick

    command.run(files or [], as_json=as_json)


@app.command(epilog="Example: activation plan renewal_risk_review")
def plan(
    contract: Contract,
    *,
    retry_rejected: Annotated[
        bool,
        typer.Option(
            "--retry-rejected", help="Offer again what was refused before and has not changed."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a plan, judge it, and show what would change.

    What stops it, who may sign, and with which command, is shown as well.

    Ends with 0 when a plan was made, also when its decision is to pause; the JSON report has the
    decision.
    """
    from activation_pipeline.cli import plan as command  # noqa: PLC0415 - keeps --help quick

    command.run(contract, retry_rejected=retry_rejected, as_json=as_json)


@app.command(
    epilog="Example: activation review renewal_risk_review --html review.html --show-values"
)
def review(
    contract: Contract,
    *,
    html: Annotated[
        Path | None, typer.Option(help="Write one page of HTML here instead, for its owner alone.")
    ] = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show the sample's values, not only set or empty.")
    ] = False,
    plan: Annotated[str | None, typer.Option(help="An older plan; left out: the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the launch review: Markdown, or HTML to print.

    One to two pages; the sample of a plan is the same whenever and however it is shown.
    """
    from activation_pipeline.cli import review as command  # noqa: PLC0415 - keeps --help quick

    asked = command.Asked(plan=plan, html=html, show_values=show_values)
    command.run(contract, asked, as_json=as_json)


@app.command(
    epilog="Example: activation approve renewal_risk_review --as cs_director --by dana@example.com"
)
def approve(
    contract: Contract,
    *,
    role: Annotated[str, typer.Option("--as", help="The role that speaks; one of the contract's.")],
    by: By,
    plan: Annotated[
        str | None, typer.Option(help="Sign this plan only; left out: approve the contract.")
    ] = None,
    gate: Annotated[
        str | None, typer.Option(help="Sign past this gate only; left out: all that the role may.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why this plan may go.", callback=one_line)
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(
            help="The account that is approved, as destination=account; left out: it is asked."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record a role's approval of a contract, or of one plan.

    Without --plan one line is added under launch.approvals of the YAML file; commit it.
    """
    from activation_pipeline.cli import approve as command  # noqa: PLC0415 - keeps --help quick

    word = command.Word(
        role=role, by=by, plan=plan, gate=gate, reason=reason, accounts=tuple(account or ())
    )
    command.run(contract, word, as_json=as_json)


@app.command(epilog="Example: activation sync renewal_risk_review --destination salesforce")
def sync(contract: Contract, *, destination: Destination = None, as_json: AsJson = False) -> None:
    """Send the newest plan to its destinations, if it may go.

    Ends with the highest code of its destinations.
    """
    from activation_pipeline.cli import sync as command  # noqa: PLC0415 - keeps --help quick

    command.run(contract, destination=destination, as_json=as_json)


@app.command(epilog="Example: activation status renewal_risk_review")
def status(
    contract: Annotated[
        str | None, typer.Argument(metavar="[CONTRACT]", help="Left out: all contracts.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show decision, plan age, pauses, deliveries, what is next."""
    from activation_pipeline.cli import status as command  # noqa: PLC0415 - keeps --help quick

    command.run(contract, as_json=as_json)


@app.command(epilog="Example: activation explain renewal_risk_review A-1042")
def explain(
    contract: Contract,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The entity's key in the warehouse.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one record's path, from candidate to read-back.

    Field values are shown, with --json too: mind where you paste it.
    """
    from activation_pipeline.cli import explain as command  # noqa: PLC0415 - keeps --help quick

    command.run(contract, key, as_json=as_json)


@app.command(epilog="Example: activation export expansion_education --to /tmp/expansion")
def export(
    contract: Contract,
    *,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder; left out: export_CONTRACT here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write who is in, who is out and why, as CSV and Parquet.

    In the CSV files, text that begins with = + - @, a tab or a line end gets an apostrophe in
    front, so that no spreadsheet runs it; Parquet is exact. Files of the same names are replaced.
    """
    from activation_pipeline.cli import export as command  # noqa: PLC0415 - keeps --help quick

    command.run(contract, folder=to, as_json=as_json)


@app.command(name="export-ledger", epilog="Example: activation export-ledger")
def export_ledger(*, as_json: AsJson = False) -> None:
    """Copy the ledger into the warehouse, for dbt to read.

    Only what is new since the last time, in one transaction; twice changes nothing. The tables are
    activation.activation_deliveries and activation.activation_records.
    """
    from activation_pipeline.cli import export_ledger as command  # noqa: PLC0415 - keeps --help quick

    command.run(as_json=as_json)


@app.command(epilog="Example: activation sandbox --port 8300")
def sandbox(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    records: Annotated[
        Path | None, typer.Option(help="Initial records; left out: seeds/crm of the dbt project.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run local stand-ins of the destinations.

    Prints the settings that reach them and serves until it is stopped.
    """
    from activation_pipeline.cli import sandbox as command  # noqa: PLC0415 - keeps --help quick

    command.run(port=port, records=records, as_json=as_json)


@app.command(epilog="Example: activation board --port 8400")
def board(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    host: Annotated[
        str, typer.Option(help="Elsewhere than on loopback, ACTIVATION_BOARD_TOKEN is needed.")
    ] = "127.0.0.1",
    as_json: AsJson = False,
) -> None:
    """Show all contracts on a page, worst first.

    Prints its address and serves until it is stopped. Contracts are paused, resumed and signed
    from it, too.
    """
    from activation_pipeline.cli import board as command  # noqa: PLC0415 - keeps --help quick

    command.run(host=host, port=port, as_json=as_json)


def main() -> None:
    """Run the ``activation`` command."""
    app(prog_name="activation")
