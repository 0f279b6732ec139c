"""What changed since the last look, out of how a contract stands and what the ledger knows.

Words that somebody wrote (a pause, a resume, an expiry) are told one by one, however short they
were; what nobody writes down (a block, a run that is overdue, a recovery) is told by comparing
what is wrong now with what was wrong then. Nothing here reads or writes anything.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from activation_pipeline.notation import without_addresses
from activation_pipeline.standing.words import of_expiry, of_pause
from activation_pipeline.transition import Transition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from activation_pipeline.standing import Standing
    from activation_pipeline.transition import Kind, PauseWord, Seen, Wrong

_WRONG = frozenset({"blocked", "overdue", "expired"})


@dataclass(frozen=True)
class Look:
    """One look at a contract: how it stands at a moment, and who may restart it."""

    found: Standing
    now: datetime
    restarted_by: str | None = None

    @property
    def states(self) -> tuple[Standing, ...]:
        """List everything that holds."""
        return (self.found, *self.found.also)

    @property
    def wrong(self) -> Wrong:
        """List what is wrong; a contract that never ran is new, not wrong."""
        return frozenset(map(_name, filter(_is_wrong, self.states)))


def changes(look: Look, seen: Seen) -> tuple[Transition, ...]:
    """List what changed, in the order in which it is told."""
    if seen.first is None or seen.last is None:
        return tuple(_first_sight(look, seen))
    return (*_told_words(look, seen), *_compared(look, seen.last))


def _name(state: Standing) -> tuple[str, str, str]:
    return (state.state, state.clause or "", state.destination or "")


def _is_wrong(state: Standing) -> bool:
    is_new = state.clause == "plan" and state.since is None
    return state.state in _WRONG and not is_new


def _first_sight(look: Look, seen: Seen) -> Iterator[Transition]:
    """Begin to remember; what is wrong already is told, what was over before is not."""
    ids = {
        "last_pause": max((word.id for word in seen.words), default=0),
        "last_expiry": max(seen.expiries, default=0),
    }
    yield Transition(look.found.contract, None, "seen", None, None, look.wrong, ids, look.now)
    for state in look.states:
        if state.state == "paused" or _is_wrong(state):
            yield _of_state(state.state, state, look)


def _told_words(look: Look, seen: Seen) -> Iterator[Transition]:
    """Tell every pause, resume, end of a pause and expiry that was not told yet."""
    begun: Any = seen.first
    for number, incident in seen.expiries.items():
        source = f"incident:{number}"
        if number > begun.body["last_expiry"] and source not in seen.told:
            owner = look.found.owner
            yield _of_state("expired", of_expiry(incident, owner=owner), look, source=source)
    for word in seen.words:
        source = f"pause:{word.id}"
        if word.id > begun.body["last_pause"] and source not in seen.told:
            yield from _of_word(word, seen.words, look, source)
        source = f"pause_end:{word.id}"
        until = word.pause.until
        is_over = until is not None and begun.at < until <= look.now
        if is_over and source not in seen.told and _ended_by_itself(word, seen.words):
            yield _of_end(word, look, source)


def _of_word(
    word: PauseWord, words: Sequence[PauseWord], look: Look, source: str
) -> Iterator[Transition]:
    if word.paused:
        state = of_pause(word.pause, restarted_by=look.restarted_by)
        yield _of_state("paused", state, look, source=source)
        return
    before = [each for each in words if each.id < word.id and _same_place(each, word)]
    resumes = [each.id for each in before if not each.paused]
    lifted = [
        each
        for each in before
        if each.paused
        and each.id > max(resumes, default=0)
        and (each.pause.until is None or each.pause.until > word.pause.since)
    ]
    if lifted:
        message = word.pause.reason or "no reason was given"
        yield _told(look, word, kind="resumed", message=message, source=source)


def _of_end(word: PauseWord, look: Look, source: str) -> Transition:
    pause = word.pause
    message = f"the pause of {pause.since:%Y-%m-%d %H:%M} UTC ended by itself: {pause.reason}"
    return _told(look, word, kind="pause_ended", message=message, source=source)


def _ended_by_itself(word: PauseWord, words: Sequence[PauseWord]) -> bool:
    until = word.pause.until
    return (
        word.paused
        and until is not None
        and not any(
            not each.paused
            and each.id > word.id
            and _same_place(each, word)
            and each.pause.since < until
            for each in words
        )
    )


def _same_place(one: PauseWord, other: PauseWord) -> bool:
    return one.pause.destination == other.pause.destination


def _compared(look: Look, last: Transition) -> Iterator[Transition]:
    """Tell what is wrong now and was not then, or that nothing is wrong any more."""
    before: Wrong = last.wrong or frozenset()
    if last.at > look.now:
        return  # an older look never overrules a newer one
    # Work under way may be about to change what it found, so nothing is called mended yet.
    wrong = look.wrong | before if look.found.busy else look.wrong
    if wrong == before:
        return
    new = [s for s in look.states if _name(s) in wrong - before and s.state != "expired"]
    for state in new:
        yield _of_state(state.state, state, look, wrong=wrong)
    if new:
        return
    is_over = not wrong
    was = ", ".join(f"{state} by {clause}" for state, clause, _ in sorted(before))
    yield Transition(
        contract=look.found.contract,
        destination=None,
        kind="recovered" if is_over else "changed",
        clause=look.found.clause,
        source=None,
        wrong=wrong,
        body=_body(look.found, look) | {"message": f"was {was}", "stands": look.found.headline}
        if is_over
        else {},
        at=look.now,
    )


def _of_state(
    kind: str,
    state: Standing,
    look: Look,
    *,
    source: str | None = None,
    wrong: Wrong | None = None,
) -> Transition:
    told: dict[str, Kind] = {"paused": "paused", "expired": "expired", "overdue": "overdue"}
    return Transition(
        contract=look.found.contract,
        destination=state.destination,
        kind=told.get(kind, "blocked"),
        clause=state.clause,
        source=source,
        wrong=wrong,
        body=_body(state, look),
        at=look.now,
    )


def _told(look: Look, word: PauseWord, *, kind: Kind, message: str, source: str) -> Transition:
    """Tell a word that ended a pause: what stands now is what matters then."""
    pause = word.pause
    body = _body(look.found, look) | {
        "message": without_addresses(message),
        "by": without_addresses(pause.by),
        "since": word.pause.since.isoformat() if kind == "resumed" else None,
        "stands": look.found.headline,
    }
    return Transition(
        look.found.contract,
        pause.destination,
        kind,
        look.found.clause,
        source,
        None,
        body,
        look.now,
    )


def _body(state: Standing, look: Look) -> dict[str, Any]:
    """Put down what an alert says, as JSON takes it."""
    return {
        "message": state.message,
        "since": state.since.isoformat() if state.since else None,
        "until": state.until.isoformat() if state.until else None,
        "by": state.by,
        "owner": state.owner or look.found.owner,
        "restarted_by": state.restarted_by or look.restarted_by,
        "plan": state.plan or look.found.plan,
        "next": asdict(state.next_step) if state.next_step else None,
        "stands": None if state is look.found else look.found.headline,
    }
