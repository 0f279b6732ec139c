"""Rules on what pauses a workflow by itself.

Source: "The workflow owner cannot define a pause rule: keep the workflow manual or alert-only".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.contract import PauseRules
from activation_pipeline.loading.places import Finding
from activation_pipeline.notation import written_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.contract import Freshness, Launch, Monitoring


def something_pauses_it(monitoring: Monitoring, launch: Launch) -> Iterator[Finding]:
    """A workflow that writes has a rule that pauses it."""
    rules = monitoring.pause_when
    if any(getattr(rules, name) is not None for name in PauseRules.model_fields):
        return
    writes = launch.decision != "pause" and not (launch.caveats and launch.caveats.alert_only)
    if writes:
        message = (
            "names no rule, so nothing pauses it by itself; write one, as in failed_runs: 2, or "
            "launch it alert_only"
        )
        yield Finding(("monitoring", "pause_when"), "no_pause_rule", message, at_key=True)


def overdue_before_expiry(monitoring: Monitoring, freshness: Freshness) -> Iterator[Finding]:
    """A missing run pauses the workflow before its values expire."""
    overdue = monitoring.pause_when.overdue
    if overdue is not None and overdue >= freshness.expire_after:
        expire = written_duration(freshness.expire_after)
        message = (
            f"{written_duration(overdue)} is not shorter than expire_after ({expire}): its values "
            f"would expire first; write less than {expire}"
        )
        yield Finding(("monitoring", "pause_when", "overdue"), "overdue_after_expiry", message)
