"""Random histories of workers whose tenant has a quota. A failure names its seed."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.metered import Metered
from tests.support.histories import until_nothing_is_missing
from tidewheel.domain.executions.states import State
from tidewheel.engine.common.token_leaser import TokenLeaser

SEEDS = range(12)


def test_no_history_with_a_quota_breaks_a_promise(record_property) -> None:
    seen: Counter[str] = Counter()

    def missing() -> set[object]:
        return {*({"blocked", "worker killed", "worker killed at a step"} - set(+seen))}

    for seed in until_nothing_is_missing(SEEDS, missing):
        history = Metered(seed)
        history.play()
        assert history.violations() == [], f"seed {seed}"
        accounted = sum(record.state is not State.BLOCKED for record in history.stack.world.executions.values())
        assert accounted + history.blocked == len(history.stack.world.executions)
        seen += history.faults.counts
        seen += Counter(ran=history.ran, blocked=history.blocked, lost=history.leased - history.ran)
    kills = seen["worker killed"] + seen["worker killed at a step"]
    told = f"{seen['ran']} ran, {seen['blocked']} blocked, {seen['lost']} tokens lost, {kills} workers killed"
    record_property("quota", told)
    print(told)  # noqa: T201
    assert missing() == set()


def test_a_leaser_that_gives_tokens_back_that_were_used_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant: each charge costs nothing, since it goes back at once."""
    honest = TokenLeaser.charge

    def free(self: TokenLeaser, *args):
        found = honest(self, *args)
        if hasattr(found, "windows"):
            self.give_back(found)
        return found

    monkeypatch.setattr(TokenLeaser, "charge", free)
    for seed in range(3 * len(SEEDS)):
        history = Metered(seed)
        history.play()
        if any("ran by" in fault for fault in history.violations()):
            return
    pytest.fail("no history caught it")
