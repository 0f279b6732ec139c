"""Is a destination still the account that holds what the ledger says it holds?

What was delivered is kept by contract and destination, not by account. Compared with another
account, most of a plan would look sent already, and an undo would meet strangers' records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime


def moved(contract: Contract, destination: str, runtime: Runtime) -> str | None:
    """Say that what we hold was delivered to another account; None: it was not, or nothing was.

    Raises:
        RetryableError, PermanentError: the destination does not say who it is.
    """
    then = runtime.ledger.account(contract.name, destination)
    now = runtime.client(contract, destination).identity if then else None
    if then == now:
        return None
    return (
        f"what this ledger knows was delivered to {then}, and this is {now}; "
        "use an ACTIVATION_HOME and ledger of its own for each account"
    )


def check_account(contract: Contract, destination: str, runtime: Runtime) -> None:
    """Refuse to touch what is ours in an account that is not the one that it was delivered to.

    Raises:
        RefusedError: names both accounts.
    """
    told = moved(contract, destination, runtime)
    if told:
        raise RefusedError(
            f"{contract.name}: {destination}: {told}; owner: {contract.owners.destination_field}",
            clause="destination_ready",
        )
