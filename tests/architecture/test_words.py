"""One word for one thing: no word of the first plan is left, and what the glossary names is in the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.markdown import ROOT
from tests.support.words import GLOSSARY, PACKAGE, Allowance, Rules, banned, missing, terms

ANYWHERE = {
    "ticker": "scheduler loop",
    "tickers": "scheduler loops",
    "reign": "term",
    "reigns": "terms",
    "seat": "scheduler instance",
    "seats": "scheduler instances",
    "vigil": "lease watcher",
    "vigils": "lease watchers",
    "heir": "assignee",
    "heirs": "assignees",
    "hopper": "dispatcher",
    "hoppers": "dispatchers",
    "errand": "background I/O",
    "errands": "background I/O",
    "tenure": "held lease",
    "tenures": "held leases",
    "oust": "cancel holder",
    "ousts": "cancels the holder",
    "ousted": "cancelled",
    "expel": "evict stale",
    "expels": "evicts",
    "expelled": "evicted",
    "undertake": "dead-letter handler",
    "undertaker": "dead-letter handler",
    "undertakers": "dead-letter handlers",
    "bury": "mark dead",
    "buries": "marks dead",
    "buried": "marked dead",
    "loom": "scheduler of threads",
    "looms": "schedulers of threads",
    "strand": "cooperative thread",
    "strands": "cooperative threads",
    "crew": "workers",
    "crews": "workers",
    "forestall": "cancel ahead",
    "forestalls": "cancels ahead",
    "forestalled": "cancelled ahead",
    "called off": "cancel requested",
    "chain repaired": "schedule_repaired",
    "route shut": "route_closed",
}
"""Words of the first plan that plain English does not need here."""

NAMES = {
    "shares": "shard assignment",
    "means": "context",
    "lane": "route buffer",
    "lanes": "route buffers",
    "shelf": "wheel writer",
    "complain": "report",
    "keeper": "lease renewer",
    "draw out": "extend",
    "gate": "overlap lock",
    "hand on": "transfer",
    "park": "wait",
    "parked": "waiting",
    "caps": "concurrency limiter",
    "fate": "disposition",
    "postpone": "retry later",
    "postponed": "retried later",
    "letter": "dead letter",
    "letters": "dead letters",
    "course": "occurrences",
    "chain": "schedule entry",
    "chains": "schedule entries",
    "till": "billing bench",
    "front": "API bench",
    "weather": "faults",
    "plant": "mutant",
    "plants": "mutants",
    "planted": "mutants",
    "spent": "attempts exhausted, uncounted attempts",
    "begun": "started",
    "owed": "expected",
    "lacking": "missing",
    "death": "failure",
    "wish": "request",
    "look again": "recheck",
}
"""Words of plain English that stood for something else: they may be written, but nothing is called so."""

WHOLE = {
    "Define": "JobService",
    "Draft": "definition builder",
    "Direct": "ImmediateDispatch",
    "Layouts": "LayoutCache",
    "Waiting": "PendingDispatch, or ExecutionEntry",
    "Track": "RingCursor",
    "Slots": "WorkerSlots",
    "Watch": "Watchdog",
    "Batch": "Consumer",
    "Breaker": "CircuitBreaker",
    "Place": "Permit, or LogPosition",
    "Places": "Permits",
    "Pass": "Admission",
    "Progress": "CallProgress",
    "Handled": "Disposition",
    "Verdict": "ClaimVerdict, or MisfirePlan",
    "Line": "LedgerEntry",
    "Lost": "Fenced",
    "Reconcile": "Reconciler",
    "DueTimes": "DueTimeBag",
    "YIELD": "CANCEL_SELF",
    "LOST": "LEASE_LOST, or WORKER_LOST",
    "note": "info",
    "alarm": "error",
    "lost": "with_lost_attempt",
}
"""Names that said too little, or meant two things."""

RULES = Rules(ANYWHERE, NAMES, WHOLE, compounds=("dead letter", "dead letters"))

ALLOWED = (
    Allowance("shared/tidewheel/tasks/runs.py", "Line", "by which a task speaks to its worker; the ledger has entries"),
    Allowance("shared/tidewheel/domain/executions/timeline.py", "LOST", "a moment's name on the wire"),
)
HERE = Path(__file__).relative_to(ROOT).as_posix()


def test_no_banned_word_is_left() -> None:
    left = [one for one in banned(ROOT, RULES, {HERE}) if not any(allowed.covers(one) for allowed in ALLOWED)]
    assert not left, "\n".join(["", *map(str, left)])


def test_every_allowance_is_needed() -> None:
    found = list(banned(ROOT, RULES, {HERE}))
    assert [one for one in ALLOWED if not any(map(one.covers, found))] == []


def test_every_term_of_the_glossary_is_in_the_code() -> None:
    assert list(missing(ROOT)) == []
    assert len(list(terms(ROOT))) > 40


def test_no_term_is_explained_twice() -> None:
    names = [term for term, _ in terms(ROOT)]
    assert sorted(names) == sorted(set(names))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree without a fault."""
    module = tmp_path / PACKAGE / "domain" / "wheel.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "class Slot:\n    key: str\n\n\ndef dead_letter(chain_free: int) -> None:\n    yield chain_free\n"
    )
    glossary = tmp_path / GLOSSARY
    glossary.parent.mkdir(parents=True)
    glossary.write_text(
        "# Glossary\n\n| term | meaning | where in code |\n|---|---|---|\n"
        "| slot | a partition | `domain.wheel.Slot` |\n| key | its name | `domain.wheel.Slot.key`, `domain` |\n"
    )
    return tmp_path


def _add(tree: Path, path: str, text: str) -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    with (tree / path).open("a") as file:
        file.write(text)


CHAINED = "shared/tidewheel/domain/wheel.py:5: 'chain' is banned: schedule entry"


def _told(tree: Path) -> list[str]:
    return [str(one) for one in banned(tree, RULES) if str(one) != CHAINED]


def test_a_tree_without_a_fault_is_left_alone_but_for_its_argument(tree: Path) -> None:
    assert [str(one) for one in banned(tree, RULES)] == [CHAINED]
    assert list(missing(tree)) == []


@pytest.mark.parametrize(
    ("path", "text", "where"),
    [
        ("README.md", "The ticker turns.\n", "README.md:1: 'ticker'"),
        ("README.md", "A run that was called off.\n", "README.md:1: 'called off'"),
        ("functions/api/app.py", "# two errands\n", "functions/api/app.py:1: 'errands'"),
        ("functions/api/app.py", 'count("errand_failed")\n', "functions/api/app.py:1: 'errand'"),
        ("tests/unit/test_a.py", "X = 1\n\n\ndef theUndertakerEnds(): ...\n", "tests/unit/test_a.py:4: 'undertaker'"),
        ("tests/unit/test_keeper.py", "", "tests/unit/test_keeper.py:0: 'keeper'"),
        ("functions/undertaker/handler.py", "", "functions/undertaker/handler.py:0: 'undertaker'"),
        ("shared/tidewheel/a.py", "class OverlapGate: ...\n", "shared/tidewheel/a.py:1: 'gate'"),
        ("shared/tidewheel/a.py", "LOOK_AGAIN_MS = 1\n", "shared/tidewheel/a.py:1: 'look again'"),
        ("shared/tidewheel/a.py", "def f(letters): ...\n", "shared/tidewheel/a.py:1: 'letters'"),
        ("shared/tidewheel/a.py", "self.begun = 1\n", "shared/tidewheel/a.py:1: 'begun'"),
        ("shared/tidewheel/a.py", "class Verdict: ...\n", "shared/tidewheel/a.py:1: 'Verdict'"),
        ("functions/a.py", "class T:\n    def alarm(self): ...\n", "functions/a.py:2: 'alarm'"),
        ("localstack/compose.yaml", "image: hopper\n", "localstack/compose.yaml:1: 'hopper'"),
    ],
)
def test_a_banned_word_is_found_and_named(tree: Path, path: str, text: str, where: str) -> None:
    _add(tree, path, text)
    (told,) = _told(tree)
    assert told.startswith(f"{where} is banned: ")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("README.md", "That means a letter, in the front of the gate; begun means spent.\n"),
        ("shared/tidewheel/a.py", "import itertools\n\nX = itertools.chain([1])\nfrom rich import progress\n"),
        ("shared/tidewheel/a.py", "def dead_letters(): ...\n\n\nclass DeadLetter: ...\n"),
        ("localstack/a.py", "class Places: ...\n"),
        ("tests/unit/test_a.py", "def test_what_was_begun_means_to_the_keeper(): ...\n"),
        ("infra/node_modules/x/README.md", "a ticker\n"),
        ("shared/tidewheel/a.py", "heirloom_of_seating = 1\n"),
    ],
)
def test_plain_english_is_left_alone(tree: Path, path: str, text: str) -> None:
    _add(tree, path, text)
    assert _told(tree) == []


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("| ring | a level | `domain.wheel.Ring` |", "ring: domain.wheel.Ring is not in the code"),
        ("| ring | a level | `domain.rings` |", "ring: domain.rings is not in the code"),
        ("| ring | a level | `domain.wheel.Slot.ring` |", "ring: domain.wheel.Slot.ring is not in the code"),
        ("| ring | a level | |", "ring: no name in the code"),
    ],
)
def test_a_term_that_is_not_in_the_code_is_found(tree: Path, row: str, told: str) -> None:
    _add(tree, GLOSSARY.as_posix(), f"{row}\n")
    assert list(missing(tree)) == [told]
