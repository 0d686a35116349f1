"""MiniStack's queues share between message groups as Amazon's page says; what is made differently is left alone."""

from __future__ import annotations

import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from localstack.engines import ministack_fair, ministack_tuned
from localstack.engines.ministack_fair import LEAST_IN_FLIGHT, Consumers, fairly, in_turn

NOW_S = 1_000.0


def _sent(number: int, group: str | None) -> dict[str, Any]:
    return {"id": number, "group_id": group, "visible_at": NOW_S, "receive_count": 0}


def _queue(*groups: str | None, fifo: bool = False) -> dict[str, Any]:
    messages = [_sent(number, group) for number, group in enumerate(groups)]
    return {"is_fifo": fifo, "messages": messages, "attributes": {"QueueArn": "arn"}}


def _collect_msgs(q: Any, max_n: int, vis_timeout: int) -> list[Any]:
    """As MiniStack does it."""
    chosen = [message for message in q["messages"] if message["visible_at"] <= NOW_S][:max_n]
    for message in chosen:
        message["visible_at"] = NOW_S + vis_timeout
        message["receive_count"] += 1
    return chosen


def _ids(messages: list[Any]) -> list[int]:
    return [message["id"] for message in messages]


class TestWhoIsNoisy:
    def test_many_in_flight_make_noisy(self):
        flood = {"flood": LEAST_IN_FLIGHT, "quiet": 1}
        assert Consumers().noisy(flood, NOW_S) == {"flood"}

    def test_few_in_flight_make_nobody_noisy_at_once(self):
        assert Consumers().noisy({"one": LEAST_IN_FLIGHT - 1, "other": 1}, NOW_S) == frozenset()

    def test_a_group_of_many_that_takes_a_small_share_is_quiet(self):
        even = {str(group): LEAST_IN_FLIGHT for group in range(10)}
        assert Consumers().noisy(even, NOW_S) == frozenset()

    def test_whoever_takes_the_consumers_time_is_noisy_with_few_in_flight(self):
        consumers = Consumers()
        consumers.noisy({}, NOW_S)
        assert consumers.noisy({"slow": 5, **{str(one): 1 for one in range(9)}}, NOW_S + 1) == {"slow"}

    def test_what_was_long_ago_is_forgotten(self):
        consumers = Consumers()
        consumers.noisy({}, NOW_S)
        consumers.noisy({"then": 5}, NOW_S + 1)
        others = {str(one): 1 for one in range(20)}
        assert consumers.noisy(others, NOW_S + 2) == {"then"}
        assert consumers.noisy(others, NOW_S + 200) == frozenset()


class TestWhoIsHandedOut:
    def test_quiet_groups_come_first_and_each_keeps_its_order(self):
        waiting = [_sent(number, group) for number, group in enumerate(["flood", "flood", "quiet", "flood", "quiet"])]
        assert _ids(in_turn(waiting, {}, frozenset({"flood"}), 4)) == [2, 4, 0, 1]

    def test_of_noisy_groups_the_one_with_fewest_in_flight_comes_first(self):
        waiting = [_sent(number, group) for number, group in enumerate("aaaabb")]
        assert _ids(in_turn(waiting, {"a": 1, "b": 3}, frozenset("ab"), 5)) == [0, 1, 2, 4, 3]

    def test_a_message_without_a_group_is_a_tenant_of_its_own(self):
        waiting = [_sent(0, "flood"), _sent(1, None)]
        assert _ids(in_turn(waiting, {}, frozenset({"flood"}), 1)) == [1]

    def test_nothing_is_left_lying(self):
        waiting = [_sent(number, group) for number, group in enumerate(["a", None, "b", "a", "c"])]
        assert sorted(_ids(in_turn(waiting, {"a": 3}, frozenset("ab"), 10))) == list(range(5))


class TestQueues:
    def test_a_backlog_of_one_tenant_is_passed_by_the_others(self):
        queue = _queue(*["flood"] * 60, "quiet")
        collect = fairly(_collect_msgs, lambda: NOW_S)
        assert _ids(collect(queue, 40, 30)) == list(range(40))
        assert _ids(collect(queue, 2, 30)) == [60, 40]

    @pytest.mark.parametrize("fifo", [True, False])
    def test_a_fifo_queue_and_one_without_groups_stay_as_they_are(self, fifo):
        queue = _queue(*(["flood"] * 60 if fifo else [None] * 60), "quiet" if fifo else None, fifo=fifo)
        collect = fairly(_collect_msgs, lambda: NOW_S)
        collect(queue, 40, 30)
        assert _ids(collect(queue, 2, 30)) == [40, 41]

    def test_what_is_handed_out_is_hidden_in_the_queue_itself(self):
        queue = _queue("a", "b")
        collect = fairly(_collect_msgs, lambda: NOW_S)
        collect(queue, 1, 30)
        assert [message["receive_count"] for message in queue["messages"]] == [1, 0]


def _act_receive_message(data: Any) -> Any:
    return _collect_msgs(data, 1, 1)


def _receive_messages_for_esm(data: Any) -> Any:
    return _collect_msgs(data, 1, 1)


def _module(**differs: Any) -> ModuleType:
    module = ModuleType("ministack.services.sqs")
    parts = {
        "_collect_msgs": _collect_msgs,
        "_act_receive_message": _act_receive_message,
        "_receive_messages_for_esm": _receive_messages_for_esm,
        "time": time,
    }
    vars(module).update({**parts, **differs})
    return module


class TestPuttingItInForce:
    def test_the_queues_share(self):
        module = _module(time=SimpleNamespace(time=lambda: NOW_S))
        ministack_tuned.share_fairly(lambda _: module)
        queue = _queue(*["flood"] * 60, "quiet")
        module._collect_msgs(queue, 40, 30)
        assert _ids(module._collect_msgs(queue, 1, 30)) == [60]

    @pytest.mark.parametrize(
        ("part", "instead", "told"),
        [
            ("_collect_msgs", lambda _queue: [], "has other parameters"),
            ("_collect_msgs", None, "has other parameters"),
            ("time", None, "time is gone"),
            ("_act_receive_message", len, "does not call _collect_msgs"),
            ("_receive_messages_for_esm", None, "does not call _collect_msgs"),
        ],
    )
    def test_a_part_that_is_made_differently_is_named_and_nothing_touched(self, part, instead, told):
        module = _module(**{part: instead})
        before = dict(vars(module))
        with pytest.raises(ministack_tuned.CannotTune, match=told):
            ministack_tuned.share_fairly(lambda _: module)
        assert dict(vars(module)) == before

    def test_a_module_that_is_missing_is_named(self):
        def load(name: str) -> ModuleType:
            raise ModuleNotFoundError(f"No module named {name!r}")

        with pytest.raises(ministack_tuned.CannotTune, match="sqs"):
            ministack_tuned.share_fairly(load)

    def test_the_error_of_the_part_is_its_own(self):
        with pytest.raises(ministack_fair.CannotShare):
            ministack_fair.share(lambda _: _module(time=None))
