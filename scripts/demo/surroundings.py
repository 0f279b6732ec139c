"""The demo's settings, its sandbox, and one line of progress at a time.

State is under ``.activation``. The settings of the last start are in ``.env``, so that
``activation`` and ``dagster`` commands in this folder find the same installation.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".activation"
STARTED = time.monotonic()
console = Console(file=sys.__stdout__, highlight=False, soft_wrap=True)


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
        "BRAZE_BASE_URL": f"{sandbox_url}/braze",
        "BRAZE_API_KEY": "sandbox-api-key",
        "WEBHOOK_BASE_URL": f"{sandbox_url}/webhook",
        "WEBHOOK_SECRET": "sandbox-secret-of-the-context-store",
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
    # Until its own address is known, the sandbox only needs to know the folders.
    settings = {**os.environ, **environment("http://127.0.0.1:0")}
    (STATE / "home").mkdir(parents=True, exist_ok=True)
    with serving("sandbox", "--port", str(port), settings=settings) as url:
        yield url


@contextmanager
def board(port: int = 0) -> Iterator[str]:
    """Run the board in a process of its own and give its address."""
    with serving("board", "--port", str(port), settings=dict(os.environ)) as url:
        yield url


@contextmanager
def serving(*words: str, settings: dict[str, str]) -> Iterator[str]:
    """Run a command that serves, for as long as the block lasts, and give its address."""
    command = [installed("activation"), *words, "--json"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=settings, cwd=ROOT)
    try:
        yield read_address(running, words[0])
    finally:
        running.terminate()
        running.wait(timeout=15)


def read_address(running: subprocess.Popen[str], name: str) -> str:
    """Wait for a server's one document of JSON and take its address."""
    assert running.stdout is not None  # noqa: S101 - a pipe was asked for
    text = ""
    for line in running.stdout:
        text += line
        try:
            return str(json.loads(text)["url"])
        except ValueError:
            continue
    sys.exit(f"{name}: did not start; run activation {name} to see why")


def free_port(wanted: int) -> int:
    """Take the wanted port where it is free, else any."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.close()
            with socket.socket() as other:
                other.bind(("127.0.0.1", 0))
                return int(other.getsockname()[1])
    return wanted


def writes(url: str) -> int:
    """Count the write requests that the sandbox received and answered."""
    seen = requests.get(f"{url}/_sandbox/requests", timeout=30).json()
    rows = seen if isinstance(seen, list) else seen["requests"]
    reading = ("/oauth2/", "/read", "/query", "/users/export/")
    return sum(
        r["method"] != "GET" and not any(part in r["path"] for part in reading) for r in rows
    )
