"""Run a Dagster job in this process and tell, step by step, how far it is."""

from __future__ import annotations

import io
import re
import threading
import uuid
from contextlib import redirect_stdout
from typing import Any

import dagster as dg
from surroundings import say


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


def run_job(definitions: Any, name: str, only: Any = None) -> bool:
    """Run one Dagster job in this process, say each step as it ends, and whether all succeeded."""
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
    marks = {
        dg.DagsterEventType.STEP_START: "[dim]...[/dim]    ",
        dg.DagsterEventType.STEP_SUCCESS: "[green]ok[/green]     ",
        dg.DagsterEventType.STEP_FAILURE: "[yellow]stopped[/yellow]",
    }
    cursor, last = None, False
    while not last:
        last = ended.wait(0.5)
        found = instance.event_log_storage.get_records_for_run(run_id, cursor, set(marks))
        cursor = found.cursor
        for record in found.records:
            event = record.event_log_entry.dagster_event
            if event.event_type != dg.DagsterEventType.STEP_START or event.step_key == "dbt":
                say(f"  {marks[event.event_type]} {event.step_key}")
