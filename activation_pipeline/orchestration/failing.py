"""How the core's errors look to Dagster: a failed step with a headline, or a step to try again.

Only an error that names a wait is tried again, after it. Where a destination is down the core has
tried already, and the next run goes on. A refusal never is: a person has to act first, and a step
that is tried again would hide for whom it waits.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.errors import ActivationError, RefusedError, RetryableError
from activation_pipeline.orchestration.reporting import what_to_do

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRIES = 3
# A step that sleeps for longer only keeps its pool from others; the next run is as good.
_LONGEST_WAIT_S = 600.0


@contextmanager
def told_to_dagster(contract: str, destination: str | None = None) -> Iterator[None]:
    """Turn an error of the core into the step's end.

    Raises:
        dagster.Failure: refused, broken for good, or down; its description is the core's message.
        dagster.RetryRequested: three more tries, after the wait that was asked for.
    """
    try:
        yield
    except ActivationError as error:
        wait_s = error.retry_after if isinstance(error, RetryableError) else None
        if wait_s is not None and wait_s <= _LONGEST_WAIT_S:
            raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=wait_s) from error
        metadata: dict[str, str | dg.MetadataValue] = {
            "contract": contract,
            "kind": type(error).__name__,
            "runbook": what_to_do(error.section),
        }
        if destination is not None:
            metadata["destination"] = destination
        if isinstance(error, RefusedError):
            metadata["clause"] = error.clause
        # A retry policy that somebody gave the step holds for what may work later, and only for it.
        later = isinstance(error, RetryableError)
        raise dg.Failure(description=str(error), metadata=metadata, allow_retries=later) from None
