"""One look at everything that acts by itself: pause rules, expiry, changes, alerts.

What Dagster's sensors do, done by one command, so that it also happens where Dagster's daemon is
dead: run from cron, it is what finds that. Safety comes first and telling last, and each part of
each contract is guarded, so that one that fails keeps no other from running.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from activation_pipeline import alerts, pause_rules
from activation_pipeline.errors import ActivationError, RefusedError, RetryableError
from activation_pipeline.expire import expire
from activation_pipeline.expiry import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from activation_pipeline.alerts import Channel, Links, Told
    from activation_pipeline.contract import Contract
    from activation_pipeline.loading import Checked
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.transition import Transition

Known = dict[tuple[str, str], watching.Seen]
_RULES, _EXPIRY, _CHANGES, _ALERTS = "pause rules", "expiry", "changes", "alerts"


@dataclass(frozen=True)
class Did:
    """What one part did or found about one contract; ``error`` where it failed."""

    part: str
    contract: str
    message: str
    error: ActivationError | None = None


@dataclass(frozen=True)
class Tick:
    """What one look did: the acts of its parts, the changes noted, what was told to whom.

    ``silent`` are the roles that a contract wants told and that have no address.
    """

    at: datetime
    contracts: int
    did: tuple[Did, ...]
    changes: tuple[Transition, ...]
    told: Told | None
    silent: tuple[str, ...]

    @property
    def errors(self) -> tuple[ActivationError, ...]:
        """List what failed."""
        return tuple(each.error for each in self.did if each.error is not None)


@dataclass
class _Work:
    """One look under way."""

    runtime: Runtime
    clock: Callable[[], datetime]
    did: list[Did]
    changes: list[Transition]
    known: Known
    told: Told | None = None

    def guarded(self, part: str, name: str, act: Callable[[], Iterable[str]]) -> None:
        """Do one thing; what is known to go wrong becomes a line of the report."""
        try:
            self.did += [Did(part, name, message) for message in act()]
        except RefusedError as error:
            # A rule that says no is at work: somebody froze it, or signs for it.
            self.did.append(Did(part, name, str(error)))
        except ActivationError as error:
            self.did.append(Did(part, name, str(error), error))
        except (SQLAlchemyError, OSError) as error:
            why = f"{name}: {part}: the ledger or a file does not answer ({type(error).__name__})"
            self.did.append(Did(part, name, why, RetryableError(why)))

    def rules(self, contract: Contract) -> Iterator[str]:
        """Pause what a rule stops, and undo what is to be undone."""
        applied = pause_rules.apply(contract, self.runtime, clock=self.clock)
        yield from (f"{contract.name}: paused: {pause.reason}" for pause in applied.written)
        if applied.restored is None:
            return
        yield from (each.headline for each in applied.restored.done)
        for error in applied.restored.failed:
            self.did.append(Did(_RULES, contract.name, str(error), error))

    def expiry(self, contract: Contract, destination: str) -> Iterator[str]:
        """Take away what outlived its promise; asks the destination only where something did."""
        place = (contract.name, destination)
        now = self.clock()
        seen, asked = watching.watch(
            contract, destination, self.runtime, self.known.get(place), now=now
        )
        self.known[place] = seen
        if asked is not None:
            yield expire(contract, destination, self.runtime, clock=self.clock).headline

    def notice(self, name: str, checked: Checked) -> Iterator[str]:
        """Note what changed; the changes are reported by themselves."""
        self.changes += alerts.notice(name, checked, self.runtime, now=self.clock())
        yield from ()

    def tell(self, channels: Mapping[str, tuple[Channel, ...]], links: Links) -> Iterator[str]:
        """Send what waits."""
        self.told = alerts.tell(self.runtime, channels, links, clock=self.clock)
        yield from ()


def tick(
    every: Mapping[str, Checked],
    runtime: Runtime,
    *,
    channels: Mapping[str, tuple[Channel, ...]],
    links: Links,
    clock: Callable[[], datetime],
    known: Known | None = None,
) -> Tick:
    """Look once at every contract, malformed ones too, and do what is due.

    Args:
        every: every contract file.
        runtime: where everything is; destinations are asked only where something has to be undone
            or has expired.
        channels: of each role; see ``alerts.read_channels``.
        links: what alerts link to.
        clock: tells the time, UTC.
        known: what the last look keeps for the next one, which then costs less.
    """
    began = clock()
    work = _Work(runtime, clock, [], [], {} if known is None else known)
    valid = [checked.contract for checked in every.values() if checked.contract is not None]
    # Called last in, first out, and each one whatever happened to those before: a fault that
    # nobody foresaw is raised in the end, when all the others have had their turn.
    with ExitStack() as rest:
        rest.callback(work.guarded, _ALERTS, "alerts", partial(work.tell, channels, links))
        for name, checked in reversed(list(every.items())):
            rest.callback(work.guarded, _CHANGES, name, partial(work.notice, name, checked))
        for contract in reversed(valid):
            for place in reversed(contract.destinations):
                act = partial(work.expiry, contract, place)
                rest.callback(work.guarded, _EXPIRY, contract.name, act)
        for contract in reversed(valid):
            rest.callback(work.guarded, _RULES, contract.name, partial(work.rules, contract))
    return Tick(
        at=began,
        contracts=len(every),
        did=tuple(work.did),
        changes=tuple(work.changes),
        told=work.told,
        silent=alerts.silent_roles(every.values(), channels),
    )
