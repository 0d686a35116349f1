"""What the code counts and logs is in the tables, each line as it is written, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.telemetry_calls import TelemetryCall, calls_of, telemetry_calls
from tidewheel.telemetry import events as event_table
from tidewheel.telemetry import metrics as metric_table
from tidewheel.telemetry.events import EVENTS, Event
from tidewheel.telemetry.metrics import METRICS, Dimension, Metric
from tidewheel.telemetry.process import Process

ROOT = Path(__file__).parents[2]
_ONE_ROOM = {Process.API, Process.SCHEDULER, Process.WORKER, Process.RECOVERY}


def differences(
    calls: Iterable[TelemetryCall], metrics: Mapping[str, Metric], events: Mapping[str, Event]
) -> Iterator[str]:
    """What the code and the tables say otherwise; each names a call, or a row."""
    calls = list(calls)
    yield from (f"{call.where}: its name is not written out" for call in calls if call.name is None)
    counted, logged = ({call.name for call in calls if call.counts is counts} for counts in (True, False))
    yield from (f"dead row: metric {name!r}" for name in sorted(metrics.keys() - counted))
    yield from (f"dead row: event {message!r}" for message in sorted(events.keys() - logged))
    for call in calls:
        if call.name is not None:
            yield from _of_metric(call, metrics) if call.counts else _of_event(call, events)
    for event in events.values():
        given = {name for call in calls if call.name == event.message for name in call.keywords}
        if event.message in logged and (unused := event.fields.keys() - given):
            yield f"dead field: event {event.message!r} is never logged with {sorted(unused)}"


def _of_metric(call: TelemetryCall, metrics: Mapping[str, Metric]) -> Iterator[str]:
    metric = metrics.get(str(call.name))
    if metric is None:
        yield f"{call.where}: metric {call.name!r} with {sorted(call.keywords)} is not in the table"
        return
    if call.keywords.keys() != metric.dimension_names:
        yield f"{call.where}: {call.name!r} has {sorted(call.keywords)}, its row {sorted(metric.dimension_names)}"
    yield from _of_process(call, metric.process)


def _of_event(call: TelemetryCall, events: Mapping[str, Event]) -> Iterator[str]:
    event = events.get(str(call.name))
    if event is None:
        yield f"{call.where}: event {call.name!r} ({call.method}) with {sorted(call.keywords)} is not in the table"
        return
    if call.method != event.level:
        yield f"{call.where}: {call.name!r} is logged as {call.method}, its row says {event.level}"
    if unknown := call.keywords.keys() - event.fields.keys():
        yield f"{call.where}: {call.name!r} has {sorted(unknown)}, which its row has not"
    yield from _of_process(call, event.process)


def _of_process(call: TelemetryCall, process: Process) -> Iterator[str]:
    if process in _ONE_ROOM and call.room and call.room != process:
        yield f"{call.where}: {call.name!r} is the {process}'s by its row"


def test_the_code_counts_and_logs_what_the_tables_say() -> None:
    found = list(differences(telemetry_calls(ROOT), METRICS, EVENTS))
    assert not found, "\n".join(["", *found, "The tables: shared/tidewheel/telemetry"])


def test_whatever_several_processes_count_or_log_says_so() -> None:
    calls = list(telemetry_calls(ROOT))
    for row in [*METRICS.values(), *EVENTS.values()]:
        name = row.name if isinstance(row, Metric) else row.message
        rooms = {call.room for call in calls if call.name == name}
        assert (row.process is Process.SEVERAL) == (not _is_one_process(rooms)), name


def _is_one_process(rooms: set[str]) -> bool:
    """Whether only one process's room has a call; the functions folder is the API's."""
    return len(rooms) == 1 and rooms <= {*_ONE_ROOM, ""}


def test_no_name_is_there_twice() -> None:
    assert (len(METRICS), len(EVENTS)) == (len(metric_table._METRICS), len(event_table._EVENTS))
    assert not METRICS.keys() & EVENTS.keys()
    assert all(metric.meaning.endswith(".") for metric in METRICS.values())
    assert all(event.meaning.endswith(".") for event in EVENTS.values())


# --- the check itself ---------------------------------------------------------------------------------------------

_METRIC = Metric("job_made", Process.API, "A job was made.", (Dimension("kind", "which"),))
_EVENT = Event("a job was made", "info", Process.API, "So it is.", {"job": "its id", "by": "who made it"})
_COUNT, _LOG = 'self.telemetry.count("job_made", kind=k)', 'telemetry.info("a job was made", job=j, by=b)'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{_COUNT}\n{_LOG}", []),
        (f"{_COUNT}\n{_COUNT}\n{_LOG}\nlogger.info('else')\nnames.count('x')", []),
        (_LOG, ["dead row: metric 'job_made'"]),
        (_COUNT, ["dead row: event 'a job was made'"]),
        (f"{_COUNT}\n{_LOG}\nt.telemetry.count('new', 2)", ["a.py:3: metric 'new' with [] is not in the table"]),
        (f"{_COUNT}\n{_LOG}\n_log.warning('new')", ["a.py:3: event 'new' (warning) with [] is not in the table"]),
        (f"{_COUNT}\n{_LOG}\ntelemetry.count(name)", ["a.py:3: its name is not written out"]),
        (f"telemetry.count('job_made', 3)\n{_LOG}", ["a.py:1: 'job_made' has [], its row ['kind']"]),
        (f"telemetry.count('job_made', **k)\n{_LOG}", ["a.py:1: 'job_made' has ['**'], its row ['kind']"]),
        (
            f"{_COUNT}\ntelemetry.info('a job was made', job=j, at=a)",
            [
                "a.py:2: 'a job was made' has ['at'], which its row has not",
                "dead field: event 'a job was made' is never logged with ['by']",
            ],
        ),
        (
            f"{_COUNT}\n{_LOG}\nself._telemetry.error('a job was made')",
            ["a.py:3: 'a job was made' is logged as error, its row says info"],
        ),
    ],
)
def test_a_difference_is_found(text: str, told: list[str]) -> None:
    assert list(differences(calls_of(text, "a.py"), {"job_made": _METRIC}, {"a job was made": _EVENT})) == told


def test_a_call_in_another_processs_room_is_found() -> None:
    calls = list(calls_of(f"{_COUNT}\n{_LOG}", "shared/tidewheel/engine/worker/pool.py"))
    told = list(differences(calls, {"job_made": _METRIC}, {"a job was made": _EVENT}))
    assert [line.partition(": ")[2] for line in told] == [
        "'job_made' is the api's by its row",
        "'a job was made' is the api's by its row",
    ]
