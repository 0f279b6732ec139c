"""Dagster starts a sync while a command sends: the step fails and says who is sending."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from tiny_company import NAME, RECORDS
from yards import SYNC

if TYPE_CHECKING:
    from yards import Yard

_WITHIN_S = 60


def own(yard: Yard, method: str, path: str, **options: Any) -> Any:
    answer = requests.request(method, f"{yard.sandbox}/_sandbox/{path}", timeout=20, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_for_a_write(yard: Yard, sender: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not yard.sent():
        assert sender.poll() is None, sender.communicate()
        assert time.monotonic() < deadline, "the command did not start"


def test_a_materialization_is_refused_while_a_command_sends(yard: Yard) -> None:
    slow = {"vendor": "salesforce", "kind": "slow", "seconds": _WITHIN_S}
    own(yard, "POST", "faults", json={**slow, "path_regex": "/composite/sobjects"})
    command = Path(sys.executable).with_name("activation")
    with subprocess.Popen(
        [command, "sync", NAME],
        cwd=yard.folder,
        env=yard.environment | {"PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as sender:
        try:
            wait_for_a_write(yard, sender)
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
