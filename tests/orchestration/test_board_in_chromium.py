"""The board in a real browser, beside a real Dagster: pause, see a red check, resume, see it gone.

It costs two servers and a browser, so everything that needs a browser is one test.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from chromium import running_tab
from tiny_company import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chromium import Tab
    from yards import Yard

BIN = Path(sys.executable).parent
_WITHIN_S = 120
# Dagster ignores the signals that end it when it inherits SIGINT as ignored, as from a script.
_NOTICE_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
_CHECK = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization {
    evaluation { success description } } } } } } } }"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(*command: str, yard: Yard, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a server in a process group of its own, and end all of it afterwards."""
    environment = {**os.environ, **yard.environment, "DAGSTER_HOME": str(yard.folder / "dagster")}
    with subprocess.Popen(
        [sys.executable, "-c", _NOTICE_SIGINT, *command],
        cwd=yard.folder,
        env=environment,
        start_new_session=True,
        text=True,
        **options,
    ) as running:
        try:
            yield running
        finally:
            _stop(running)


def _stop(running: subprocess.Popen[str]) -> None:
    running.terminate()
    try:
        running.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@contextmanager
def running_board(yard: Yard) -> Iterator[str]:
    command = (str(BIN / "activation"), "board", "--json")
    with started(*command, yard=yard, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        told = ""
        while "}" not in told:
            told += running.stdout.readline()
        yield json.loads(told)["url"]


@contextmanager
def running_dagster(yard: Yard) -> Iterator[str]:
    """Run Dagster's page and daemon over a copy of the company's history."""
    shutil.copytree(yard.environment["DAGSTER_HOME"], yard.folder / "dagster")
    port = str(free_port())
    command = (str(BIN / "dagster"), "dev", "-m", "activation_pipeline.definitions")
    with (
        (yard.folder / "dagster.log").open("w", encoding="utf-8") as log,
        started(*command, "-h", "127.0.0.1", "-p", port, yard=yard, stdout=log, stderr=log),
    ):
        yield f"http://127.0.0.1:{port}"


def wait_for(found: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _WITHIN_S
    while not found():
        assert time.monotonic() < end, f"{what}: not within {_WITHIN_S} s"
        time.sleep(0.3)  # servers of their own: their clocks cannot be moved


def shown_check(dagster: str) -> tuple[bool, str] | None:
    """Ask Dagster what its page shows of ``not_paused``: passed or not, and why."""
    asked = {"query": _CHECK, "variables": {"key": {"path": [NAME, "score"]}}}
    try:
        answer = requests.post(f"{dagster}/graphql", json=asked, timeout=10).json()
    except requests.ConnectionError:
        return None
    checks = answer["data"]["assetNodeOrError"].get("assetChecksOrError", {}).get("checks", [])
    execution = next((c for c in checks if c["name"] == "not_paused"), {}).get(
        "executionForLatestMaterialization"
    )
    evaluation = execution and execution["evaluation"]
    return (evaluation["success"], evaluation["description"]) if evaluation else None


def say(tab: Tab, action: str, **fields: str) -> None:
    """Fill in one of the forms of the contract's page and press its button."""
    form = f"details.{action} form"
    tab.run(f"document.querySelector('details.{action}').open = true")
    tab.fill(form, by="demo_oncall", **fields)
    tab.press(f"{form} button")


def test_a_pause_on_the_board_is_red_in_dagster_until_it_is_resumed(yard: Yard) -> None:
    with ExitStack() as stack:
        tab = stack.enter_context(running_tab())
        dagster = stack.enter_context(running_dagster(yard))
        board = stack.enter_context(running_board(yard))
        tab.open(board)
        assert NAME in tab.text()
        assert "paused" not in tab.text()
        tab.resize(360, 740)
        assert tab.run("document.documentElement.scrollWidth") <= 360
        tab.press("h2 a")
        assert tab.run("document.documentElement.scrollWidth") <= 360
        say(tab, "pause", reason="bands of last week")
        assert "Nothing more is sent" in tab.text()
        assert "bands of last week" in tab.text()
        tab.open(board)
        assert "1 ■ paused" in " ".join(tab.text().split())

        def is_red() -> bool:
            found = shown_check(dagster)
            return found is not None and not found[0] and "bands of last week" in found[1]

        wait_for(is_red, "the red check")
        tab.resize(1400, 900)
        tab.open(f"{dagster}/assets/{NAME}/score?view=checks&checkDetail=not_paused")
        tab.wait_for("document.body.innerText.includes('bands of last week')")

        tab.open(f"{board}/contracts/{NAME}")
        say(tab, "resume", reason="bands are of today", role="cs_ops")
        assert "Refused by not_paused" in tab.text()
        tab.open(f"{board}/contracts/{NAME}")
        say(tab, "resume", reason="bands are of today", role="cs_director")
        assert "Resumed" in tab.text()
        wait_for(lambda: (shown_check(dagster) or (False,))[0], "the green check")
