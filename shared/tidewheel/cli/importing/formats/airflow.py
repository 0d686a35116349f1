"""Airflow: the schedules of DAG files, read without running them, as far as they are written down."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tidewheel.cli.importing.airflow_tasks import only_task
from tidewheel.cli.importing.clock_changes import ClockRule, cron_schedule
from tidewheel.cli.importing.cron_grammar import Days, Grammar
from tidewheel.cli.importing.jobs import UNBOUNDED, JobDraft, Options, entry_of, refused, utc_text
from tidewheel.cli.importing.outcome import Entry, NotCarried, Reading
from tidewheel.cli.importing.static import Called, Named, Source, settled
from tidewheel.domain.recurrence.cron_fields import ALIASES
from tidewheel.domain.recurrence.zones import instant_of, known_zone
from tidewheel.wire.values import short_duration, to_ms

SOURCE = "airflow"
GRAMMAR = Grammar("Airflow", Days.UNION_UNLESS_STAR, sunday_again=True)
CLOCKS = ClockRule("Airflow", settled=False)
_PRESETS = {**ALIASES, "@quarterly": "0 0 1 */3 *"}
_FIELDS = 5
_RETRY_DELAY = timedelta(minutes=5)
_CRON_TIMETABLES = {"CronTriggerTimetable", "CronDataIntervalTimetable"}
_NOTES = (
    (
        "Airflow names a run by the beginning of its data interval, which is the time of the run before; Tidewheel by "
        "the time at which it runs. With a start_date to come, Airflow 2 runs first at the end of the first interval"
    ),
    "Airflow 2 makes up for all runs since start_date unless catchup is False; here a job begins with what comes",
)


@dataclass(frozen=True)
class _Dag:
    """A DAG: its id, the arguments that it is made with, and its line."""

    id: str
    given: Mapping[str, ast.expr]
    line: int


def read(name: str, text: str, options: Options) -> Reading:
    """The DAGs of a file.

    Args:
        name: The file's name.
        text: The file.
        options: What it does not say.
    """
    try:
        source = Source(text)
    except NotCarried as error:
        return Reading((refused(name, "the file", error.problem, error.remedy),))
    dags = list(_dags(source))
    entries = tuple(_entry(name, source, dag, options, alone=len(dags) == 1) for dag in dags)
    return Reading(entries, _NOTES if any(entry.job for entry in entries) else ())


def _dags(source: Source) -> Iterator[_Dag]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call() if _is(source, node.func, "DAG"):
                given = {one.arg: one.value for one in node.keywords if one.arg}
                if node.args:
                    given.setdefault("dag_id", node.args[0])
                yield _Dag(_id(source, given, "dag"), given, node.lineno)
            case ast.FunctionDef(decorator_list=decorators, name=name):
                for one in decorators:
                    if isinstance(one, ast.Call) and _is(source, one.func, "dag"):
                        given = {key.arg: key.value for key in one.keywords if key.arg}
                        yield _Dag(_id(source, given, name), given, one.lineno)


def _is(source: Source, node: ast.expr, name: str) -> bool:
    full = source.full_name(node) or ""
    return full.rpartition(".")[2] == name and (full.startswith("airflow") or full == name)


def _id(source: Source, given: Mapping[str, ast.expr], default: str) -> str:
    try:
        return str(source.value(given["dag_id"])) if "dag_id" in given else default
    except NotCarried:
        return default


def _entry(file: str, source: Source, dag: _Dag, options: Options, *, alone: bool) -> Entry:
    node = next((dag.given[one] for one in ("schedule", "schedule_interval", "timetable") if one in dag.given), None)
    text = f"{dag.id} {ast.unparse(node)}" if node else dag.id

    def fill(draft: JobDraft) -> None:
        arguments = _Arguments(source, dag.given)
        _schedule(draft, source, node, arguments)
        _policies(draft, arguments)
        draft.calls(dag.id, lambda: only_task(source, alone=alone))

    return entry_of(f"{file}:{dag.line}", text, JobDraft(SOURCE, options), fill)


class _Arguments:
    """What a DAG is made with; ``default_args`` give what it does not say itself."""

    def __init__(self, source: Source, given: Mapping[str, ast.expr]) -> None:
        self._source = source
        self._given = given
        self._default: Mapping[str, Any] = {}
        if "default_args" in given:
            found = source.value(given["default_args"])
            self._default = found if isinstance(found, Mapping) else {}

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an argument.

        Raises:
            NotCarried: Only running the program would tell.
        """
        if name in self._given:
            return self._source.value(self._given[name])
        return settled(self._default[name]) if name in self._default else default


def _schedule(draft: JobDraft, source: Source, node: ast.expr | None, arguments: _Arguments) -> None:
    if node is None:
        raise NotCarried(
            "it names no schedule: Airflow 2 runs it daily, Airflow 3 by hand alone", "write its schedule down"
        )
    start, zone = _start(draft, arguments)
    schedule = source.value(node)
    if isinstance(schedule, timedelta):
        _every(draft, schedule, start)
    else:
        expression, own_zone = _cron(schedule)
        zone = own_zone or zone
        draft.fields["schedule"] = cron_schedule(draft, expression, zone, "Airflow", CLOCKS)
        if start is not None:
            draft.fields["start"] = utc_text(start)
    end = arguments.get("end_date")
    if end is not None:
        end_ms, _ = _instant(end, zone)
        draft.fields["end"] = utc_text(end_ms + 1)
        draft.differs(
            "end_date", "the beginning of the last data interval (Airflow 2)", "the last time at which it runs"
        )


def _cron(schedule: Any) -> tuple[str, str | None]:
    """An expression in our form, and the zone of its own that a timetable has."""
    zone = None
    if isinstance(schedule, Called) and schedule.name.rpartition(".")[2] in _CRON_TIMETABLES and schedule.args:
        zone = _zone_name(schedule.kwargs.get("timezone"))
        schedule = schedule.args[0]
    match schedule:
        case None:
            raise NotCarried("it has no schedule: it runs by hand alone", "leave it with Airflow")
        case "@once" | "@continuous":
            raise NotCarried(f"{schedule} is no schedule of times", "run it by hand, or give it a schedule")
        case str() if schedule.startswith("@"):
            if schedule not in _PRESETS:
                raise NotCarried(f"Airflow has no preset {schedule[:20]!r}", f"use {', '.join(_PRESETS)}")
            return _PRESETS[schedule], zone
        case str():
            fields = schedule.split()
            if len(fields) != _FIELDS:
                raise NotCarried(f"the expression has {len(fields)} fields", "write five fields")
            return GRAMMAR.ours(fields), zone
        case Called(name=name) | Named(name=name):
            kind = name.rpartition(".")[2]
            raise NotCarried(f"{kind} decides in a program when it runs", "write a cron expression or a timedelta")
    raise NotCarried("it runs when data is there, not at a time", "leave it with Airflow")


def _every(draft: JobDraft, interval: timedelta, start: int | None) -> None:
    if interval < timedelta(seconds=1):
        raise NotCarried(f"its interval is {interval}", "use a second or more")
    draft.fields["schedule"] = {"every": short_duration(interval)}
    if start is None:
        draft.differs("where the interval begins", "at start_date", "at the job's creation")
    else:
        draft.fields["schedule"]["anchor"] = utc_text(start)


def _start(draft: JobDraft, arguments: _Arguments) -> tuple[int | None, str]:
    """The start (ms since the epoch), if it is written down, and the zone that goes with it."""
    default = draft.options.timezone or "UTC"
    try:
        given = arguments.get("start_date")
        if given is None:
            return None, default
        return _instant(given, default)
    except NotCarried:
        ours = f"none, and {default} as the time zone"
        draft.differs("start_date", "worked out when the file is run", ours)
        return None, default


def _instant(value: Any, default: str) -> tuple[int, str]:
    """An instant (ms since the epoch) and the zone in which it is written."""
    zone = default
    if isinstance(value, Called) and value.name in {"datetime.datetime", "pendulum.datetime", "pendulum.DateTime"}:
        given = value.kwargs.get("tzinfo", value.kwargs.get("tz"))
        zone = _zone_name(given) or ("UTC" if value.name.startswith("pendulum") else default)
        rest = {name: one for name, one in value.kwargs.items() if name not in {"tzinfo", "tz"}}
        try:
            value = datetime(*value.args, **rest)  # noqa: DTZ001 -- the zone follows
        except (TypeError, ValueError) as error:
            raise NotCarried(f"its date is none: {error}", "write a date that there is") from error
    if not isinstance(value, datetime):
        raise NotCarried("its date is worked out when the file is run", "write the date itself")
    return instant_of(zone, to_ms(value.replace(tzinfo=UTC))), zone


def _zone_name(given: Any) -> str | None:
    """The name of a zone as a text, or as it is given to pendulum, zoneinfo or pytz."""
    if isinstance(given, Called) and given.args and isinstance(given.args[0], str):
        given = given.args[0]
    if isinstance(given, Named) and given.name.rpartition(".")[2].lower() == "utc":
        return "UTC"
    if given is None:
        return None
    if not isinstance(given, str) or known_zone(given) is None:
        raise NotCarried("its time zone cannot be read", "write it as pendulum.timezone('Region/City')")
    return given


def _policies(draft: JobDraft, arguments: _Arguments) -> None:
    if arguments.get("catchup") is True:
        draft.differs("catchup", "all runs since start_date are made up for", "the job begins with what comes")
    if arguments.get("max_active_runs") == 1:
        draft.fields["overlap"] = "queue"
        draft.differs("max_active_runs 1", "all that come meanwhile wait", "one waits, the others are left out")
    retries = arguments.get("retries", 0)
    attempts = retries + 1 if isinstance(retries, int) else 1
    draft.fields["retry"] = {"max_attempts": attempts}
    if attempts > 1:
        delay = arguments.get("retry_delay", _RETRY_DELAY)
        delay = delay if isinstance(delay, timedelta) else timedelta(seconds=float(delay))
        strategy = "exponential" if arguments.get("retry_exponential_backoff") else "fixed"
        text = short_duration(delay)
        draft.fields["retry"] |= {"strategy": strategy, "base": text, "jitter": 0.0}
        draft.fields["retry"]["cap"] = "1d" if strategy == "exponential" else text
    for name, field in (("execution_timeout", "timeout"), ("dagrun_timeout", "deadline")):
        limit = arguments.get(name)
        if isinstance(limit, timedelta):
            draft.fields[field] = short_duration(limit)
    draft.fields.setdefault("timeout", UNBOUNDED)
