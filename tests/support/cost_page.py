"""The page on cost, from the price table and what was counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.support import costs
from tests.support.costs import Line

_HEAD = """\
# Cost

{note}

AWS bills requests, time and storage. Tidewheel counts what it uses, and tests fail when the counts grow
(`tests/contract`); `make bench` counts an idle deployment anew. The figures below are those counts times the list
prices of {region} of {as_of}. They stand with their sources in `tests/support/prices.toml`; several
were not confirmed: look them up before you rely on them. No bill of a real account was seen yet.

## A run

| run | DynamoDB write units |
|---|---|
| claim and finish, which every run pays | 2.0 |
| a lone recurring job (also arms its next instant) | {alone} |
| a hundred jobs in a slot (entries share packs) | {packed} |
| one-time, 20 days ahead | at most {one_time} |

Read units: at most {reads}. SQS requests: at most {sqs} at 100 runs a second in a queue. A million runs cost, if their
target answers in {target} s and nothing beyond 256 bytes is stored of each:
"""

_BEYOND = """
The first column is for runs that share nothing, the second for a hundred runs in each slot and a hundred a second in
each queue.

| beyond that | units |
|---|---|
| each retry | a claim, a finish and a wheel entry |
| a run that lasts longer than ten seconds | a write for every ten seconds, more with a large checkpoint |
| overlap `skip`, `queue`, `replace` | [overlap](../guides/overlap.md): 2 writes and 2 reads for an undisturbed run |
| a limit of what runs at once (`running_at_once`, `tenant_concurrency`) | 1 write and 2 reads; of a \
run that waits in line 3 writes and 6 reads |
| a circuit | half a read in 5 s for each worker; a write for each failure, for the success after it, and for each \
probe; what waits for it returns every one to two minutes, at a wheel entry, a message and a read of its record |
| a job that is created, edited, paused or deleted | the rows of the [lists](../design/lists.md): 4 to 5 writes and 1 \
for each tag when it is created, 2 for each that changes later; 0 when it fires |
| a limit of active jobs (`active_jobs`) | 2 writes and 1 read for a job that is created, paused, resumed or deleted; \
once an hour about 1 read for each active job; a tenant without it pays nothing |
| a dead letter | 1 write, for the index that lists it |
| a log that is stored | a request to S3: {put} dollars a million |
| a job in the reconciler's sweep | 0.55 to 0.63 reads, 0.01 writes, 0.03 requests, at most once an hour; an account \
that is a ledger row costs 2 units more |
| a metric that is counted | {metric} dollars a month, for each value of its dimensions: a deployment that runs jobs \
has about ten |

## Logs

An answer, or what a program prints, beyond 256 bytes is an object in the bucket: one request to S3 for each attempt,
{put} dollars a million, which is more than all else of a short run. Where most answers are of no interest, set
`least_log`: of attempts that succeeded only logs of so many bytes or more are stored, and of the others the first 256
bytes stay in the record. A very large number keeps the logs of failures alone. An attempt that runs for longer than ten
seconds stores what it has logged until then, whatever is set.

## An idle deployment

{schedulers} schedulers that loop, {shards} shards, a month:
"""

_ECONOMY = """
## Economy mode

`-c economy=true` keeps no scheduler. Each minute one short run hands the minutes to come to SQS, with delays. An idle
deployment with {economy_shards} shards, a month:
"""

_TAIL = """
- Normal and low precision keep their promises. `high` is refused; jobs that had it run as normal ones.
- One run may fail to come. If none comes for longer, each job's misfire policy decides.
- A living deployment changes over in both directions without loss; what falls into the change may start up to a minute
  late.

Assumed, not counted: how often Lambda polls an idle queue ({polls} times a minute), what it logs of an invocation, and
the reconciler's run without jobs. Free: EventBridge's rules. Not in the figures: the API's requests, storage of jobs
and logs, data that leaves AWS, and Fargate.

## What makes it cheaper

- `precision: low` fills SQS batches best.
- `window` spreads jobs that all name the full hour.
- Fewer shards: each is read while idle.
"""


def cost_page(note: str) -> str:
    """The page.

    Args:
        note: Says who writes it.
    """
    counted, (region, as_of), known = costs.counts(), costs.as_of(), costs.prices()
    words = {
        "note": note,
        "region": region,
        "as_of": f"{as_of:%d %B %Y}".lstrip("0"),
        "alone": costs.WRITES_ALONE,
        "packed": costs.WRITES_PACKED,
        "one_time": costs.WRITES_ONE_TIME,
        "reads": costs.READS,
        "sqs": costs.SQS_BUSY,
        "target": costs.TARGET_SECONDS,
        "put": f"{known['s3_put_requests'].dollars:.2f}",
        "metric": f"{known['custom_metrics'].dollars:.2f}",
        "schedulers": costs.DEFAULT_SCHEDULERS,
        "shards": counted["shards"],
        "economy_shards": counted["economy"]["shards"],
        "polls": costs.POLLS,
    }
    lines = [
        _HEAD.format(**words),
        *_side_by_side(costs.million_alone(), costs.million_busy()),
        _BEYOND.format(**words),
        *_bill(costs.idle_month(counted)),
        _ECONOMY.format(**words),
        *_bill(costs.idle_economy_month(counted)),
        _TAIL.format(**words),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _side_by_side(one: Sequence[Line], other: Sequence[Line]) -> Iterator[str]:
    yield "| a million runs, dollars | alone | busy |"
    yield "|---|---|---|"
    yield from (f"| {a.what} | {a.dollars:.2f} | {b.dollars:.2f} |" for a, b in zip(one, other, strict=True))
    yield f"| in all | {costs.total(one):.2f} | {costs.total(other):.2f} |"


def _bill(lines: Sequence[Line]) -> Iterator[str]:
    yield "| what | dollars |"
    yield "|---|---|"
    yield from (f"| {line.what} | {line.dollars:.2f} |" for line in lines)
    yield f"| in all, at list price | {costs.total(lines):.2f} |"
    yield f"| if AWS's free amounts are used for nothing else | {costs.after_free_amounts(lines):.2f} |"
