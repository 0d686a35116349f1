"""The line between a call and its worker: signs of life, stops, checkpoints, and a log without secrets."""

from __future__ import annotations

import pytest

from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.limits import CHECKPOINT_BYTES, LOG_BYTES, OUTPUT_BYTES
from tidewheel.engine.worker import call_progress as rooms
from tidewheel.engine.worker.call_progress import OpenCallProgress

SECRET = "correct horse"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(1_000)


@pytest.fixture
def line(clock: SettableClock) -> OpenCallProgress:
    return OpenCallProgress(clock, "as it was")


def whole(line: OpenCallProgress) -> bytes:
    return line.take_log(last=True)


# --- stops, beats, checkpoints ----------------------------------------------------------------------------------


def test_the_first_reason_to_stop_stays(line: OpenCallProgress) -> None:
    assert line.stopping is None
    line.stop(Stop.CANCELLED)
    line.stop(Stop.TIMED_OUT)
    assert line.stopping is Stop.CANCELLED


def test_what_is_to_be_done_on_a_stop_is_done_once_and_at_once_if_it_comes_late(line: OpenCallProgress) -> None:
    done: list[str] = []
    line.on_stop(lambda: done.append("first"))
    line.on_stop(lambda: done.append("second"))
    assert done == []
    line.stop(Stop.LEASE_LOST)
    line.stop(Stop.LEASE_LOST)
    line.on_stop(lambda: done.append("late"))
    assert done == ["first", "second", "late"]


def test_beats_and_checkpoints_are_signs_of_life(line: OpenCallProgress, clock: SettableClock) -> None:
    clock.advance(500)
    assert line.silent_ms == 500
    line.beat()
    assert line.silent_ms == 0
    clock.advance(70)
    line.checkpoint("x")
    assert line.silent_ms == 0


def test_a_checkpoint_replaces_the_one_before(line: OpenCallProgress) -> None:
    assert line.restored == "as it was"
    line.checkpoint("é" * (CHECKPOINT_BYTES // 2))
    assert line.restored == "é" * (CHECKPOINT_BYTES // 2)


def test_one_that_is_too_long_is_refused_and_the_old_one_stays(line: OpenCallProgress) -> None:
    with pytest.raises(ValueError, match=f"keep at most {CHECKPOINT_BYTES}"):
        line.checkpoint("é" * (CHECKPOINT_BYTES // 2) + "x")
    assert line.restored == "as it was"


# --- the log ----------------------------------------------------------------------------------------------------


def test_a_log_is_taken_in_parts(line: OpenCallProgress) -> None:
    line.write(b"one ")
    assert (line.take_log(last=False), line.take_log(last=False)) == (b"one ", b"")
    line.write(b"two")
    assert (whole(line), whole(line)) == (b"two", b"")


def test_what_is_too_long_is_dropped_and_the_log_says_so_once(
    line: OpenCallProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "LOG_BYTES", 10)
    for data in (b"12345", b"678", b"90abc", b"def"):
        line.write(data)
    assert whole(line) == b"1234567890" + rooms._DROPPED
    line.write(b"more")
    assert whole(line) == b""


def test_it_may_be_as_long_as_the_limit(line: OpenCallProgress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "LOG_BYTES", 10)
    line.write(b"1234567890")
    assert whole(line) == b"1234567890"


def test_the_limit_counts_what_was_taken(line: OpenCallProgress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "LOG_BYTES", 10)
    line.write(b"12345678")
    line.take_log(last=False)
    line.write(b"90abc")
    assert whole(line) == b"90" + rooms._DROPPED


def test_what_concealing_saves_makes_no_room_after_the_end(
    line: OpenCallProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "LOG_BYTES", 20)
    line.conceal(SECRET)
    line.write(f"{SECRET} and much more".encode())
    line.take_log(last=False)
    line.write(b"more")
    assert not whole(line).endswith(b"more")


def test_the_limit_stands_where_the_design_puts_it() -> None:
    assert LOG_BYTES == 10 * 1024 * 1024


# --- secrets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", range(len(SECRET) + 1))
def test_a_secret_that_is_written_in_two_pieces_is_concealed(line: OpenCallProgress, at: int) -> None:
    line.conceal(SECRET)
    line.write(b"say " + SECRET[:at].encode())
    first = line.take_log(last=False)
    line.write(SECRET[at:].encode() + b"!")
    assert first + line.take_log(last=False) + whole(line) == b"say ***!"


def test_one_that_holds_another_is_concealed_as_a_whole(line: OpenCallProgress) -> None:
    line.conceal("horse")
    line.conceal("horse battery")
    line.write(b"my horse")
    first = line.take_log(last=False)
    line.write(b" battery, my horse, hors")
    assert first + line.take_log(last=False) + whole(line) == b"my ***, my ***, hors"


def test_those_that_overlap_are_concealed_together(line: OpenCallProgress) -> None:
    line.conceal("abcd")
    line.conceal("cdefgh")
    taken = b""
    for byte in b"xabcdefghz":
        line.write(bytes([byte]))
        taken += line.take_log(last=False)
    assert taken + whole(line) == b"x***z"


def test_one_after_another(line: OpenCallProgress) -> None:
    line.conceal("aba")
    line.write(b"ababa abaaba")
    assert whole(line) == b"*** ******"


def test_what_no_secret_can_follow_is_not_held_back(line: OpenCallProgress) -> None:
    line.conceal("xy")
    line.write(b"12345")
    assert line.take_log(last=False) == b"1234"


def test_a_log_that_is_cut_off_within_a_secret_shows_none_of_it(
    line: OpenCallProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "LOG_BYTES", 10)
    line.conceal(SECRET)
    line.write(b"say " + SECRET.encode())
    assert whole(line) == b"say ***" + rooms._DROPPED


def test_nothing_is_no_secret(line: OpenCallProgress) -> None:
    line.conceal("")
    line.write(b"abc")
    assert whole(line) == b"abc"


def test_answers_lose_their_secrets(line: OpenCallProgress) -> None:
    line.conceal("schlüssel")
    said = Answer(Result.FAILED, 401, "no schlüssel: schlüssel", "bad schlüssel", retryable=False, retry_after_ms=7)
    cleaned = line.cleaned(said)
    assert cleaned == Answer(Result.FAILED, 401, "no ***: ***", "bad ***", retryable=False, retry_after_ms=7)
    assert OpenCallProgress(SettableClock(0)).cleaned(said) is said


@pytest.mark.parametrize("shown", range(1, len(SECRET)))
def test_an_answer_that_was_cut_off_within_a_secret_shows_none_of_it(line: OpenCallProgress, shown: int) -> None:
    line.conceal(SECRET)
    before = "x" * (OUTPUT_BYTES - shown)
    output = line.cleaned(Answer(Result.SUCCEEDED, 200, before + SECRET[:shown])).output
    assert output == before + "***"


def test_a_short_answer_was_not_cut_off(line: OpenCallProgress) -> None:
    line.conceal(SECRET)
    assert line.cleaned(Answer(Result.SUCCEEDED, 200, "a c")).output == "a c"
