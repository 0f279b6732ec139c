"""The real command in real processes: from a contract file to records in a stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from installation import NAME, Installation, installed, write_records

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sys.executable).with_name("activation"))


def run(place: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env={**os.environ, **place.environment},
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def report(place: Installation, *arguments: str) -> dict[str, Any]:
    done = run(place, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def served(tmp_path: Path, built: Path) -> Iterator[tuple[Installation, subprocess.Popen[str]]]:
    """An installation whose stand-in is another process, reached as it says itself."""
    place = installed(tmp_path, built, "")
    write_records(tmp_path / "dbt" / "seeds" / "crm")
    with subprocess.Popen(
        [COMMAND, "sandbox", "--port", "0", "--json"],
        env={**os.environ, **place.environment},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            lines = [process.stdout.readline()]
            while lines[-1] and lines[-1] != "}\n":
                lines.append(process.stdout.readline())
            announced = json.loads("".join(lines))
            place.environment |= announced["settings"]
            place.vendor = announced["url"]
            yield place, process
        finally:
            if process.poll() is None:
                process.kill()


def test_a_first_plan_waits_for_a_person_then_goes_once(
    served: tuple[Installation, subprocess.Popen[str]],
) -> None:
    place, sandbox = served
    assert report(place, "validate")["errors"] == 0
    assert report(place, "plan", NAME)["decision"] == "pause"
    refused = run(place, "sync", NAME)
    assert (refused.returncode, place.writes()) == (3, 0)
    word = ("--as", "cs_director", "--by", "a test")
    assert run(place, "approve", NAME, *word).returncode == 0
    plan = report(place, "plan", NAME)["plan"]
    signed = report(place, "approve", NAME, *word, "--plan", plan, "--reason", "first plan")
    assert signed["decision"] == "launch"
    assert report(place, "sync", NAME)["destinations"][0]["accepted"] == 6
    writes = place.writes()
    assert writes > 0
    again = run(place, "sync", NAME)
    assert "nothing was left to send" in again.stdout
    assert place.writes() == writes
    assert "delivered" in run(place, "status").stdout
    explained = run(place, "explain", NAME, "A-1").stdout
    assert "accepted" in explained
    assert "\x1b" not in explained
    assert report(place, "export", NAME)["tables"]["delivered_salesforce"]["rows"] == 6
    sandbox.send_signal(signal.SIGTERM)
    assert sandbox.wait(timeout=10) == 0


def test_the_stand_ins_name_what_keeps_them_from_starting(tmp_path: Path, built: Path) -> None:
    place = installed(tmp_path, built, "")
    done = run(place, "sandbox", "--records", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "no such folder of records" in done.stderr
