"""Send the notices that wait: each to every channel of its role, until that took it.

A try is claimed in the ledger before it is made and ended after, so that two that send at once send
once. Who dies in between leaves a claim that runs out, and the notice is sent again: a doubled
alert is better than none. A channel that fails is tried again ever more rarely, and what waited
for three days is let go, because nobody mends anything by it any more.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from activation_pipeline.alerts.message import text, title
from activation_pipeline.transition import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from activation_pipeline.alerts.addresses import Channel
    from activation_pipeline.alerts.message import Links
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.transition import Notice, Transition

KEPT = timedelta(days=3)
# One address at most, and all of them together: whatever else waits for its turn goes on then.
ONE_S = 10.0
_ALL = timedelta(seconds=60)
_CLAIMED = timedelta(minutes=2)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
# A channel that is new to a role hears what is news, not what another of its channels heard.
_NEWS = timedelta(minutes=10)
_TYPES = {"recovered": "success", "resumed": "success", "paused": "warning", "pause_ended": "info"}


@dataclass(frozen=True)
class Failing:
    """A channel of a role whose last try failed, since when, why, and how much waits for it."""

    role: str
    channel: str
    since: datetime
    message: str
    waiting: int


@dataclass(frozen=True)
class Told:
    """What one round of sending did; ``without_address`` counts what waits by role."""

    sent: int
    failing: tuple[Failing, ...]
    without_address: Mapping[str, int]


def send(channel: Channel, transition: Transition, links: Links) -> str | None:
    """Send one alert by apprise; gives what went wrong, without the address, or None."""
    # It takes half a second to import, and only who sends needs it.
    import apprise  # noqa: PLC0415 - see above

    # It logs addresses and answers at DEBUG: both may hold a token.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    asset = apprise.AppriseAsset(app_id="activation", async_mode=False, storage_mode="memory")
    service = apprise.Apprise(asset=asset)
    if not service.add(channel.reveal()):
        return "apprise does not know this kind of address"
    done = service.notify(
        text(transition, links),
        title=title(transition),
        notify_type=_TYPES.get(transition.kind, "failure"),
        body_format="text",
        timeout=ONE_S,
    )
    if done:
        return None
    return (
        f"no answer within {ONE_S:g} s" if done.status.name == "TIMEOUT" else "it did not take it"
    )


def tell(
    runtime: Runtime,
    channels: Mapping[str, tuple[Channel, ...]],
    links: Links,
    *,
    clock: Callable[[], datetime],
    send: Callable[[Channel, Transition, Links], str | None] = send,
) -> Told:
    """Send what is due to every channel that answers; nothing of it is in a transaction.

    Args:
        runtime: only its ledger is used.
        channels: of each role.
        links: where the runbook and the board are.
        clock: tells the time, UTC; asked before every try.
        send: reaches one channel; gives what went wrong, or None.
    """
    began, sent = clock(), 0
    down: set[str] = set()
    for notice, channel in due(runtime, channels, now=began):
        if channel.name in down or clock() - began > _ALL:
            continue
        end = _tried(runtime, notice, channel, links, clock=clock, send=send)
        if end is not None and end.outcome == "failed":
            down.add(channel.name)
        sent += end is not None and end.outcome == "sent"
    return told(runtime, channels, sent=sent, now=clock())


def _tried(
    runtime: Runtime,
    notice: Notice,
    channel: Channel,
    links: Links,
    *,
    clock: Callable[[], datetime],
    send: Callable[[Channel, Transition, Links], str | None],
) -> Attempt | None:
    """Make one try; None where somebody else's made it needless."""
    now, log = clock(), runtime.ledger.transitions
    if not log.claim(notice, channel.name, lambda n: _may_try(n, channel.name, now), now=now):
        return None
    problem = send(channel, notice.transition, links)
    end = Attempt(channel.name, "failed" if problem else "sent", problem or "", clock())
    log.end(notice, end)
    return end


def told(
    runtime: Runtime, channels: Mapping[str, tuple[Channel, ...]], *, now: datetime, sent: int = 0
) -> Told:
    """Tell which channels fail, and for which roles something waits that have no address."""
    notices = runtime.ledger.transitions.notices(since=now - KEPT)
    waiting: dict[str, int] = defaultdict(int)
    for notice in notices:
        if notice.role not in channels and not _heard(notice):
            waiting[notice.role] += 1
    return Told(sent, failing(notices, channels), dict(waiting))


def failing(
    notices: Iterable[Notice], channels: Mapping[str, tuple[Channel, ...]]
) -> tuple[Failing, ...]:
    """List the channels, of those that are set, whose last ended try failed."""
    tries: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    waiting: dict[tuple[str, str], int] = defaultdict(int)
    for notice in notices:
        for channel in channels.get(notice.role, ()):
            mine = [each for each in notice.tries(channel.name) if each.outcome != "trying"]
            tries[notice.role, channel.name] += mine
            waiting[notice.role, channel.name] += all(each.outcome == "failed" for each in mine)
    found = []
    for (role, name), made in tries.items():
        made.sort(key=lambda each: each.at)
        failed: list[Attempt] = []
        for each in reversed(made):
            if each.outcome == "sent":
                break
            failed.append(each)
        if failed:
            first, last = failed[-1], failed[0]
            found.append(Failing(role, name, first.at, last.message, waiting[role, name]))
    return tuple(found)


def due(
    runtime: Runtime, channels: Mapping[str, tuple[Channel, ...]], *, now: datetime
) -> tuple[tuple[Notice, Channel], ...]:
    """List what is to be sent now, oldest first."""
    notices = runtime.ledger.transitions.notices(since=now - KEPT)
    known: dict[str, datetime] = {}
    for notice in notices:
        for each in notice.attempts:
            known[each.channel] = min(each.at, known.get(each.channel, each.at))
    return tuple(
        (notice, channel)
        for notice in notices
        for channel in channels.get(notice.role, ())
        if _may_try(notice, channel.name, now)
        and (not _heard(notice) or notice.transition.at >= known.get(channel.name, now) - _NEWS)
    )


def _heard(notice: Notice) -> bool:
    return any(each.outcome == "sent" for each in notice.attempts)


def _may_try(notice: Notice, channel: str, now: datetime) -> bool:
    """Say whether a channel has not taken a notice yet, and its turn has come."""
    tries = notice.tries(channel)
    if not tries:
        return True
    if any(each.outcome == "sent" for each in tries):
        return False
    if tries[-1].outcome == "trying":
        return now - tries[-1].at > _CLAIMED
    count = sum(each.outcome == "failed" for each in tries)
    wait = min(_FIRST_WAIT * (1 << min(count - 1, 10)), _LONGEST_WAIT)
    return now - tries[-1].at >= wait
