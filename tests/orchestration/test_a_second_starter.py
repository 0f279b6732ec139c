"""Dagster and a command start a sync: the first one sends, the other is told who is sending."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from tiny_company import NAME, RECORDS
from yards import SYNC

if TYPE_CHECKING:
    from collections.abc import Callable

    from yards import Yard

_WITHIN_S = 60


def own(yard: Yard, method: str, path: str, **options: Any) -> Any:
    answer = requests.request(method, f"{yard.sandbox}/_sandbox/{path}", timeout=20, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def slow_down(yard: Yard) -> None:
    """Let the first write wait for its answer until the faults are taken back."""
    slow = {"vendor": "salesforce", "kind": "slow", "seconds": _WITHIN_S}
    own(yard, "POST", "faults", json={**slow, "path_regex": "/composite/sobjects"})


def wait_for_a_write(yard: Yard, sends: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not yard.sent():
        assert sends(), "the first sender ended without a write"
        assert time.monotonic() < deadline, "the first sender did not start"


def start_command(yard: Yard, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).with_name("activation"), "sync", NAME, *arguments],
        cwd=yard.folder,
        env=yard.environment | {"PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_materialization_is_refused_while_a_command_sends(yard: Yard) -> None:
    slow_down(yard)
    with start_command(yard) as sender:
        try:
            wait_for_a_write(yard, lambda: sender.poll() is None)
            result = yard.run(asset_selection={SYNC})
        finally:
            own(yard, "DELETE", "faults")
        told, err = sender.communicate(timeout=_WITHIN_S)

    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert "is sending since" in failure.event_specific_data.error_display_string
    assert str(sender.pid) in failure.event_specific_data.error_display_string
    assert (sender.returncode, err) == (0, ""), told
    assert yard.sent() == RECORDS
    assert yard.run(asset_selection={SYNC}).success
    assert yard.sent() == RECORDS


def test_a_command_is_refused_while_a_materialization_sends(yard: Yard) -> None:
    slow_down(yard)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(yard.run, asset_selection={SYNC})
        try:
            wait_for_a_write(yard, lambda: not first.done())
            with start_command(yard, "--json") as command:
                told, err = command.communicate(timeout=_WITHIN_S)
            assert not first.done(), "the first sender did not wait for its answer"
        finally:
            own(yard, "DELETE", "faults")
        assert first.result(timeout=_WITHIN_S).success

    (refused,) = json.loads(told)["destinations"]
    assert (command.returncode, refused["outcome"]) == (3, "refused"), err
    assert refused["error"]["clause"] == "one_sender"
    assert "is sending since" in refused["headline"]
    assert str(os.getpid()) in refused["headline"]
    assert yard.sent() == RECORDS
    with start_command(yard, "--json") as again:
        told, err = again.communicate(timeout=_WITHIN_S)
    assert (again.returncode, err) == (0, ""), told
    assert yard.sent() == RECORDS
