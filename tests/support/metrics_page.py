"""The reference page of metrics and log lines, from their tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tidewheel.names import METRICS_NAMESPACE
from tidewheel.telemetry.events import EVENTS, Event
from tidewheel.telemetry.every_metric import DEPLOYMENT
from tidewheel.telemetry.metrics import METRICS, Metric
from tidewheel.telemetry.process import Process

_TITLES = {
    Process.API: "API",
    Process.ACCESS: "Authorizer",
    Process.SCHEDULER: "Scheduler and watchdog",
    Process.WORKER: "Workers",
    Process.RECOVERY: "Dead-letter handler and reconciler",
    Process.SEVERAL: "Several of them",
}
_HEAD = f"""\
Functions and workers write JSON lines. In an account the functions' logs are the groups
`/aws/lambda/<deployment>-<function>`, the API's access log is `/aws/apigateway/<deployment>-api`, where `api_logs` asks
for one; both are kept for a month. A worker on another machine writes the same lines to its stderr.

Metrics are counters in CloudWatch's embedded format, in the namespace `{METRICS_NAMESPACE}`. They are written with the
log lines, so a worker on another machine counts in CloudWatch only if its log is shipped there. The namespace is shared
by all deployments of an account: every metric has the dimension `{DEPLOYMENT}`, the name of its deployment, besides
those in the table. CloudWatch adds nothing up over dimensions by itself.

A line of level `INFO` is of interest, `WARNING` is a failure that its caller was told of, `ERROR` is something that
someone should look at. Every line also has `level`, `message`, `timestamp` and `service`, and an error has its
exception.

## Metrics

The unit of all of them is a count. What to do about alarms:
[alarms and runbooks](../operations/alarms-and-runbooks.md).
"""


def metrics_page(note: str) -> str:
    """The page.

    Args:
        note: Says who writes it.
    """
    lines = ["# Metrics and logs", "", note, "", _HEAD]
    for process, title in _TITLES.items():
        metrics = [_metric_row(metric) for metric in METRICS.values() if metric.process is process]
        lines += _section(
            f"### Counted by: {title}", ("metric", "dimensions", "one count means", "above zero"), metrics
        )
    lines += ["## Log lines", ""]
    for process, title in _TITLES.items():
        events = [_event_row(event) for event in EVENTS.values() if event.process is process]
        lines += _section(f"### Logged by: {title}", ("message", "level", "fields", "meaning"), events)
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A heading and its table."""
    yield from (title, "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}")
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _metric_row(metric: Metric) -> Sequence[str]:
    dimensions = _named((dimension.name, dimension.meaning) for dimension in metric.dimensions)
    return f"`{metric.name}`", dimensions, metric.meaning, metric.remedy


def _event_row(event: Event) -> Sequence[str]:
    return f"`{event.message}`", event.level.upper(), _named(event.fields.items()), event.meaning


def _named(pairs: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"`{name}`: {meaning}" for name, meaning in pairs)
