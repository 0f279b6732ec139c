"""A destination that is dead is asked a few times, for less than a minute, and left alone.

Whatever else waits behind the client is told at once; one that only refuses, throttles or
stumbles over a single request is not dead.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from dying_vendor import WAYS, DyingLine, Time
from requests.structures import CaseInsensitiveDict

from activation_pipeline.destinations._breaker import MOST_FAILED, Breaker
from activation_pipeline.destinations._exchange import Line, NoAnswerError, Request
from activation_pipeline.destinations._http import Again, Answer, Clockwork, Transport
from activation_pipeline.destinations._http import UnansweredError as Unanswered
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_CALLS, MOST_SECONDS = 10, 60
READ = Request("GET", "/", None, None, {})


def judge(answer: Answer) -> Again | None:
    if answer.status == 429:
        return Again("throttled", wait_s=1.0, throttled=True)
    return Again(f"answered {answer.status}", applied=True) if answer.status >= 500 else None


@dataclass
class Always:
    """A line that gives every request the same status."""

    status: int

    def send(self, *_: Any, **__: Any) -> Answer:
        return Answer(self.status, b"{}", CaseInsensitiveDict())

    def close(self) -> None:
        pass


def transport_over(line: Any, time: Time) -> Transport:
    made = Transport(
        vendor="vendor",
        base_url="http://127.0.0.1:9",
        judge=judge,
        clockwork=Clockwork(time.sleep, time.clock),
    )
    made._line = line
    return made


def dead_transport(way: str, **options: Any) -> tuple[Transport, DyingLine]:
    time = Time()
    line = DyingLine(Always(200), time, way, **options)
    return transport_over(line, time), line


@pytest.mark.parametrize("way", WAYS)
def test_one_caller_gives_up_in_time_and_the_next_is_told_at_once(way: str) -> None:
    transport, line = dead_transport(way)
    for _ in range(5):
        with pytest.raises(RetryableError):
            transport.call("POST", "/write", body=b"{}")
    assert line.calls <= MOST_CALLS
    assert line.time.longest <= MOST_SECONDS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at_once", [2, 5, 8])
def test_many_callers_give_up_together(way: str, at_once: int) -> None:
    transport, line = dead_transport(way)
    errors: list[BaseException | None] = []

    def call(_: int) -> None:
        try:
            transport.call("POST", "/write", body=b"{}")
        except RetryableError as error:
            errors.append(error)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(call, range(40)))
    assert len(errors) == 40
    assert line.calls <= MOST_CALLS
    assert line.time.longest <= MOST_SECONDS


def test_it_is_said_why_nothing_more_is_sent() -> None:
    transport, _ = dead_transport("503")
    told = []
    for _ in range(3):
        with pytest.raises(RetryableError) as error:
            transport.call("GET", "/read")
        told.append(str(error.value))
    stopped = "vendor: 8 calls in a row had no answer; stopped; run again later"
    assert told == [
        "vendor: answered 503, given up within our patience; try later",
        stopped,
        stopped,
    ]


def test_patience_that_was_spent_is_told_with_its_figures() -> None:
    transport, _ = dead_transport("silent")
    with pytest.raises(Unanswered, match="ReadTimeout"):
        transport.call("POST", "/write", body=b"{}")
    with pytest.raises(RetryableError) as error:
        transport.call("POST", "/write", body=b"{}")
    assert str(error.value) == ("vendor: 2 tries over 55 s had no answer; stopped; run again later")
    assert not isinstance(error.value, Unanswered)


def test_a_write_that_may_have_arrived_before_the_end_is_unanswered() -> None:
    """Told as surely unsent, it would be sent again without a look."""
    transport, line = dead_transport("cut")
    for _ in range(MOST_FAILED - 1):
        with pytest.raises(Unanswered):
            transport.call("POST", "/create", body=b"{}", repeat=False)
    with pytest.raises(Unanswered):
        transport.call("POST", "/write", body=b"{}")
    assert line.calls == MOST_FAILED


def test_a_single_bad_request_does_not_stop_the_others() -> None:
    transport, line = dead_transport("502 with a page", path="/poison")
    for _ in range(4):
        with pytest.raises(Unanswered):
            transport.call("POST", "/poison", body=b"{}")
        assert transport.call("POST", "/write", body=b"{}").status == 200
    assert line.calls == 4 * 6


def test_a_bad_request_among_many_threads_does_not_stop_the_others() -> None:
    transport, _ = dead_transport("502 with a page", path="/poison")

    def call(at: int) -> int:
        if at != 50:
            return transport.call("POST", "/write", body=b"{}").status
        with pytest.raises(Unanswered):
            transport.call("POST", "/poison", body=b"{}")
        return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(call, range(100))) == 99 * 200


@pytest.mark.parametrize(
    ("status", "error"), [(429, RetryableError), (401, PermanentError), (400, None)]
)
def test_a_refusal_is_an_answer(status: int, error: type[Exception] | None) -> None:
    def judging(answer: Answer) -> Again | None:
        if answer.status == 401:
            raise PermanentError("no")
        return judge(answer)

    transport = transport_over(Always(status), Time())
    transport._judge = judging
    for _ in range(2 * MOST_FAILED):
        if error is None:
            assert transport.call("GET", "/").status == status
            continue
        with pytest.raises(error) as raised:
            transport.call("GET", "/")
        assert "stopped" not in str(raised.value)


def test_being_throttled_has_a_patience_of_its_own() -> None:
    """A vendor's window may be a minute away, which is longer than anything dead is waited for."""
    time = Time()
    transport = transport_over(Always(429), time)
    transport._judge = lambda _: Again("throttled", wait_s=60.0, throttled=True)
    with pytest.raises(RetryableError):
        transport.call("GET", "/")
    assert time.longest == 60.0


def test_after_a_failure_no_more_are_let_in_than_there_is_room_for() -> None:
    breaker = Breaker("vendor", most=3)
    first, second = breaker.enter(), breaker.enter()
    breaker.leave(first, failed=True)
    breaker.enter()  # one failed, one on its way, this one: three
    entered = threading.Event()

    def wait_for_room() -> None:
        breaker.enter()
        entered.set()

    waiting = threading.Thread(target=wait_for_room)
    waiting.start()
    assert not entered.wait(0.05)
    breaker.leave(second, failed=False)
    waiting.join()
    assert entered.is_set()


def test_a_late_answer_to_an_earlier_request_is_no_sign_of_life() -> None:
    breaker = Breaker("vendor", most=3)
    early = [breaker.enter() for _ in range(3)]
    breaker.leave(early[0], failed=True)
    breaker.leave(early[1], failed=True)
    breaker.leave(early[2], failed=False)
    late = breaker.enter()
    breaker.leave(late, failed=True)
    with pytest.raises(RetryableError, match="3 calls in a row"):
        breaker.check()


@pytest.fixture
def listening() -> Iterator[Callable[[bytes | None], str]]:
    """A socket that takes one request and answers these bytes, cuts (empty), or never does."""
    closing: list[socket.socket] = []

    def listen(reply: bytes | None) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        closing.append(server)

        def serve() -> None:
            taken, _ = server.accept()
            closing.append(taken)
            taken.recv(65_536)
            if reply is not None:
                taken.sendall(reply)
                taken.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield listen
    for one in closing:
        one.close()


@pytest.mark.parametrize("reply", [None, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_what_was_taken_and_not_answered_may_have_been_applied(
    listening: Callable[[bytes | None], str], reply: bytes | None
) -> None:
    line = Line(listening(reply), None)
    with pytest.raises(NoAnswerError) as error:
        line.send(READ, connect_s=1.0, read_s=0.05)
    assert error.value.applied
    line.close()


def test_what_nobody_took_was_surely_not_applied() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    line = Line(address, None)
    with pytest.raises(NoAnswerError) as error:
        line.send(READ, connect_s=1.0, read_s=1.0)
    assert not error.value.applied
    line.close()
