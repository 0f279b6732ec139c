"""What tests of alerts do: look at a contract, send what waits, pause and resume it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from company import NOW, contract_dict, make_contract

from activation_pipeline.alerts import Links, notice, read_channels, tell
from activation_pipeline.evidence import Pause
from activation_pipeline.loading import Checked

if TYPE_CHECKING:
    from activation_pipeline.runtime import Runtime

CONTRACT = make_contract(contract_dict())
OURS = CONTRACT.name
FILE = Checked(f"contracts/{OURS}.yaml", CONTRACT, ())
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LINKS = Links(runbook="https://wiki.example.com/runbook", board="https://board.example.com/")


def look(runtime: Runtime, *, at: datetime = NOW, file: Checked = FILE) -> list[str]:
    return [each.kind for each in notice(OURS, file, runtime, now=at)]


def send(runtime: Runtime, *addresses: str, at: datetime = NOW) -> Any:
    channels = read_channels({"ACTIVATION_ALERT_CS_OPS": " ".join(addresses)})
    return tell(runtime, channels, LINKS, clock=lambda: at)


def pause(runtime: Runtime, reason: str, *, at: datetime = NOW, **more: Any) -> None:
    word = {"destination": None, "by": "demo_cs_director", "until": None} | more
    runtime.ledger.pause(Pause(OURS, reason=reason, since=at, **word))


def resume(runtime: Runtime, *, at: datetime) -> None:
    runtime.ledger.resume(Pause(OURS, None, "demo_cs_director", "mended", at, None))
