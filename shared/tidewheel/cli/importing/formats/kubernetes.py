"""CronJobs of Kubernetes: manifests in YAML or JSON, several in a file, and lists of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidewheel.cli.files import yaml_text
from tidewheel.cli.importing.clock_changes import ClockRule, cron_schedule
from tidewheel.cli.importing.containers import container_target
from tidewheel.cli.importing.cron_grammar import Days, Grammar
from tidewheel.cli.importing.jobs import UNBOUNDED, JobDraft, Options, entry_of, refused
from tidewheel.cli.importing.outcome import NotCarried, Reading
from tidewheel.domain.limits import MAX_ATTEMPTS, MAX_DEADLINE_MS, MAX_GRACE_MS, MAX_POOL_TIMEOUT_MS, SECOND_MS
from tidewheel.domain.recurrence.cron_dialects import interval_of, leading_zone
from tidewheel.domain.recurrence.cron_fields import ALIASES
from tidewheel.wire.values import duration, short_duration

SOURCE = "kubernetes"
GRAMMAR = Grammar("Kubernetes", Days.UNION_UNLESS_STAR, question=True)
"""What robfig/cron v3 takes (``ParseStandard``), which the controller uses."""
CLOCKS = ClockRule("Kubernetes")
_FIELDS = 5
_BACKOFF_LIMIT = 6
_GROUP = "batch/"
_OVERLAPS = {"Allow": "allow", "Forbid": "skip", "Replace": "replace"}
_NOTES = (
    "Kubernetes keeps the last few Jobs and their pods; Tidewheel keeps every run, with its log, for 30 days",
    "a schedule without timeZone is in the time zone of the cluster's controller manager, which is UTC unless set",
)


def read(name: str, text: str, options: Options) -> Reading:
    """The CronJobs of a file; its other objects are counted.

    Args:
        name: The file's name.
        text: YAML or JSON.
        options: What it does not say.
    """
    entries, others = [], 0
    try:
        found = list(_objects(text))
    except yaml_text.Unreadable as error:
        template = "render it first (helm template), " if "{{" in text else ""
        where = f"{name}:{error.line}" if error.line else name
        return Reading((refused(where, "the file", error.problem, template + error.remedy),))
    for line, value in found:
        if value.get("kind") != "CronJob":
            others += 1
            continue
        shown = _shown(value)
        draft = JobDraft(SOURCE, options)
        entries.append(entry_of(f"{name}:{line}", shown, draft, lambda d, value=value: _fill(d, value)))  # type: ignore[misc]
    notes: tuple[str, ...] = _NOTES if entries else ()
    if others:
        notes += (f"{name}: objects that are no CronJobs are left out: {others}",)
    return Reading(tuple(entries), notes)


def _objects(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of all documents with their lines; those of lists one by one."""
    for document in yaml_text.documents(text):
        value = document.value
        if not isinstance(value, Mapping):
            raise yaml_text.Unreadable("a document is no object", "write a manifest", document.line(()))
        if str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
            for index, item in enumerate(value["items"]):
                kind = str(value["kind"]).removesuffix("List")
                whole = {"kind": kind, **item} if isinstance(item, Mapping) else {}
                yield document.line(("items", index)) or 1, whole
        else:
            yield document.line(()) or 1, value


def _shown(value: Mapping[str, Any]) -> str:
    spec = value.get("spec")
    schedule = spec.get("schedule", "") if isinstance(spec, Mapping) else ""
    return f"{_name(value)} {schedule}"


def _name(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or "cronjob")


def _fill(draft: JobDraft, value: Mapping[str, Any]) -> None:
    if not str(value.get("apiVersion", "")).startswith(_GROUP):
        raise NotCarried(f"its apiVersion is {value.get('apiVersion')!r}", "write batch/v1")
    spec = _mapping(value, "spec")
    if spec.get("suspend") is True:
        draft.pauses("suspended")
    job = _mapping(_mapping(spec, "jobTemplate"), "spec")
    pod = _mapping(_mapping(job, "template"), "spec")
    draft.fields["schedule"] = _schedule(draft, spec)
    draft.calls(_name(value), lambda: container_target(draft, pod))
    if namespace := (value.get("metadata") or {}).get("namespace"):
        draft.fields["tags"] = {"namespace": str(namespace)}
    _overlap(draft, spec)
    _deadline(draft, spec)
    _job(draft, job)


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    if not isinstance(found, Mapping):
        raise NotCarried(f"it has no {name}", "give the whole manifest, as kubectl get cronjob -o yaml does")
    return found


def _schedule(draft: JobDraft, spec: Mapping[str, Any]) -> dict[str, str]:
    written = spec.get("schedule")
    if not isinstance(written, str) or not written.strip():
        raise NotCarried("it has no schedule", "give the whole manifest")
    inline, text = leading_zone(written)
    zone = spec.get("timeZone") or inline or draft.options.timezone
    if inline is not None:
        draft.differs("the zone in the schedule", "not supported, whatever it does", f"{zone}")
    if text.strip().lower().startswith("@every"):
        return _interval(draft, text.strip())
    named, expression = str(zone) if zone else None, _expression(text.strip())
    return cron_schedule(draft, expression, named, "Kubernetes", CLOCKS, unnamed="the controller manager's")


def _expression(text: str) -> str:
    if text.startswith("@"):
        if text not in ALIASES:
            raise NotCarried(f"Kubernetes refuses {text[:20]!r}", "write five fields")
        return ALIASES[text]
    fields = text.split()
    if len(fields) != _FIELDS:
        raise NotCarried(f"Kubernetes refuses a schedule of {len(fields)} fields", "write five fields")
    return GRAMMAR.ours(fields)


def _interval(draft: JobDraft, text: str) -> dict[str, str]:
    interval_ms = interval_of(text)
    if interval_ms is None:
        raise NotCarried(f"{text[:40]!r} is no interval", "write it as in @every 1h30m")
    draft.differs("where the interval begins", "at the CronJob's creation or last run", "at the job's creation")
    return {"every": short_duration(duration(interval_ms))}


def _overlap(draft: JobDraft, spec: Mapping[str, Any]) -> None:
    policy = spec.get("concurrencyPolicy") or "Allow"
    if policy not in _OVERLAPS:
        raise NotCarried(f"concurrencyPolicy is {policy!r}", "write Allow, Forbid or Replace")
    draft.fields["overlap"] = _OVERLAPS[policy]
    if policy == "Forbid":
        theirs = "a run that found another one going on starts after it, within startingDeadlineSeconds"
        draft.differs("concurrencyPolicy Forbid", theirs, "it is left out (`overlap: queue` would have it wait)")


def _deadline(draft: JobDraft, spec: Mapping[str, Any]) -> None:
    seconds = spec.get("startingDeadlineSeconds")
    if seconds is None:
        draft.fields["misfire"] = {"policy": "coalesce"}
        return
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        raise NotCarried(f"startingDeadlineSeconds is {seconds!r}", "write whole seconds")
    grace = min(max(seconds * SECOND_MS, SECOND_MS), MAX_GRACE_MS)
    draft.fields["misfire"] = {"policy": "skip", "grace": short_duration(duration(grace))}
    if grace != seconds * SECOND_MS:
        draft.differs("startingDeadlineSeconds", f"{seconds} s", f"a grace of {short_duration(duration(grace))}")


def _job(draft: JobDraft, job: Mapping[str, Any]) -> None:
    for name in ("completions", "parallelism"):
        if job.get(name) not in {None, 1}:
            raise NotCarried(f"{name} is {job[name]}", "make a job for each part, or pass one that starts them all")
    limit = job.get("backoffLimit", _BACKOFF_LIMIT)
    limit = limit if isinstance(limit, int) else _BACKOFF_LIMIT
    attempts = min(limit + 1, MAX_ATTEMPTS)
    draft.fields["retry"] = {"max_attempts": attempts}
    if attempts > 1:
        draft.fields["retry"] |= {"strategy": "exponential", "base": "10s", "cap": "6m", "jitter": 0.0}
    if attempts <= limit:
        draft.differs("backoffLimit", f"{limit} retries", f"{attempts - 1}")
    if job.get("podFailurePolicy"):
        draft.differs("podFailurePolicy", "says what is tried again", "every failure is, up to the attempts")
    draft.fields["timeout"] = UNBOUNDED
    if seconds := job.get("activeDeadlineSeconds"):
        limit_ms = int(seconds) * SECOND_MS
        draft.fields["deadline"] = short_duration(duration(min(limit_ms, MAX_DEADLINE_MS)))
        draft.fields["timeout"] = short_duration(duration(min(limit_ms, MAX_POOL_TIMEOUT_MS)))
        draft.notes.append("activeDeadlineSeconds is counted from the due time, not from the first pod's start")
    if not seconds or int(seconds) * SECOND_MS > MAX_POOL_TIMEOUT_MS:
        limit_text = f"{seconds} s" if seconds else "as long as it takes"
        draft.differs("how long an attempt may take", limit_text, f"at most {UNBOUNDED}")
