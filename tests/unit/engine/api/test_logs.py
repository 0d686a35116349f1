"""Reading logs: piece by piece, while they are written, and what stands for them where nothing is stored."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.adapters.memory import MemoryExecutions, MemoryLogs, World
from tidewheel.domain.errors import NotFound
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Attempt, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.transitions import claimed, finished, with_lost_attempt
from tidewheel.domain.ids import ExecutionId, job_id
from tidewheel.domain.limits import OUTPUT_BYTES, RENEW_MS
from tidewheel.engine.api import logs
from tidewheel.engine.api.logs import LogPage, LogPosition, LogService, Source
from tidewheel.ports import Call

ID = str(ExecutionId(job_id(bytes(10)), START_MS))
FAILED = Answer(Result.FAILED, 500, "short answer", "HTTP 500")


def started(attempt: int = 1) -> Execution:
    queued = Execution(TENANT, ID, State.QUEUED, START_MS, 1, version=0)
    return claimed(queued, attempt, "w", START_MS, received_ms=START_MS)


def over(state: State = State.SUCCEEDED, answer: Answer = FAILED) -> Execution:
    return finished(started(), state, answer, START_MS, START_MS + 5)


class LogBench:
    """An execution's record and logs, and the service that reads them."""

    def __init__(self, record: Execution | None, *parts: bytes) -> None:
        self.executions, self.logs = MemoryExecutions(World()), MemoryLogs()
        if record is not None:
            self.executions.swap(replace(record, version=1), None)
        self.store(*parts)

    def store(self, *parts: bytes, first: int = 0, attempt: int = 1) -> None:
        for number, data in enumerate(parts, first):
            self.logs.append(TENANT, ID, attempt, number, data)

    def now(self, record: Execution) -> None:
        standing = self.executions.get(TENANT, ID)
        assert standing is not None
        assert self.executions.swap(replace(record, version=standing.version + 1), standing.version) is None

    def read(self, attempt: int | None = None, position: LogPosition | None = None) -> LogPage:
        return LogService(self.executions, self.logs).read(TENANT, ID, attempt, position)

    def pages(self, position: LogPosition | None = None) -> list[LogPage]:
        found = [self.read(position=position)]
        while found[-1].text and found[-1].position:
            found.append(self.read(position=found[-1].position))
        return found


def test_a_stored_log_is_read_to_its_end() -> None:
    page = LogBench(over(), b"one\n", b"two\n").read()
    assert page == LogPage(1, "one\ntwo\n", Source.STORED, None, complete=True)


def test_a_log_that_is_being_written_is_read_as_far_as_it_goes_and_on_from_there() -> None:
    bench = LogBench(started())
    first = bench.read()
    assert first == LogPage(1, "", None, LogPosition(1), complete=False)
    bench.store(b"one\n")
    second = bench.read(position=first.position)
    assert (second.text, second.source, second.complete) == ("one\n", Source.STORED, False)
    again = bench.read(position=second.position)
    assert (again.text, again.position) == ("", second.position)
    bench.store(b"two\n", first=1)
    bench.now(over())
    assert bench.read(position=second.position) == LogPage(1, "two\n", Source.STORED, None, complete=True)


def test_the_end_of_a_log_that_was_read_already_is_empty_and_not_the_inline_answer() -> None:
    bench = LogBench(started(), b"all of it")
    position = bench.read().position
    bench.now(over())
    assert bench.read(position=position) == LogPage(1, "", Source.STORED, None, complete=True)


def test_a_part_that_was_lost_neither_hides_nor_repeats_what_follows() -> None:
    bench = LogBench(started(), b"zero ")
    bench.store(b"two ", first=2)
    page = bench.read()
    assert page.text == "zero two "
    bench.store(b"three", first=3)
    assert bench.read(position=page.position).text == "three"


def test_a_short_answer_is_the_one_on_the_record() -> None:
    assert LogBench(over()).read() == LogPage(1, "short answer", Source.INLINE, None, complete=True)


def test_the_answer_on_the_record_is_nobody_elses() -> None:
    retried = claimed(over(State.RETRYING), 2, "w", START_MS + 10, received_ms=START_MS + 10)
    bench = LogBench(retried)
    assert bench.read(1) == LogPage(1, "short answer", Source.INLINE, None, complete=True)
    assert bench.read() == LogPage(2, "", None, LogPosition(2), complete=False)
    vanished = replace(with_lost_attempt(retried, START_MS + 99), state=State.DEAD)
    bench.now(vanished)
    assert bench.read(2) == LogPage(2, "", None, None, complete=True)
    assert bench.read(1).text == "short answer"
    answered = replace(
        vanished, attempts=(*vanished.attempts, Attempt(3, 1, 2, Result.FAILED)), attempt=3, output="new"
    )
    bench.now(answered)
    assert (bench.read(1).text, bench.read(1).source) == ("", None)  # it was not kept
    assert bench.read(3).text == "new"


def test_the_newest_attempt_unless_one_is_named() -> None:
    bench = LogBench(replace(started(), attempt=3), b"first")
    bench.store(b"third", attempt=3)
    assert (bench.read().attempt, bench.read().text) == (3, "third")
    assert bench.read(1) == LogPage(1, "first", Source.STORED, None, complete=True)  # another has started: it is over


@pytest.mark.parametrize("attempt", [2, 99])
def test_an_attempt_that_never_began_is_not_found(attempt: int) -> None:
    with pytest.raises(NotFound, match=f"attempt {attempt}"):
        LogBench(started()).read(attempt)
    with pytest.raises(NotFound, match=f"attempt {attempt}"):
        LogBench(started()).read(position=LogPosition(attempt))


def test_an_unknown_execution_is_not_found() -> None:
    with pytest.raises(NotFound, match="execution"):
        LogBench(None).read()


@pytest.mark.parametrize(("state", "complete"), [(State.QUEUED, False), (State.CANCELLED, True)])
def test_before_the_first_attempt_there_is_nothing(state: State, complete: bool) -> None:
    record = Execution(TENANT, ID, state, START_MS, 1)
    assert LogBench(record).read() == LogPage(0, "", None, None, complete)


def test_a_page_ends_at_its_size_within_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_PAGE_BYTES", 4)
    pages = LogBench(over(), b"abcdef", b"ghi").pages()
    assert [page.text for page in pages] == ["abcd", "efgh", "i"]
    assert [page.complete for page in pages] == [False, False, True]


def test_a_page_holds_so_many_parts_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_PAGE_PARTS", 2)
    pages = LogBench(over(), b"a", b"b", b"c", b"d").pages()
    assert [page.text for page in pages] == ["ab", "cd", ""]
    assert pages[-1].complete


def test_a_character_in_two_parts_waits_for_its_end() -> None:
    euro = "€".encode()
    bench = LogBench(started(), b"5 " + euro[:1], euro[1:2])
    page = bench.read()
    assert page.text == "5 "
    bench.store(euro[2:] + b"!", first=2)
    assert bench.read(position=page.position).text == "€!"
    bench.now(over())
    assert LogBench(over(), b"5 " + euro[:2]).read().text == "5 \ufffd"  # it never comes


PARTS = st.lists(st.binary(min_size=1, max_size=7) | st.text(min_size=1, max_size=4).map(str.encode), max_size=6)


@given(parts=PARTS, size=st.integers(4, 9), count=st.integers(4, 6), seen=st.integers(0, 6))
def test_however_a_log_is_cut_its_pages_are_its_text(parts: list[bytes], size: int, count: int, seen: int) -> None:
    """Some parts are read while the attempt goes on, the rest when it is over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "LOG_PAGE_BYTES", size)
        patch.setattr(logs, "LOG_PAGE_PARTS", count)  # four bytes at least, so that each page goes on
        bench = LogBench(started(), *parts[:seen])
        early = bench.pages()
        bench.store(*parts[seen:], first=seen)
        bench.now(over(answer=replace(FAILED, output="")))
        late = bench.pages(early[-1].position)
    assert "".join(page.text for page in (*early, *late)) == b"".join(parts).decode(errors="replace")
    assert late[-1].complete
    assert all(len(page.text.encode(errors="replace")) <= 3 * size for page in (*early, *late))


def test_what_a_call_writes_can_be_read_while_it_runs_and_afterwards() -> None:
    stack = MemoryStack()
    job = stack.create(every(60_000, START_MS + 30_000), timeout_ms=60_000)
    dispatch = Dispatch(TENANT, str(ExecutionId(job.id, START_MS + 30_000)), 1, 1, START_MS + 30_000, recorded=False)
    book, seen = LogService(stack.executions, stack.logs), []

    def answers(call: Call) -> Answer:
        call.progress.conceal("hunter2")
        call.progress.write("password hunter2, ☂\n".encode())
        stack.clock.advance(RENEW_MS)
        stack.lease_renewer.tick()
        seen.append(book.read(TENANT, call.execution))
        call.progress.write(b"done\n")
        return Answer(Result.SUCCEEDED, 0, "done")

    stack.caller.answers = answers
    stack.runner.handle(dispatch)
    (early,) = seen
    assert not early.complete
    assert "password ***" in early.text
    rest = book.read(TENANT, dispatch.execution, position=early.position)
    assert early.text + rest.text == "password ***, ☂\ndone\n"
    assert rest.complete


def test_a_short_answer_is_not_stored_beside_its_record() -> None:
    stack = MemoryStack()
    job = stack.create(every(60_000, START_MS + 30_000))
    sizes = iter((OUTPUT_BYTES, OUTPUT_BYTES + 1))

    def answers(call: Call) -> Answer:
        data = b"x" * next(sizes)
        call.progress.write(data)
        return Answer(Result.SUCCEEDED, 200, data[:OUTPUT_BYTES].decode())

    stack.caller.answers = answers
    pages = []
    for due in (START_MS + 30_000, START_MS + 90_000):
        dispatch = Dispatch(TENANT, str(ExecutionId(job.id, due)), 1, 1, due, recorded=False)
        stack.runner.handle(dispatch)
        pages.append(LogService(stack.executions, stack.logs).read(TENANT, dispatch.execution))
    assert [(page.source, len(page.text)) for page in pages] == [
        (Source.INLINE, OUTPUT_BYTES),
        (Source.STORED, OUTPUT_BYTES + 1),
    ]
