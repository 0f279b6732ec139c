"""How the core's errors look to Dagster: a failed step with a headline, or a step to try again.

Only an error that says a later try may work is tried again. A refusal never is: a person has
to act first, and a step that is tried again would hide for whom it waits.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.errors import ActivationError, RefusedError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRIES = 3
_WAIT_S = 30.0


@contextmanager
def told_to_dagster(contract: str, destination: str | None = None) -> Iterator[None]:
    """Turn an error of the core into the step's end.

    Raises:
        dagster.Failure: refused, or broken for good; its description is the core's message.
        dagster.RetryRequested: three more tries, after the wait that was asked for.
    """
    try:
        yield
    except RetryableError as error:
        wait_s = error.retry_after if error.retry_after is not None else _WAIT_S
        raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=wait_s) from error
    except ActivationError as error:
        metadata = {"contract": contract, "kind": type(error).__name__}
        if destination is not None:
            metadata["destination"] = destination
        if isinstance(error, RefusedError):
            metadata["clause"] = error.clause
        raise dg.Failure(description=str(error), metadata=metadata, allow_retries=False) from None
