"""Random histories of workers whose tenant has a quota. A failure names its seed."""

from __future__ import annotations

import pytest

from tests.simulation.metered import Metered
from tidewheel.domain.executions.states import State
from tidewheel.engine.common.token_leaser import TokenLeaser

SEEDS = range(12)


def test_no_history_with_a_quota_breaks_a_promise(record_property) -> None:
    ran = blocked = lost = kills = 0
    for seed in SEEDS:
        history = Metered(seed)
        history.play()
        assert history.violations() == [], f"seed {seed}"
        accounted = sum(record.state is not State.BLOCKED for record in history.stack.world.executions.values())
        assert accounted + history.blocked == len(history.stack.world.executions)
        ran, blocked, lost = ran + history.ran, blocked + history.blocked, lost + history.leased - history.ran
        kills += history.faults.counts["worker killed"] + history.faults.counts["worker killed at a step"]
    record_property("quota", f"{ran} ran, {blocked} blocked, {lost} tokens lost, {kills} workers killed")
    print(f"{len(SEEDS)} histories: {ran} ran, {blocked} blocked, {lost} tokens lost, {kills} kills")  # noqa: T201
    assert blocked
    assert kills


def test_a_leaser_that_gives_tokens_back_that_were_used_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant: each charge costs nothing, since it goes back at once."""
    honest = TokenLeaser.charge

    def free(self: TokenLeaser, *args):
        found = honest(self, *args)
        if hasattr(found, "windows"):
            self.give_back(found)
        return found

    monkeypatch.setattr(TokenLeaser, "charge", free)
    for seed in SEEDS:
        history = Metered(seed)
        history.play()
        if any("ran by" in fault for fault in history.violations()):
            return
    pytest.fail("no history caught it")
