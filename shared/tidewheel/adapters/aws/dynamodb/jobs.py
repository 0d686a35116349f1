"""Jobs, their generations and the idempotency keys of their runs, in DynamoDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import ABSENT, items_between, read_all, transact, write_all
from tidewheel.adapters.aws.dynamodb.execution_items import execution_item
from tidewheel.adapters.aws.dynamodb.grouped_gets import GroupedGets
from tidewheel.adapters.aws.dynamodb.items import item_key, number, read_page, text, ttl
from tidewheel.adapters.aws.dynamodb.job_items import (
    generation_item,
    held_name_item,
    held_name_key,
    job_item,
    job_key,
    read_generation,
    read_job,
    row_item,
    row_key,
)
from tidewheel.adapters.aws.dynamodb.quotas.tallies import tally_update
from tidewheel.adapters.aws.dynamodb.wheel import single_item
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.jobs.listing import Listing, place_of, rows_of
from tidewheel.domain.limits import DAY_MS, GENERATION_RETENTION_MS, LIST_BUCKETS, SECOND_MS
from tidewheel.domain.quotas.tally import TallyChange
from tidewheel.domain.wheel.entries import Placed
from tidewheel.names import JOBS_BY_TENANT_INDEX
from tidewheel.ports import JobKey, NameTaken, Page, TallyMoved

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


_TALLIED_TRIES = 8
"""How often a transaction is sent that changes a tally: all that a tenant writes at the same time conflict there."""


@dataclass(frozen=True, slots=True)
class DynamoJobs:
    """``ports.Jobs`` on the Jobs table, writing to Wheel and Executions in the same transaction.

    Args:
        client: DynamoDB.
        jobs_table: Physical name.
        wheel_table: Physical name.
        executions_table: Physical name.
        zones: Version of the time zone data, kept with every generation.
        gets: Reads of several threads go together through it, consistent ones apart; None: each goes alone.
    """

    client: DynamoDBClient
    jobs_table: str
    wheel_table: str
    executions_table: str
    zones: str
    gets: GroupedGets | None = None

    def create(
        self, job: Job, placed: Placed | None, queued: Execution | None, tally: TallyChange | None = None
    ) -> bool:
        """See ``ports.Jobs``. The first generation's row outlives a deletion, so an id is never used twice.

        The rows of the lists are written first, outside the transaction, in which they would cost twice as much.
        Those of a job that then is not stored are passed over by whoever reads the list.
        """
        rows = [{"PutRequest": {"Item": row_item(job, row)}} for row in rows_of(job)]
        write_all(self.client, "jobs.create", self.jobs_table, rows)
        items = [
            self._put(job_item(job), ABSENT),
            self._put_generation(job, Generation.of(job), ABSENT),
            *self._put_single(placed),
        ]
        if queued is not None:
            items.append(self._put_execution(queued))
        return self._written("jobs.create", job, items, placed, self._held_names(None, job), tally)

    def replace(self, job: Job, before: Job, placed: Placed | None, tally: TallyChange | None = None) -> bool:
        """See ``ports.Jobs``.

        Rows of the lists that change are in the transaction: of two edits, the one that comes later must not lose its
        rows to the one before.
        """
        items = [
            self._put(job_item(job), "gen = :expected", {":expected": number(before.generation)}),
            self._put_generation(job, Generation.of(job)),
            *self._put_single(placed),
            *self._changed_rows(before, job),
        ]
        ends = self._row_ends(before, max(job.effective_from_ms, job.updated_ms))
        return self._written("jobs.replace", job, items, placed, self._held_names(before, job), tally, ends)

    def delete(self, job: Job, expected: int, last: Generation, tally: TallyChange | None = None) -> bool:
        """See ``ports.Jobs``."""
        deletion = {
            "TableName": self.jobs_table,
            "Key": job_key(job.tenant, job.id),
            "ConditionExpression": "gen = :expected",
            "ExpressionAttributeValues": {":expected": number(expected)},
        }
        ends_ms = last.effective_from_ms + GENERATION_RETENTION_MS
        closing = generation_item(job.tenant, job.id, last, ends_ms, self.zones)
        items = [
            {"Delete": deletion},
            {"Put": {"TableName": self.jobs_table, "Item": closing}},
            *self._changed_rows(job, None),
            *self._held_names(job, None),
        ]
        return self._written("jobs.delete", job, items, None, (), tally, self._row_ends(job, last.effective_from_ms))

    def enqueue(self, placed: Placed, queued: Execution, key: str) -> str | None:
        """See ``ports.Jobs``. A key is remembered for a day."""
        items = [self._put_execution(queued), *self._put_single(placed)]
        if key:
            row = {
                **item_key(keys.job_partition(queued.tenant, queued.job), keys.idempotency_sort(key)),
                "x": text(queued.id),
                "ttl": ttl(queued.due_ms + DAY_MS),
            }
            items.insert(0, self._put(row, ABSENT))
        reasons = transact(self.client, "jobs.enqueue", queued.id, items, placed)
        return None if reasons is None else str(reasons[0]["Item"]["x"]["S"])

    def requeue(self, placed: Placed, queued: Execution) -> bool:
        """See ``ports.Jobs``."""
        (execution,) = self._put_execution(queued).values()
        execution |= {
            "ConditionExpression": "ver = :ver",
            "ExpressionAttributeValues": {":ver": number(queued.version - 1)},
        }
        items = [{"Put": execution}, *self._put_single(placed)]
        return transact(self.client, "jobs.requeue", queued.id, items, placed) is None

    def _put(self, item: Any, condition: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        put = {
            "TableName": self.jobs_table,
            "Item": item,
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return {"Put": {**put, "ExpressionAttributeValues": values} if values else put}

    def _put_generation(self, job: Job, row: Generation, condition: str | None = None) -> dict[str, Any]:
        item = generation_item(job.tenant, job.id, row, job.expires_ms(), self.zones)
        if condition:
            return self._put(item, condition)
        return {"Put": {"TableName": self.jobs_table, "Item": item}}

    def _row_ends(self, job: Job, following_ms: int) -> Sequence[Any]:
        """Sets until when the row of a generation is kept that another one follows; nothing if it is for ever."""
        expires_ms = job.row_expires_ms(following_ms)
        if expires_ms is None:
            return ()
        update = {
            "TableName": self.jobs_table,
            "Key": item_key(keys.job_partition(job.tenant, job.id), keys.generation_sort(job.generation)),
            "UpdateExpression": "SET #ttl = :ttl",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":ttl": ttl(expires_ms)},
        }
        return ({"Update": update},)

    def _written(
        self,
        operation: str,
        job: Job,
        items: Sequence[Any],
        placed: Placed | None,
        names: Sequence[Any],
        tally: TallyChange | None,
        ends: Sequence[Any] = (),
    ) -> bool:
        """Whether a transaction was applied, of which ``names``, the tally, and then ``ends``, are the last items.

        A row whose end is to be set may be gone, as those of a job past its last instant are some day; it is not
        brought back.

        Raises:
            NameTaken: What stood against it was the name alone.
            TallyMoved: What stood against it was the tally alone.
        """
        tallies = [] if tally is None else [tally_update(self.jobs_table, tally)]
        tries = _TALLIED_TRIES if tallies else 1
        reasons = transact(self.client, operation, job.id, [*items, *names, *tallies, *ends], placed, tries)
        if reasons is None:
            return True
        failed = [reason.get("Code") == "ConditionalCheckFailed" for reason in reasons]
        named = len(items) + len(names)
        if any(failed[: len(items)]):
            return False
        if any(failed[len(items) : named]):
            raise NameTaken(next(str(one["Item"]["x"]["S"]) for one in reasons[len(items) : named] if "Item" in one))
        if any(failed[named : named + len(tallies)]):
            raise TallyMoved(job.tenant)
        return self._written(operation, job, items, placed, names, tally)

    def _held_names(self, before: Job | None, after: Job | None) -> list[dict[str, Any]]:
        """Gives up the name that a job had for itself, and takes the one that it is to have.

        A row whose time is over counts as none: DynamoDB may keep it for days.
        """
        old = held_name_key(before) if before and before.definition.unique_name else None
        new = held_name_item(after) if after and after.definition.unique_name else None
        items: list[dict[str, Any]] = []
        if old and not (new and old.items() <= new.items()):
            items.append({"Delete": {"TableName": self.jobs_table, "Key": old}})
        if after and new:
            now_s = number(after.updated_ms // SECOND_MS)
            put = self._put(new, f"{ABSENT} OR x = :job OR #ttl < :now", {":job": text(after.id), ":now": now_s})
            put["Put"]["ExpressionAttributeNames"] = {"#ttl": "ttl"}
            items.append(put)
        return items

    def _changed_rows(self, before: Job, after: Job | None) -> list[dict[str, Any]]:
        """Takes a job's rows out of the lists that hold it no more, and puts those in that are new or expire anew."""
        old, new = rows_of(before), rows_of(after) if after else frozenset()
        kept = {(row.list, row.place) for row in new}
        gone = [row_key(before, row) for row in old - new if (row.list, row.place) not in kept]
        puts = [row_item(after, row) for row in new - old] if after else []
        return [
            *({"Delete": {"TableName": self.jobs_table, "Key": key}} for key in gone),
            *({"Put": {"TableName": self.jobs_table, "Item": item}} for item in puts),
        ]

    def _put_single(self, placed: Placed | None) -> list[dict[str, Any]]:
        return [{"Put": {"TableName": self.wheel_table, "Item": single_item(placed)}}] if placed else []

    def _put_execution(self, queued: Execution) -> dict[str, Any]:
        return {"Put": {"TableName": self.executions_table, "Item": execution_item(queued)}}

    def get(self, tenant: str, id: str, *, consistent: bool = False) -> Job | None:
        """See ``ports.Jobs``."""
        key = job_key(tenant, id)
        if self.gets and not consistent:
            item = self.gets.get(id, key)
        else:
            with translated("jobs.get", id):
                item = self.client.get_item(TableName=self.jobs_table, Key=key, ConsistentRead=consistent).get("Item")
        return read_job(item) if item else None

    def batch(self, wanted: Iterable[JobKey]) -> Mapping[JobKey, Job | Unreadable]:
        """See ``ports.Jobs``."""
        once = [job_key(*key) for key in dict.fromkeys(wanted)]  # BatchGetItem refuses doubles
        found: dict[JobKey, Job | Unreadable] = {}
        for item in read_all(self.client, "jobs.batch", self.jobs_table, once):
            key = keys.parse_job_partition(item["pk"]["S"])
            try:
                found[key] = read_job(item)
            except Unreadable as error:
                found[key] = error
        return found

    def generations(self, tenant: str, id: str, first: int) -> Mapping[int, Generation]:
        """See ``ports.Jobs``."""
        partition, span = keys.job_partition(tenant, id), keys.generation_range(first)
        rows = items_between(self.client, "jobs.generations", self.jobs_table, partition, *span)
        return {row.number: row for row in map(read_generation, rows)}

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Job]:
        """See ``ports.Jobs``."""
        values: dict[str, Any] = {":tenant": text(tenant), ":after": text(after or keys.FIRST)}
        with translated("jobs.list", tenant):
            page = self.client.query(
                TableName=self.jobs_table,
                IndexName=JOBS_BY_TENANT_INDEX,
                KeyConditionExpression="tenant = :tenant AND job > :after",
                ExpressionAttributeValues=values,
                Limit=limit,
            )
        return read_page(page, "job", read_job)

    def listed(self, tenant: str, listing: Listing, limit: int, after: str | None) -> Page[Job]:
        """See ``ports.Jobs``. What the buckets hold next is merged; the records tell which rows are still true."""
        places = self._places(tenant, listing.after(after), limit, after)
        once = [job_key(tenant, keys.parse_listed(place)) for place in places[:limit]]
        items = read_all(self.client, "jobs.listed", self.jobs_table, once, consistent=True)
        records = read_page({"Items": items}, "job", read_job)
        found = {place: job for job in records.items if (place := place_of(job, listing.list))}
        jobs = [found[place] for place in places[:limit] if place in found]
        return Page(jobs, places[limit - 1] if len(places) > limit else None, records.unreadable)

    def _places(self, tenant: str, part: Listing, limit: int, after: str | None) -> Sequence[str]:
        """The next places of a part of a list: more than ``limit``, if there are."""
        places: set[str] = set()
        for bucket in range(LIST_BUCKETS if part.low <= part.high else 0):
            values = {":pk": keys.listed_partition(tenant, bucket, part.list), ":low": part.low, ":high": part.high}
            with translated("jobs.listed", tenant):
                page = self.client.query(
                    TableName=self.jobs_table,
                    KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
                    ExpressionAttributeValues={name: text(value) for name, value in values.items()},
                    ScanIndexForward=not part.descending,
                    Limit=limit + 2,  # with one that shows whether others follow, and the one at the cursor
                    ConsistentRead=True,
                )
            places.update(item["sk"]["S"] for item in page["Items"])
        return sorted(places - {after}, reverse=part.descending)

    def sweep(self, after: str | None, limit: int) -> Page[Job]:
        """See ``ports.Jobs``.

        Reads the index of jobs by tenant from one end to the other: it holds the records alone, so that no unit is
        spent on the rows beside them. A cursor is the record's key in it.
        """
        start: dict[str, Any] = {}
        if after:
            tenant, job = keys.parse_job_cursor(after)
            start = {"ExclusiveStartKey": {"tenant": text(tenant), "job": text(job), **job_key(tenant, job)}}
        with translated("jobs.sweep", self.jobs_table):
            page = self.client.scan(TableName=self.jobs_table, IndexName=JOBS_BY_TENANT_INDEX, Limit=limit, **start)
        last = page.get("LastEvaluatedKey")
        found = read_page(page, "job", read_job)
        return replace(found, cursor=keys.job_cursor(last["tenant"]["S"], last["job"]["S"]) if last else None)
