"""Expressions of other schedulers that nobody thought of: in our form they name the same instants."""

import re

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support import other_crons
from tests.support.imports import NOW, ours
from tidewheel.cli.importing.aws_cron import aws_cron
from tidewheel.cli.importing.celery_entries import GRAMMAR as CELERY
from tidewheel.cli.importing.crontab_lines import task_of
from tidewheel.cli.importing.formats.kubernetes import GRAMMAR as KUBERNETES
from tidewheel.cli.importing.outcome import NotCarried

COUNT = 40
UNTIL = 2035
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_JOB = {"name": "x", "target": {"kind": "http", "url": "https://a.example"}}


def element(low, high, *, open_step=True, wraps=False):
    value = st.integers(low, high)
    pair = st.tuples(value, value).map(lambda two: two if wraps else tuple(sorted(two)))
    step = st.integers(1, high - low + 5)
    forms = [
        st.just("*"),
        step.map(lambda n: f"*/{n}"),
        value.map(str),
        pair.map(lambda two: f"{two[0]}-{two[1]}"),
        st.tuples(pair, step).map(lambda whole: f"{whole[0][0]}-{whole[0][1]}/{whole[1]}"),
    ]
    if open_step:
        forms.append(st.tuples(value, step).map(lambda two: f"{two[0]}/{two[1]}"))
    return st.one_of(forms)


def field(low, high, **how):
    return st.lists(element(low, high, **how), min_size=1, max_size=3).map(",".join)


def fields(**how):
    return st.tuples(*(field(*bounds, **how) for bounds in BOUNDS))


def named(expression):
    return ours({**_JOB, "schedule": {"cron": expression, "timezone": "UTC"}}, UNTIL, COUNT)


def first(instants):
    return other_crons.first(instants, COUNT, UNTIL)


@settings(max_examples=150, deadline=None)
@given(fields())
def test_kubernetes(texts):
    expected = first(other_crons.robfig(" ".join(texts), "UTC", NOW))
    if expected:
        assert named(KUBERNETES.ours(texts)) == expected


@settings(max_examples=150, deadline=None)
@given(fields(open_step=False, wraps=True))
def test_celery(texts):
    names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    expected = first(other_crons.celery(dict(zip(names, texts, strict=True)), "UTC", NOW))
    try:
        expression = CELERY.ours(texts)
    except NotCarried as refused:
        assert "both match" in refused.problem  # noqa: PT017 -- the only thing that cannot be said
        return
    if expected:
        assert named(expression) == expected


@settings(max_examples=150, deadline=None)
@given(fields(open_step=False))
def test_crontab(texts):
    """Without two forms that cronsim reads otherwise than cron does (``entry.c``): ``a-a/n``, and ``a,*``."""
    line = " ".join(texts)
    assume(not any(re.search(r"\b(\d+)-\1/|[^,]+,.*\*", text) for text in texts))
    task = task_of(f"{line} command", system=False)
    assert not task.differences
    try:
        expected = first(other_crons.debian(line, "UTC", NOW))
    except StopIteration:
        return
    if expected:
        assert named(task.expression) == expected


_AWS_WEEKDAY = st.one_of(
    field(1, 7),
    st.sampled_from(["L", "MON-FRI", "sun", "2L", "FRIL", "3#2", "TUE#4", "7#5"]),
)
_AWS_DAY = st.one_of(field(1, 31), st.sampled_from(["L", "1W", "15W", "31W"]))


@settings(max_examples=150, deadline=None)
@given(field(0, 59), field(0, 23), _AWS_DAY, field(1, 12), _AWS_WEEKDAY, st.booleans())
def test_eventbridge(minute, hour, day, month, weekday, by_day):
    days = (day, "?") if by_day else ("?", weekday)
    expression = f"cron({minute} {hour} {days[0]} {month} {days[1]} *)"
    expected = first(other_crons.aws(expression, "UTC", NOW))
    if expected:
        assert named(aws_cron(expression).expression) == expected
