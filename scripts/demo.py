"""Run the demo company: set-up, sandbox, Dagster, and the table of what happened.

``run`` goes the whole way once and exits 0 when every plan arrived; ``ui`` keeps the sandbox
and Dagster's UI up; ``dbt`` and ``validate`` are two of the checks of ``make check``. State is
under ``.activation``; the settings of the last start are in ``.env``, so that ``activation`` and
``dagster`` commands in this folder find the same installation.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
import warnings
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".activation"
STARTED = time.monotonic()
console = Console(file=sys.__stdout__, highlight=False, soft_wrap=True)


class DbtProgress(io.TextIOBase):
    """Stands in for stdout while Dagster runs: of dbt's many lines, some figures are said."""

    said = 0

    def write(self, text: str) -> int:
        """Say how far dbt is, a few times."""
        for done, of in re.findall(r"(\d+) of (\d+) (?:OK|PASS)", text):
            if int(done) >= self.said + int(of) // 4 or done == of:
                self.said = int(done)
                say(f"  ...     dbt: {done} of {of} models and tests")
        return len(text)


def say(text: str) -> None:
    """Print one line of progress with the seconds since the start."""
    console.print(f"[dim]{time.monotonic() - STARTED:5.1f} s[/dim]  {text}")


def environment(sandbox_url: str) -> dict[str, str]:
    """List the demo's settings; the credentials are the sandbox's own and open nothing else."""
    return {
        "ACTIVATION_HOME": str(STATE / "home"),
        "ACTIVATION_CONTRACTS": str(ROOT / "contracts"),
        "ACTIVATION_DBT_PROJECT": str(ROOT / "dbt_project"),
        "ACTIVATION_WAREHOUSE": str(STATE / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(STATE / "dbt_target"),
        "DBT_LOG_PATH": str(STATE / "dbt_logs"),
        "DBT_PROFILES_DIR": str(ROOT / "dbt_project"),
        "DO_NOT_TRACK": "1",
        "DAGSTER_HOME": str(ROOT / "dagster_home"),
        "SALESFORCE_BASE_URL": f"{sandbox_url}/salesforce",
        "SALESFORCE_CLIENT_ID": "sandbox-client",
        "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
        "HUBSPOT_BASE_URL": f"{sandbox_url}/hubspot",
        "HUBSPOT_TOKEN": "sandbox-token",
    }


def installed(name: str) -> str:
    """Locate a command of this environment."""
    return str(Path(sys.executable).with_name(name))


def use(settings: dict[str, str]) -> None:
    """Set the settings for this process and write them down for commands in this folder."""
    STATE.mkdir(exist_ok=True)
    os.environ.update(settings)
    lines = [f"{name}='{value}'\n" for name, value in settings.items()]
    (ROOT / ".env").write_text("".join(lines), encoding="utf-8")


@contextmanager
def sandbox(port: int = 0) -> Iterator[str]:
    """Run the destinations' stand-ins in a process of their own and give their address."""
    command = [installed("activation"), "sandbox", "--port", str(port), "--json"]
    # Until its own address is known, the sandbox only needs to know the folders.
    settings = {**os.environ, **environment("http://127.0.0.1:0")}
    (STATE / "home").mkdir(parents=True, exist_ok=True)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=settings, cwd=ROOT)  # noqa: S603 - this project's own command
    try:
        yield read_address(running)
    finally:
        running.terminate()
        running.wait(timeout=15)


def read_address(running: subprocess.Popen[str]) -> str:
    """Wait for the sandbox's one line of JSON and take its address."""
    import json

    assert running.stdout is not None  # noqa: S101 - a pipe was asked for
    text = ""
    for line in running.stdout:
        text += line
        try:
            return str(json.loads(text)["url"])
        except ValueError:
            continue
    sys.exit("sandbox: did not start; run activation sandbox to see why")


def run_job(definitions: Any, name: str, only: Any = None) -> bool:
    """Run one Dagster job in this process, say each step as it ends, and whether all succeeded."""
    import dagster as dg

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    run_id = str(uuid.uuid4())
    ended = threading.Event()
    with dg.DagsterInstance.get() as instance:
        watcher = threading.Thread(target=watch, args=(instance, run_id, ended), daemon=True)
        watcher.start()
        with redirect_stdout(DbtProgress()):
            result = definitions.resolve_job_def(name).execute_in_process(
                instance=instance,
                run_id=run_id,
                asset_selection=only,
                run_config=quiet,
                raise_on_error=False,
            )
        ended.set()
        watcher.join()
    return bool(result.success)


def watch(instance: Any, run_id: str, ended: threading.Event) -> None:
    """Say each step of a run as it ends."""
    from dagster import DagsterEventType

    marks = {
        DagsterEventType.STEP_START: "[dim]...[/dim]    ",
        DagsterEventType.STEP_SUCCESS: "[green]ok[/green]     ",
        DagsterEventType.STEP_FAILURE: "[yellow]stopped[/yellow]",
    }
    cursor, last = None, False
    while not last:
        last = ended.wait(0.5)
        found = instance.event_log_storage.get_records_for_run(run_id, cursor, set(marks))
        cursor = found.cursor
        for record in found.records:
            event = record.event_log_entry.dagster_event
            if event.event_type != DagsterEventType.STEP_START or event.step_key == "dbt":
                say(f"  {marks[event.event_type]} {event.step_key}")


def sign_first_plans(contracts: list[Contract], runtime: Runtime) -> int:
    """Give, as the demo's own roles, the signatures that the newest plans wait for."""
    from datetime import UTC, datetime

    from activation_pipeline.approve import sign_plan

    signed = 0
    for contract in contracts:
        evaluation = runtime.ledger.newest(contract.name)
        if evaluation is None or evaluation.plan is None:
            continue
        waiting = [result for result in evaluation.results if result.stops]
        for result in waiting:
            who = (
                f"signed here as demo_{result.signer}"
                if result.signer
                else f"{result.owner} has to act"
            )
            say(f"  {contract.name}: {result.gate}: {result.message}; {who}")
        for role in sorted({result.signer for result in waiting if result.signer}):
            sign_plan(
                contract,
                runtime,
                plan=evaluation.plan.id,
                gate=None,
                role=role,
                by=f"demo_{role}",
                reason="first plan of the demo, looked at in the sandbox",
                now=datetime.now(UTC),
            )
            signed += 1
    return signed


def show(contracts: list[Contract], runtime: Runtime) -> bool:
    """Print a column per contract and destination; say whether everything planned arrived."""
    columns, arrived = [], True
    for contract in contracts:
        evaluation = runtime.ledger.newest(contract.name)
        for destination in contract.destinations:
            plan = evaluation.plan if evaluation else None
            totals = runtime.ledger.deliveries.totals(plan.id, destination) if plan else None
            columns.append((contract.name, destination, evaluation, totals))
            arrived &= bool(plan and totals) and outcome(plan, destination, totals)
    table = Table(Column(no_wrap=True))
    for name, where, _, _ in columns:
        table.add_column(f"{name}\n-> {where}", overflow="fold")
    for label, *cells in zip(*(table_column(*column, columns) for column in columns), strict=True):
        table.add_row(label[0], *(cell[1] for cell in (label, *cells)))
    Console(file=sys.__stdout__, width=max(console.width, 132), highlight=False).print(table)
    return arrived


def outcome(plan: Any, destination: str, totals: Any) -> bool:
    """Say whether every planned record was accepted or held back for a reason."""
    return bool(totals.accepted + totals.held == plan.part(destination).rows)


def table_column(
    _name: str, destination: str, evaluation: Any, totals: Any, every: list[Any]
) -> list[tuple[str, str]]:
    """List one contract's and destination's figures: the row's label and the cell."""
    plan = evaluation.plan if evaluation else None
    if plan is None:
        return [("plan", evaluation.message if evaluation else "none")]
    measures, part = evaluation.measures, plan.part(destination)
    rules = sorted(
        {rule for _, _, e, _ in every if e and e.plan for rule in e.measures["suppressed"]}
    )
    found = measures["dispositions"]
    names = ("stale", "invalid", "colliding", "holdout", "review")
    failed = [r for r in evaluation.results if not r.passed]
    signed = "\n".join(
        f"{r.gate}, signed by {r.overridden_by}" if r.overridden_by else r.gate for r in failed
    )
    caveat = part.withheld.get("caveat", 0)
    return [
        ("candidates", str(measures["candidates"])),
        ("eligible", str(found.get("eligible", 0))),
        ("suppressed", str(found.get("suppressed", 0))),
        *((f"  {rule}", str(measures["suppressed"].get(rule, "."))) for rule in rules),
        ("unmatched", str(found.get("unmatched", 0))),
        ("ambiguous", str(found.get("ambiguous", 0))),
        *((name, str(found.get(name, 0))) for name in names),
        ("planned", f"{part.rows}" + (f" ({caveat} wait: caveat)" if caveat else "")),
        ("accepted", str(totals.accepted)),
        ("rejected", str(totals.rejected + totals.unknown)),
        ("decision", evaluation.decision.replace("_", " ")),
        ("failed gates", signed or "none"),
    ]


def writes(url: str) -> int:
    """Count the write requests that the sandbox received and answered."""
    seen = requests.get(f"{url}/_sandbox/requests", timeout=30).json()
    rows = seen if isinstance(seen, list) else seen["requests"]
    reading = ("/oauth2/", "/batch/read", "/query")
    return sum(
        r["method"] != "GET" and not any(part in r["path"] for part in reading) for r in rows
    )


def loaded() -> list[Contract]:
    """Read the shipped contracts."""
    from datetime import UTC, datetime

    from activation_pipeline.loading import load

    today = datetime.now(UTC).date()
    return [load(file, today=today) for file in sorted((ROOT / "contracts").glob("*.yaml"))]


def run() -> int:
    """Go the whole way once: dbt, plans, checks, approvals, syncs, read-back, table."""
    say("starting the sandbox of destinations on loopback")
    with ExitStack() as stack:
        url = stack.enter_context(sandbox())
        use(environment(url))
        before = writes(url)
        say("loading Dagster's definitions (dbt parses its project the first time)")
        warnings.simplefilter("ignore")
        from activation_pipeline import definitions
        from activation_pipeline.runtime import open_runtime
        from activation_pipeline.settings import read_settings

        defs = definitions.build_defs()
        runtime = open_runtime(read_settings(os.environ))
        stack.callback(runtime.close)
        contracts = loaded()
        say("running every contract: dbt -> plan -> gate checks -> sync -> read-back")
        succeeded = run_job(defs, "every_contract")
        if not succeeded:
            say("some plans wait for a person, as first plans do; the demo's roles look and sign")
            if sign_first_plans(contracts, runtime):
                keys = [
                    key for contract in contracts for key in definitions.contract_keys(contract)
                ]
                succeeded = run_job(defs, "every_contract", only=keys)
        arrived = show(contracts, runtime)
        console.print(f"write requests that the sandbox received: {writes(url) - before}")
        console.print(
            "explain one record:  .venv/bin/activation explain renewal_risk_review BC-000001"
        )
        console.print("see it in Dagster:   make ui")
        return 0 if arrived and succeeded else 1


def ui() -> int:
    """Keep sandbox and Dagster's UI up until interrupted."""
    with sandbox(free_port(8765)) as url:
        use(environment(url))
        port = free_port(3000)
        say(f"sandbox: {url}  (what a rep would see)")
        say(f"Dagster: http://127.0.0.1:{port}  (Ctrl-C stops both)")
        command = [
            sys.executable,
            "-m",
            "dagster",
            "dev",
            "-w",
            "workspace.yaml",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
        ]
        # Dagster ignores SIGINT and SIGTERM when it inherits SIGINT as ignored, as from a script.
        running = subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, preexec_fn=reset_sigint
        )  # noqa: PLW1509, S603 - single-threaded here; this project's own command
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            return running.wait()
        except (KeyboardInterrupt, SystemExit):
            return 0
        finally:
            stop(running)


def reset_sigint() -> None:
    """Let a child notice Ctrl-C and SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop(running: subprocess.Popen[bytes]) -> None:
    """End Dagster with everything that it started."""
    if running.poll() is None:
        running.terminate()
    try:
        running.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def free_port(wanted: int) -> int:
    """Take the wanted port where it is free, else any."""
    import socket

    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.close()
            with socket.socket() as other:
                other.bind(("127.0.0.1", 0))
                return int(other.getsockname()[1])
    return wanted


def build_dbt() -> int:
    """Build the dbt project with all its tests, unit tests too, into a warehouse of its own."""
    settings = environment("http://127.0.0.1:0")
    check = STATE / "check"
    check.mkdir(parents=True, exist_ok=True)
    settings["ACTIVATION_WAREHOUSE"] = str(check / "warehouse.duckdb")
    settings["DBT_TARGET_PATH"] = str(check / "dbt_target")
    command = [installed("dbt"), "--quiet", "build", "--project-dir", str(ROOT / "dbt_project")]
    return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode  # noqa: S603 - this project's own command


def validate() -> int:
    """Validate every shipped contract against the manifest of the build before."""
    settings = environment("http://127.0.0.1:0")
    settings["DBT_TARGET_PATH"] = str(STATE / "check" / "dbt_target")
    command = [installed("activation"), "validate"]
    return subprocess.run(command, env={**os.environ, **settings}, check=False, cwd=ROOT).returncode  # noqa: S603 - this project's own command


if __name__ == "__main__":
    commands = {"run": run, "ui": ui, "dbt": build_dbt, "validate": validate}
    sys.exit(commands[sys.argv[1]]())
