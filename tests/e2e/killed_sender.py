"""A delivery in a process of its own that ends itself, as ``kill -9`` would, at a chosen point.

The process is forked from a clean server that has the package imported, so that dying many times
costs little. Nothing of the package knows about this.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import requests

from activation_pipeline.ledger import deliveries

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from e2e_place import Place

    from activation_pipeline.contract import Contract


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _at_call(owner: Any, name: str, at: int, *, after: bool = False) -> None:
    """Die before, or after, the n-th call of a function, counted from 1."""
    known: Callable[..., Any] = getattr(owner, name)
    count = itertools.count(1)

    def counted(*args: Any, **kwargs: Any) -> Any:
        number = next(count)
        if number == at and not after:
            _die()
        answer = known(*args, **kwargs)
        if number == at:
            _die()
        return answer

    setattr(owner, name, counted)


def before_the_first_request() -> None:
    _at_call(requests.Session, "request", 1)


def sent_but_unanswered() -> None:
    """An answer is awaited after its request has gone: that of a write in the middle."""
    _at_call(HTTPConnection, "getresponse", 5)


def between_batches() -> None:
    _at_call(deliveries.Deliveries, "intend", 3)


def all_answered_but_not_recorded() -> None:
    _at_call(deliveries.Deliveries, "record_results", 1)


def while_recording() -> None:
    """The second result is in the open transaction, which is never committed."""
    _at_call(deliveries, "_add_result", 2, after=True)


NAMED: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        before_the_first_request,
        sent_but_unanswered,
        between_batches,
        all_answered_but_not_recorded,
        while_recording,
    )
}


def _count_calls(act: Callable[[int], None]) -> None:
    """Call ``act`` with the number of each function call of the package, in every thread."""
    count = itertools.count(1)

    def note(frame: Any, event: str, _arg: object) -> None:
        if event == "call" and "activation_pipeline" in frame.f_code.co_filename:
            act(next(count))

    threading.setprofile(note)
    sys.setprofile(note)


def _send(place: Place, contract: Contract, point: str | int) -> None:
    if isinstance(point, int):
        _count_calls(lambda number: _die() if number == point else None)
    else:
        NAMED[point]()
    place.send(contract)


def _send_counted(place: Place, contract: Contract, told: Path) -> None:
    last = 0

    def keep(number: int) -> None:
        nonlocal last
        last = number

    _count_calls(keep)
    place.send(contract)
    sys.setprofile(None)
    told.write_text(str(last), encoding="utf-8")


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["activation_pipeline.batches", "killed_sender", "e2e_place"])
    return context


def send_and_die(place: Place, contract: Contract, point: str | int) -> int | None:
    """Start a delivery that dies at a point; gives the process's exit code."""
    process = _context().Process(target=_send, args=(place, contract, point))
    process.start()
    process.join(60)
    return process.exitcode


def _work_and_die(
    work: Callable[[Place, Contract], object], place: Place, contract: Contract, point: str
) -> None:
    NAMED[point]()
    work(place, contract)


def die_in(
    work: Callable[[Place, Contract], object], place: Place, contract: Contract, point: str
) -> int | None:
    """Start something else that writes, and dies at a point; gives the process's exit code."""
    process = _context().Process(target=_work_and_die, args=(work, place, contract, point))
    process.start()
    process.join(60)
    return process.exitcode


def count_calls(place: Place, contract: Contract, told: Path) -> int:
    """Deliver without a disturbance and count the package's function calls."""
    process = _context().Process(target=_send_counted, args=(place, contract, told))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    return int(told.read_text(encoding="utf-8"))
