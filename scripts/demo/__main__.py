"""Run the demo company: set-up, sandbox, Dagster, and the table of what happened.

``run`` goes the whole way once and exits 0 when every plan arrived; ``ui`` keeps the sandbox, the
board and Dagster's UI up; ``dbt`` and ``validate`` are two of the checks of ``make check``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from surroundings import (
    ROOT,
    STATE,
    board,
    console,
    environment,
    free_port,
    installed,
    sandbox,
    say,
    use,
    writes,
)

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime


def sign_first_plans(contracts: list[Contract], runtime: Runtime) -> int:
    """Give, as the demo's own roles, the signatures that the newest plans wait for."""
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


def loaded() -> list[Contract]:
    """Read the shipped contracts."""
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
        from running import run_job
        from table import show

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
        say("copying the ledger into the warehouse, for dbt to read")
        succeeded &= run_job(defs, "export_ledger")
        arrived = show(contracts, runtime)
        console.print(f"write requests that the sandbox received: {writes(url) - before}")
        console.print("history in the warehouse: activation.*, fct_delivery_coverage")
        console.print(
            "explain one record:  .venv/bin/activation explain renewal_risk_review BC-000022"
        )
        console.print("see it in Dagster:   make ui")
        return 0 if arrived and succeeded else 1


# Dagster ignores SIGINT and SIGTERM when it inherits SIGINT as ignored, as from a script.
_NOTICE_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def ui() -> int:
    """Keep sandbox, board and Dagster's UI up until interrupted."""
    with ExitStack() as stack:
        url = stack.enter_context(sandbox(free_port(8765)))
        use(environment(url))
        port = str(free_port(3000))
        shown = stack.enter_context(board(free_port(8400)))
        use(environment(url) | {"ACTIVATION_BOARD_URL": shown})  # for the links in alerts
        say(f"sandbox: {url}  (what a rep would see)")
        say(f"board:   {shown}  (every contract: what is blocked and why)")
        say(f"Dagster: http://127.0.0.1:{port}  (in about 15 seconds; Ctrl-C stops all)")
        dagster = [installed("dagster"), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1"]
        command = [sys.executable, "-c", _NOTICE_SIGINT, *dagster, "-p", port]
        running = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            return running.wait()
        except (KeyboardInterrupt, SystemExit):
            return 0
        finally:
            stop(running)


def stop(running: subprocess.Popen[bytes]) -> None:
    """End Dagster with everything that it started."""
    if running.poll() is None:
        running.terminate()
    try:
        running.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def build_dbt() -> int:
    """Build the dbt project with all its tests, unit tests too, into a warehouse of its own."""
    settings = environment("http://127.0.0.1:0")
    check = STATE / "check"
    check.mkdir(parents=True, exist_ok=True)
    settings["ACTIVATION_WAREHOUSE"] = str(check / "warehouse.duckdb")
    settings["DBT_TARGET_PATH"] = str(check / "dbt_target")
    command = [installed("dbt"), "--quiet", "build", "--project-dir", str(ROOT / "dbt_project")]
    return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode


def validate() -> int:
    """Validate every shipped contract against the manifest of the build before."""
    settings = environment("http://127.0.0.1:0")
    settings["DBT_TARGET_PATH"] = str(STATE / "check" / "dbt_target")
    command = [installed("activation"), "validate"]
    return subprocess.run(command, env={**os.environ, **settings}, check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    commands = {"run": run, "ui": ui, "dbt": build_dbt, "validate": validate}
    sys.exit(commands[sys.argv[1]]())
