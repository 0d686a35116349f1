"""Makes jobs' bodies of what the formats read, and checks them as the API does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidewheel.cli.importing.outcome import Difference, Entry, NotCarried
from tidewheel.domain.errors import Invalid
from tidewheel.domain.fleet.route import FARGATE_POOL, LAMBDA_POOL
from tidewheel.domain.limits import MAX_POOL_TIMEOUT_MS, MAX_TIMEOUT_MS
from tidewheel.wire.parameters import MAX_NAME
from tidewheel.wire.reading import read_job
from tidewheel.wire.targets import MODELS
from tidewheel.wire.values import duration, from_ms, short_duration

TAG = "imported-from"
_TEXT = 100


@dataclass(frozen=True, slots=True)
class Options:
    """What the files do not say.

    Args:
        timezone: The IANA zone in which a schedule without one is read; None if it is not known.
        pool: Whose workers run the jobs; None for ``fargate`` where a long-running worker is needed, else ``lambda``.
        target: What each job calls instead of what its entry says; ``{name}`` in its texts is the job's name.
        system: Whether lines of a crontab name a user; None to go by the file's name.
        repository: ``owner/name`` of the workflows on GitHub.
        branch: The branch on which they run.
    """

    timezone: str | None = None
    pool: str | None = None
    target: Mapping[str, Any] | None = None
    system: bool | None = None
    repository: str = ""
    branch: str = "main"


@dataclass(slots=True)
class JobDraft:
    """A job in the making: what it says, and what differs.

    Args:
        source: The format, for the job's tag.
        options: What the files do not say.
        fields: The job's body, so far.
        differences: Where the job does something else.
        notes: What is good to know.
        paused: Whether the job is to be paused.
    """

    source: str
    options: Options
    fields: dict[str, Any] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    paused: bool = False

    def differs(self, what: str, theirs: str, ours: str) -> None:
        """Notes a difference."""
        self.differences.append(Difference(what, theirs, ours))

    def pauses(self, how: str) -> None:
        """Has the job paused, because its entry does not run there: it is suspended, disabled."""
        self.paused = True
        self.notes.append(f"it is {how} there, and its job is paused here")

    def calls(self, name: str, target: Callable[[], Mapping[str, Any]]) -> None:
        """Sets name and target; the target that the options name goes before that of the entry."""
        self.fields["name"] = name_of(name)
        given = self.options.target
        self.fields["target"] = target() if given is None else _filled(given, self.fields["name"])

    @property
    def own_target(self) -> bool:
        """Whether the job calls what its entry says."""
        return self.options.target is None

    def body(self) -> dict[str, Any]:
        """The whole body, checked.

        Raises:
            NotCarried: The API would refuse it.
        """
        model = MODELS.get(str(self.fields["target"].get("kind")))
        long_running = model is not None and model.LONG_RUNNING
        pool = self.options.pool or (FARGATE_POOL if long_running else LAMBDA_POOL)
        document = {**self.fields, "pool": pool, "tags": {TAG: self.source, **self.fields.get("tags", {})}}
        if pool == LAMBDA_POOL and document.get("timeout") == UNBOUNDED:
            document["timeout"] = LONGEST_ON_LAMBDA
        try:
            read_job(document)
        except Invalid as error:
            raise NotCarried(f"{error.field}: {error.problem}", error.remedy) from error
        return {name: document[name] for name in _ORDER if name in document}


UNBOUNDED = short_duration(duration(MAX_POOL_TIMEOUT_MS))
"""The time-out of what ran without one."""
LONGEST_ON_LAMBDA = short_duration(duration(MAX_TIMEOUT_MS))
_ORDER = (
    *("name", "schedule", "start", "end", "target", "pool", "timeout", "deadline", "jitter", "window", "retry"),
    *("overlap", "misfire", "tags"),
)


def entry_of(where: str, text: str, draft: JobDraft, fill: Callable[[JobDraft], None]) -> Entry:
    """The entry that a format reads by filling a draft; refused if that raises ``NotCarried``."""
    shown = cut(text)
    try:
        fill(draft)
        job = draft.body()
    except NotCarried as refusal:
        return Entry(where, shown, refusal=refusal)
    differences, notes = tuple(dict.fromkeys(draft.differences)), tuple(dict.fromkeys(draft.notes))
    return Entry(where, shown, job, differences, None, notes, draft.paused)


def refused(where: str, text: str, problem: str, remedy: str) -> Entry:
    """An entry that is refused."""
    return Entry(where, cut(text), refusal=NotCarried(problem, remedy))


def name_of(text: str) -> str:
    """A text as a job's name: on one line, printable, not too long; room is left for a number behind it."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain[: MAX_NAME - 8].strip() or "job"


def cut(text: str, most: int = _TEXT) -> str:
    """A text on one line, cut off where it is long."""
    plain = " ".join(text.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def utc_text(instant_ms: int) -> str:
    """An instant (ms since the epoch) as a body has it, in UTC."""
    return from_ms(instant_ms).isoformat().replace("+00:00", "Z")


def listed(texts: Sequence[str]) -> str:
    """Texts as a list in a sentence."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _filled(value: Any, name: str) -> Any:
    match value:
        case str():
            return value.replace("{name}", name)
        case Mapping():
            return {key: _filled(one, name) for key, one in value.items()}
        case list():
            return [_filled(one, name) for one in value]
    return value
