"""How questions of several threads go together: nobody waits for company, and nobody is left behind."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.polling import until
from tidewheel.adapters.aws.dynamodb import together
from tidewheel.adapters.aws.dynamodb.together import ALONE, SLOW_MS, Together, Unsent
from tidewheel.adapters.memory import SettableClock


class Service:
    """Answers each question with its double; a request waits until it is let go."""

    def __init__(self) -> None:
        self.requests: list[list[int]] = []
        self.held: dict[int, threading.Event] = {}
        self.fails: dict[int, BaseException] = {}

    def send(self, group: Sequence[int]) -> Sequence[int | Unsent]:
        self.requests.append(list(group))
        if group[0] in self.held:
            self.held[group[0]].wait()
        if group[0] in self.fails:
            raise self.fails[group[0]]
        return [2 * one for one in group]

    def hold(self, *leads: int) -> None:
        """The requests that these lead are not answered yet."""
        self.held.update({lead: threading.Event() for lead in leads})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SettableClock:
    """Time stands still, so that no request is slow, until it is told to go on."""
    standing = SettableClock(0)
    monkeypatch.setattr(together, "_CLOCK", standing)
    return standing


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def threads(service: Service) -> Iterator[ThreadPoolExecutor]:
    """They end with the test, whatever is still held."""
    with ThreadPoolExecutor(40) as pool:
        yield pool
        for held_back in service.held.values():
            held_back.set()


Asking = dict[int, "Future[int | Unsent]"]


def asked(threads: ThreadPoolExecutor, asking: Together[int, int], *questions: int) -> Asking:
    """Asks them one after another, each once the one before it waits."""
    futures = {}
    for number in questions:
        before = asking.waiting
        futures[number] = threads.submit(asking.ask, number)
        until(lambda before=before: asking.waiting > before, f"{number} waits")
    return futures


def held(threads: ThreadPoolExecutor, asking: Together[int, int], service: Service, lead: int) -> Future[int | Unsent]:
    """A request that is under way."""
    service.hold(lead)
    future = threads.submit(asking.ask, lead)
    until(lambda: any(request[0] == lead for request in service.requests), f"the request of {lead}")
    return future


def test_what_comes_alone_is_sent_at_once_by_the_thread_that_asks() -> None:
    threads = []
    asking = Together[int, int](lambda group: threads.append(threading.get_ident()) or [2 * group[0]], 25)
    assert [asking.ask(1), asking.ask(2)] == [2, 4]
    assert threads == [threading.get_ident()] * 2


@pytest.mark.usefixtures("clock")
def test_what_comes_during_a_request_goes_together_in_the_next(threads: ThreadPoolExecutor, service: Service) -> None:
    asking = Together(service.send, 3)
    first = held(threads, asking, service, 1)
    others = asked(threads, asking, 2, 3, 4, 5, 6)
    service.held[1].set()
    assert {number: future.result() for number, future in others.items()} == {2: 4, 3: 6, 4: 8, 5: 10, 6: 12}
    assert first.result() == 2
    assert service.requests == [[1], [2, 3, 4], [5, 6]]


@pytest.mark.usefixtures("clock")
def test_no_two_of_one_key_go_together(threads: ThreadPoolExecutor, service: Service) -> None:
    asking = Together(service.send, 25, key=lambda number: number % 10)
    held(threads, asking, service, 1)
    others = asked(threads, asking, 12, 21, 22, 31, 42)
    service.held[1].set()
    assert [future.result() for future in others.values()] == [24, 42, 44, 62, 84]
    assert service.requests == [[1], [12, 21], [22, 31], [42]]


def test_behind_a_slow_request_nobody_waits(
    threads: ThreadPoolExecutor, service: Service, clock: SettableClock
) -> None:
    asking = Together(service.send, 25)
    slow = held(threads, asking, service, 1)
    others = asked(threads, asking, 2, 3)
    clock.advance(SLOW_MS)
    assert [future.result() for future in others.values()] == [4, 6]
    assert asking.ask(4) == 8  # though the requests that began after the slow one are younger
    assert not slow.done()
    assert [len(request) for request in service.requests[1:]] in ([2, 1], [1, 1, 1])


def test_each_slow_request_lets_one_more_begin(
    threads: ThreadPoolExecutor, service: Service, clock: SettableClock
) -> None:
    asking = Together(service.send, 25)
    held(threads, asking, service, 1)
    clock.advance(SLOW_MS)
    held(threads, asking, service, 2)
    (third,) = asked(threads, asking, 3).values()
    clock.advance(SLOW_MS - 1)
    service.held[1].set()  # the lead is not passed on while a younger request is under way
    until(lambda: len(asking._began_ms) == 1, "the end of the first request")
    assert service.requests == [[1], [2]]
    clock.advance(1)
    assert third.result() == 6


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("error", [ValueError("a fault of ours"), KeyboardInterrupt(), SystemExit()])
def test_a_lead_that_breaks_off_leaves_the_others_to_ask_alone(
    threads: ThreadPoolExecutor, service: Service, error: BaseException
) -> None:
    asking = Together(service.send, 25)
    held(threads, asking, service, 1)
    others = asked(threads, asking, 2, 3, 4)
    service.fails[2] = error
    service.held[1].set()
    assert [others[number].result() for number in (3, 4)] == [ALONE, ALONE]
    with pytest.raises(type(error)):
        others[2].result()
    assert asking.ask(5) == 10


@pytest.mark.usefixtures("clock")
def test_who_is_not_answered_asks_alone(threads: ThreadPoolExecutor, service: Service) -> None:
    asking = Together[int, int](lambda group: service.send(group)[:2], 25)
    held(threads, asking, service, 1)
    others = asked(threads, asking, 2, 3, 4)
    service.held[1].set()
    assert [future.result() for future in others.values()] == [4, 6, ALONE]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("method", ["_patience_s", "_lead"], ids=["while it waits", "when it is to lead"])
def test_a_thread_that_is_interrupted_holds_up_nobody(
    threads: ThreadPoolExecutor, service: Service, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    asking = Together(service.send, 25)
    held(threads, asking, service, 1)
    real = getattr(asking, method)

    def interrupted(one: together._Asked[int, int]) -> object:
        if one.what == 2:
            raise KeyboardInterrupt
        return real(one)

    monkeypatch.setattr(asking, method, interrupted)
    second = threads.submit(asking.ask, 2)
    if method == "_lead":
        until(lambda: asking.waiting == 1, "the second waits")
    else:
        until(second.done, "the interrupt")
    others = asked(threads, asking, 3, 4)
    service.held[1].set()
    assert [future.result() for future in others.values()] == [6, 8]
    with pytest.raises(KeyboardInterrupt):
        second.result()
    assert service.requests == [[1], [3, 4]]
    assert (asking.waiting, asking._began_ms) == (0, {})


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=8),
    st.integers(1, 5),
    st.sets(st.integers(0, 9)),
)
def test_each_question_is_answered_once_whatever_the_threads_do(
    questions: list[list[int]], most: int, failing: set[int]
) -> None:
    """Leads whose number is to fail break off at random; whoever went with them asks alone, and does."""
    requests: list[Sequence[tuple[int, int]]] = []

    def send(group: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
        requests.append(group)
        if len(group) > 1 and group[0][1] in failing:
            raise ValueError
        return group

    asking = Together[tuple[int, int], tuple[int, int]](send, most, key=lambda one: one[1])

    def ask(thread: int, number: int) -> bool:
        try:
            answer = asking.ask((thread, number))
        except ValueError:
            return False
        assert answer in (ALONE, (thread, number))
        return answer is not ALONE

    def thread(number: int) -> int:
        return sum(ask(number, one) for one in questions[number])

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(questions)) as pool:
            answered = sum(pool.map(thread, range(len(questions))))
    finally:
        sys.setswitchinterval(before)
    broken = [group for group in requests if len(group) > 1 and group[0][1] in failing]
    assert answered == sum(map(len, questions)) - sum(map(len, broken))
    assert sum(map(len, requests)) == sum(map(len, questions))
    assert all(len(group) <= most and len({one[1] for one in group}) == len(group) for group in requests)
    assert (asking.waiting, asking._began_ms) == (0, {})
