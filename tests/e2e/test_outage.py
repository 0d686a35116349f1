"""The whole fleet is gone for a while: on return every instant of the outage is accounted for, by its job's policy.

``OUTAGE_S`` says for how long, in seconds.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from localstack import deploy
from tests.support.polling import until
from tests.support.receiver import Target
from tidewheel.domain.wheel.levels import MINUTES
from tidewheel.names import DEFAULT_DEPLOYMENT, Function, physical
from tidewheel.wire.bodies.execution import LedgerAnswer, LedgerLine
from tidewheel.wire.bodies.job import JobAnswer
from tidewheel.wire.values import format_instant, from_ms, to_ms

SECOND_MS = 1_000
OUTAGE_MS = int(os.environ.get("OUTAGE_S", "20")) * SECOND_MS
SCHEDULER = physical(DEFAULT_DEPLOYMENT, Function.SCHEDULER)
GRACE = "3s"
"""Less than ``limits.STILL_MS``, before which nobody takes a dead scheduler's instance: the whole outage is past it."""
LIMIT = 7
_AFTER_MS = 30 * SECOND_MS
"""How long after the outage every job must have run for an instant of then."""
_SLACK_S = 120
POLICIES: dict[str, dict[str, Any]] = {
    "coalesce": {"policy": "coalesce"},
    "all": {"policy": "all", "limit": 1_000},
    "limited": {"policy": "all", "limit": LIMIT},
    "skip": {"policy": "skip"},
}


@dataclass(frozen=True)
class Outage:
    """Between these two (ms) there was no scheduler."""

    from_ms: int
    until_ms: int

    def missed(self, ledger: LedgerAnswer) -> list[LedgerLine]:
        """What fell due in it."""
        return [line for line in ledger.items if self.from_ms < to_ms(line.due_at) < self.until_ms]


@pytest.fixture
def asleep(stack):
    """The rule that wakes the watchdog has lost its target, and a watchdog that was already awake has finished.

    The rule is not disabled: LocalStack's go on then.
    """
    functions = stack.client("lambda")
    rules = stack.client("events")
    watchdog = functions.get_function(FunctionName=stack.outputs.minute_function)["Configuration"]["FunctionArn"]
    (rule,) = rules.list_rule_names_by_target(TargetArn=watchdog)["RuleNames"]
    targets = rules.list_targets_by_rule(Rule=rule)["Targets"]
    rules.remove_targets(Rule=rule, Ids=[target["Id"] for target in targets])
    functions.invoke(FunctionName=watchdog, Payload=b"{}")

    def wake():
        rules.put_targets(Rule=rule, Targets=targets)
        deploy.wake(stack.outputs.endpoint, stack.outputs.minute_function)

    yield wake
    rules.put_targets(Rule=rule, Targets=targets)


@pytest.fixture
def ticking(jobs, new_target):
    """A job for each policy that fires every second, and has started to."""
    targets: dict[str, Target] = {name: new_target() for name in POLICIES}
    made: dict[str, JobAnswer] = {
        name: jobs.create(
            name=name,
            schedule={"every": "1s"},
            target=targets[name].spec(),
            misfire={**misfire, "grace": GRACE},
        )
        for name, misfire in POLICIES.items()
    }
    for target in targets.values():
        target.await_count(2)
    return made, targets


@pytest.fixture
def outage(stack, ticking, asleep, clock):
    """Kills the fleet shortly before the next minute is loaded, and wakes it when the outage has lasted long enough.

    So what rests on the wheel beyond that minute's end is one entry a job, whose instant lies in the outage.
    """
    loads_ms = MINUTES.slot_ms - MINUTES.lead_ms
    until(lambda: loads_ms - 8_000 < clock.now_ms() % MINUTES.slot_ms < loads_ms - 2_000, "time to strike", within_s=90)
    for pid in stack.pids(SCHEDULER):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not stack.pids(SCHEDULER), "the end of the fleet")
    down_ms = clock.now_ms()
    until(
        lambda: stack.pids(SCHEDULER) or clock.now_ms() >= down_ms + OUTAGE_MS,
        "the end of the outage",
        within_s=OUTAGE_MS / SECOND_MS + _SLACK_S,
    )
    assert stack.pids(SCHEDULER) == [], "a scheduler was started in the outage"
    found = Outage(down_ms, clock.now_ms())
    asleep()
    return found


@pytest.fixture
def ledgers(client, ticking, outage):
    """Each job's ledger over the whole stretch, once it is settled."""
    made, targets = ticking
    end_ms = outage.until_ms + _AFTER_MS
    until_text = format_instant(from_ms(end_ms))

    def settled(job):
        ledger = client.ledger(job.id, end=until_text)
        return ledger if {line.state for line in ledger.items} <= {"succeeded", "skipped"} else None

    for target in targets.values():
        until(
            lambda target=target: target.nominals()[-1] >= end_ms,
            "what is due long after",
            within_s=_SLACK_S,
            progress=lambda target=target: len(target.arrivals()),
        )
    return {
        name: until(lambda job=job: settled(job), f"a settled ledger of {name}", within_s=_SLACK_S)
        for name, job in made.items()
    }


def _ran(lines):
    return [line for line in lines if line.execution]


def test_every_instant_of_an_outage_is_accounted_for_by_its_jobs_policy(outage, ledgers):
    missed = {name: outage.missed(ledger) for name, ledger in ledgers.items()}
    for name, ledger in ledgers.items():
        tally = Counter(line.reason or line.state for line in missed[name])
        print(f"{name}: {len(ledger.items)} instants, missing {ledger.missing}; of the outage {dict(tally)}")  # noqa: T201
        nominal = [to_ms(line.nominal_at) for line in ledger.items]
        assert nominal == list(range(nominal[0], nominal[-1] + 1, SECOND_MS))
        assert ledger.missing == 0
        assert len(missed[name]) >= OUTAGE_MS // SECOND_MS - 1

    (stands,) = _ran(missed["coalesce"])
    assert to_ms(stands.nominal_at) % MINUTES.slot_ms < SECOND_MS  # where the entry rested: a minute's first instant
    assert {line.reason for line in missed["coalesce"] if line is not stands} == {"coalesced"}

    assert _ran(missed["all"]) == missed["all"]

    newest = _ran(missed["limited"])
    assert len(newest) <= LIMIT
    assert newest == missed["limited"][len(missed["limited"]) - len(newest) :]
    assert {line.reason for line in missed["limited"] if line not in newest} == {"skipped"}

    assert _ran(missed["skip"]) == []
    assert {line.reason for line in missed["skip"]} == {"skipped"}
