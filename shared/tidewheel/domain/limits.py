"""The limits of the product, each in one place, with the reason or source for its value."""

from __future__ import annotations

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
FOREVER_MS = 1 << 62
"""An instant (ms since the epoch) later than any real one."""

WRITE_BOUND_MS = 10 * SECOND_MS
"""The longest duration of a write to the wheel, the SDK's retries included; the adapters configure it."""

TRY_BOUND_MS = 4 * SECOND_MS
"""The longest time from the moment at which one try of a request is sent until it is applied or has failed: 1 s to
connect and 3 s to answer; the adapters configure it."""

SKEW_MS = 2 * SECOND_MS
"""How far the clocks of two machines may differ."""

SKEW_WARNED_MS = 1 * SECOND_MS
SKEW_REFUSED_MS = 5 * SECOND_MS
"""A worker or scheduler whose clock is off by more than the first logs it; by more than the second it takes no work."""

IMMEDIATE_MS = 2 * SECOND_MS
"""What is due sooner is sent to the queue by the API itself and held by the worker until due."""

MAX_SEND_DELAY_MS = 15 * MINUTE_MS
"""The longest time for which a queue hides a message that was just sent (Amazon SQS message timers)."""

MAX_MESSAGE_BYTES = 1024 * 1024
"""The largest message, and the largest batch of them (Amazon SQS message quotas)."""

MENDABLE_MS = 5 * MINUTE_MS
"""How long a call is repeated that is refused because a right or a queue is missing, before it counts as refused for
good: a pool that is only just being added, or a role that is rolled out with it, is there within a few minutes of one
stack update, while its own scheduler still runs the former release."""

MAX_WAIT_MS = 20 * SECOND_MS
"""The longest time for which a queue is asked to wait for a message (Amazon SQS long polling)."""

HEARTBEAT_MS = 1 * SECOND_MS
LET_GO_MS = 3_500
"""A scheduler whose heartbeat was not renewed for this long stops by itself."""
STILL_MS = 4_000
"""A lease whose counter did not change for this long while it was watched may be taken; more than LET_GO_MS."""

LOOK_MS = 400
"""How often a scheduler looks at the other instances while one of them is not found renewed; else it looks each second.
STILL_MS, this and a load are less than the 5 s in which a dead scheduler's shards must fire again."""

LAYOUT_FRESH_MS = 30 * SECOND_MS
"""How long a process caches the number of shards."""
LAYOUT_NOTICE_MS = 2 * MINUTE_MS
"""How long before it takes effect a change of that number is announced: well above the age of the
caches, a write and the skew of two clocks."""

TAKEOVER_GRACE_MS = 10 * SECOND_MS
"""An execution's lease must be past by this much before another worker takes over."""

LEASE_MS = 30 * SECOND_MS
"""How long a claim, or its renewal, holds an execution. A call that returns within ``RENEW_MS`` is never renewed."""
RENEW_MS = 10 * SECOND_MS
"""How often the lease of a running execution is renewed: two renewals may fail before it ends. A worker learns of a
cancellation by the renewal, so this is also the longest time until it does."""
STOP_MS = 2 * SECOND_MS
"""How soon a call returns after it is stopped, unless its target needs longer (a command's grace)."""

DRAIN_MS = 100 * SECOND_MS
"""How long a pool's worker that has to end lets its attempts go on, unless it is told otherwise: Fargate ends a task
two minutes after it asked (Amazon ECS, stopTimeout), and handing over takes some seconds."""

MAX_SLOTS = 64
"""How many attempts one worker process runs at once: as many as the connections that its clients keep."""

COMMAND_GRACE_MS = 10 * SECOND_MS
MAX_COMMAND_GRACE_MS = MINUTE_MS
"""How long a program has after SIGTERM, unless its job says otherwise, and at most. The former is also the most that it
gets from a worker that has to end."""
STATE_LOOK_MS = 500
"""How often a program's state file is read."""

CHECKPOINT_BYTES = 8 * 1024
"""How much a run may keep for its next attempt; every renewal writes it again, a write unit for each kilobyte."""
LOG_BYTES = 10 * 1024 * 1024
"""How much of an attempt's log is kept whole."""
LOG_PAGE_BYTES = 512 * 1024
LOG_PAGE_PARTS = 100
"""How much of it one answer holds. Lambda answers 6 MB (AWS Lambda quotas), and a byte may take seven of them, since
the JSON of an answer is written into another; a part takes some 20 ms to fetch."""

ANSWER_BYTES = 3_000_000
"""How much of a list one answer holds, counted as its body's bytes: API Gateway passes 10 MB (Amazon API Gateway
quotas), Lambda answers 6 MB (AWS Lambda quotas)."""
ANSWER_SENT_BYTES = 5_500_000
"""The same, counted as Lambda sends it, which counts against those 6 MB: the body is a text in another JSON document,
where a quotation mark takes two bytes and a letter outside ASCII up to six or, in pairs, twelve."""

MAX_RECEIVES = 10
"""How often a queue delivers a message before it gives it up to the dead-letter queue."""
MAX_RETURNS = 5
"""How often a message that was given up is sent again before its execution ends as dead: enough that other messages of
its batch succeed, and few enough that one that crashes its worker does not return for ever."""
RETURN_DELAY_MS = MINUTE_MS
"""The delay of the first return; it doubles each time, up to ``MAX_SEND_DELAY_MS``."""

REDRIVE_RATE = 10
MAX_REDRIVE_RATE = 1_000
"""Dead letters that start again in a second, unless the request says otherwise, and at most."""

LOCK_RECHECK_LEAST_MS = MINUTE_MS
LOCK_RECHECK_MOST_MS = 5 * MINUTE_MS
"""The least and the longest time after which an execution that waits for its job's lock checks it by itself."""

LOCK_IDLE_MS = HOUR_MS
"""How long a job's lock may belong to an execution that does not begin: longer than the queue hides the message of a
worker that died between lock and claim."""

LOCK_RETENTION_MS = 90 * DAY_MS
"""How long a lock is kept after it was last written. A run whose retries last for weeks writes it anew with each of
them once ``RETENTION_MS`` have passed; two are at most 28 days apart (delay, jitter, and the queue's retention)."""

CIRCUIT_FRESH_MS = 5 * SECOND_MS
"""How long a worker caches a circuit: a busy worker reads it no more often, and other workers may call a party for this
long after its circuit has opened."""
CIRCUIT_SPREAD_MS = MINUTE_MS
"""Executions that wait for a circuit come back spread over this time after it may close."""
CIRCUIT_RECHECK_MS = 2 * MINUTE_MS
"""The longest time after which one checks an open circuit again: a requested run or an operator may have closed it."""
CIRCUIT_PROBE_GAP_MS = 10 * SECOND_MS
"""The least time from the last failure or probe of an open circuit to the next requested run that is a probe."""

MAX_TENANT_CONCURRENCY = 1_000
"""The highest limit of a tenant's running executions: a worker that looks for a permit reads all, 4 KB a read unit."""
LOWERED_LOOK_MS = 10 * SECOND_MS
"""How long a worker caches that no permit beyond the tenant's limit is held, as after the limit was lowered."""
LINE_HEAD = 25
"""How many of a line's first entries are read to choose one."""
LINE_SHOWN = 1_000
"""To how many of a line's first entries the API tells their position."""
LINE_SPREAD = 16
LINE_SPREAD_MS = 2 * SECOND_MS
"""Executions that have waited equally long to within this count as equal, in up to ``LINE_SPREAD`` parts."""
LINE_GUARD_MS = SECOND_MS
LINE_IDLE_GUARD_MS = 2 * SECOND_MS
"""How often the line guard looks while anybody waits, and while nobody does."""
LINE_RESEND_MS = 1_500
"""How long after a permit was given its message is sent again, if the entry in line was not removed by then."""
LINE_ANNOUNCE_MS = 5 * SECOND_MS
LINE_LINGER_MS = MINUTE_MS
"""A line that was empty for as long is not looked at any more; who takes longer than ``LINE_ANNOUNCE_MS`` to stand in
it, and may have been frozen, announces it again."""
LEFT_MS = 10 * MINUTE_MS
"""For how long an execution is left to other workers by those that lack what its target needs: as long as a fleet takes
to be replaced. Then it ends as dead."""
LEFT_RECHECK_MOST_MS = 10 * SECOND_MS
"""The longest time until it is sent again: any worker of the pool may get it, so that one of ten workers that has what
it needs receives it in time in all but 2 of 1,000 cases."""

MIN_TIMEOUT_MS = 1 * SECOND_MS
MAX_TIMEOUT_MS = 14 * MINUTE_MS
"""The Lambda pool's longest attempt; Lambda ends a function after 15 minutes (AWS Lambda quotas)."""
MAX_POOL_TIMEOUT_MS = 11 * HOUR_MS
"""Any other pool's: a message is hidden for 12 hours after it was received at most, whatever is renewed (Amazon SQS
visibility timeout), and what shows again meets a lease that is not over."""

MAX_DEADLINE_MS = 7 * DAY_MS
"""How long after its due time an execution may still go on, at most; well within what its record is kept for."""

HEALTH_WINDOW_MS = 10 * SECOND_MS
"""Failed requests count towards the deployment's health for this long."""
HEALTH_DWELL_MS = 15 * SECOND_MS
"""A state of health lasts so long at least before a better one follows."""
HEALTH_STALE_MS = 3 * MINUTE_MS
"""A state that was stored longer ago says nothing: it is stored anew each minute, and a take-over lasts seconds."""
HEALTH_FRESH_MS = 2 * SECOND_MS
HEALTH_AWAY_MS = 5 * SECOND_MS
"""How long the API caches it, and for how long it must have asked for it in vain before it takes no changes."""
OVERLOADED_RETRY_S = 15
READ_ONLY_RETRY_S = 60
"""After how many seconds (s) whoever was refused may try again."""
PROMOTED_EVERY_MS = 5 * MINUTE_MS
"""What leaves the wheel so late goes by a queue of the next higher priority, up to ``high``; so what is due at priority
``low`` is held back for no longer than this."""
HELD_MOST = 50_000
"""How many occurrences of a route are held back in memory at most, at 1.6 KB each: loading must not wait for them."""
SWITCH_CHARS = 200
"""How much an operator may say about the read-only switch."""

RETENTION_MS = 30 * DAY_MS
"""How long executions, and one-time jobs past their time, are kept before their TTL removes them."""

GENERATION_RETENTION_MS = 45 * DAY_MS
"""How long the row of a generation is kept once another one has followed it. The ledger looks back ``RETENTION_MS``,
and up to two days more by jitter and window; its wheel entries live for ``SLOT_RETENTION_MS``; its messages for 14 days
in a queue and as long in the dead-letter queue (Amazon SQS quotas)."""

COUNTER_RETENTION_MS = 2 * DAY_MS
"""How long the counter of a limit is kept after its window has ended, for people who look."""

API_KEY_RETENTION_MS = 90 * DAY_MS
"""How long the record of an API key is kept after its end, so that a list shows what became of it."""

MAX_OVERLAP_MS = 30 * DAY_MS
"""How long a rotated API key stays valid beside its successor, at most."""
AUDIT_RETENTION_MS = 400 * DAY_MS
"""How long a row of the audit log is kept: a year, and a month to look back at it."""

GRACE_MS = 10 * SECOND_MS
"""How late an occurrence fires as usual, unless its job says otherwise."""

MAX_GRACE_MS = HOUR_MS
"""What is within the grace is walked one by one: at most 3,600 occurrences."""

MISFIRE_LIMIT = 100
MAX_MISFIRE_LIMIT = 1_000
"""How many missed occurrences of one job run, unless it says otherwise, and at most."""

COUNTED_MOST = 10_000
"""Instants of a cron that a ledger row counts; walking so many takes a quarter of a second, beside the loop."""

MAX_LEDGER = 10_000
"""How many instants one request for the ledger may cover."""

SETTLED_MS = 15 * SECOND_MS
"""How long after its due time an instant may lack an account: the usual grace, and a take-over."""

RECONCILE_EVERY_MS = 5 * MINUTE_MS
"""How often the reconciler is started."""
RECONCILE_RUN_MS = 4 * MINUTE_MS
"""How long one of its runs lasts at most, so that the next finds it gone."""
RECONCILE_SWEEP_MS = HOUR_MS
"""A sweep over all jobs begins no sooner after the last one began: a safeguard must not cost like a feature."""
RECONCILE_PAGE = 100
RECONCILE_PAGE_MS = 250
"""It looks at so many jobs in this time at most: 400 a second, at about 260 read units; a new on-demand table
takes 12,000 (Amazon DynamoDB quotas)."""
RECONCILE_MARGIN_MS = 10 * MINUTE_MS
"""An instant that was due longer ago and has no account is looked into: well above the usual grace, a take-over of
its shard, a stored cursor's age, and a message's way to its worker."""
RECONCILE_PATIENCE_MS = 6 * HOUR_MS
"""How long a message may wait in a queue with a backlog before its job's schedule entry counts as missing: a busy queue
is never empty, and must not hide a missing entry for ever."""

WAITING_PARTS = 8
"""Parts of the list of executions that are queued or wait for a retry. Each takes 1,000 write units a second (Amazon
DynamoDB, partitions); an attempt that waits costs two."""
WAITING_PAGES = 10
"""Pages of ``RECONCILE_PAGE`` executions that one run reads of each part at most."""
WAIT_NOTED_MS = HOUR_MS
"""An execution that waits for a lock, a circuit or a permit notes this often at least that it still does. Within that
time it comes back by itself many times, which no record shows."""

KEY_RETENTION_MS = DAY_MS
"""How long an idempotency key is remembered; that of a job's creation for ever. A client gives up within minutes."""

SLOT_RETENTION_MS = 14 * DAY_MS
"""How long entries outlive their slot before their TTL removes them: an outage of the schedulers may last as long."""

QUARANTINE_RETENTION_MS = 42 * DAY_MS
"""How long malformed records are kept for people."""

QUARANTINE_CHARS = 16_000
"""How much of its text is kept, so that it surely fits an item; a good entry has less than 200."""

LOADED_AT_ONCE = 1_000
"""Items in one page of a slot, and entries that are planned at once."""

LATE_PAGES = 4
LATE_BEHIND_MS = 3 * SECOND_MS
"""Of a late slot that is larger than a page, so many pages are read each second of what is due from so long (ms) ago
on: at 500 entries a second, for which a shard is made, those of eight seconds, five of them to come."""

JOBS_AT_ONCE = 100
"""Job records read by one request (Amazon DynamoDB quotas, BatchGetItem)."""

WRITES_AT_ONCE = 25
"""Conditional writes of executions in one request (Amazon DynamoDB quotas, BatchExecuteStatement)."""
GROUPED_BYTES = 64 * 1024
"""A record that is larger is written by a request of its own: 25 smaller ones are far below what a request may hold."""

PACK_ENTRIES = 300
"""Entries in one pack; at under 100 bytes each the item stays far below DynamoDB's 400 KB."""

REMOVED_AT_ONCE = 250
"""Singles that one background call deletes: ten requests, which end long before the time of a write is up."""

ATTEMPTS_KEPT = 10
"""Attempts whose account stays in the execution's record, the newest ones, so that it fits 1 KB."""

REASON_CHARS = 200
ATTEMPT_REASON_CHARS = 60
CANCEL_REASON_CHARS = 150
"""How much of a reason is kept in the record, in each attempt's account, and of what a user says who cancels."""

CONNECTIONS = 100
"""Connections of one worker to HTTP targets under one set of CAs, kept open ones included."""
CA_BUNDLES = 16
"""Bundles of private CAs whose connections and parsed certificates one worker keeps."""
KEEP_ALIVE_MS = 5 * SECOND_MS
"""How long one is kept open for another request: a function that sleeps longer between two finds it dead."""
LOOK_UPS = 32
"""Names that one worker looks up, and secrets that it reads for HTTP targets, at a time: a slow name server holds up
nobody else."""
CONNECT_MS = 5 * SECOND_MS
"""How long one of several addresses of a host may take to answer before the next one is tried."""

SECRET_FRESH_MS = 5 * MINUTE_MS
SECRET_MISSING_MS = 30 * SECOND_MS
SECRETS_KEPT = 1_000
"""How long a worker goes on using a secret that it has read, believes that there is none, and how many it keeps."""

MAX_REDIRECTS = 5
"""Redirects that an HTTP target follows at most, if its job asks for any."""

OUTPUT_BYTES = 256
"""How much of a target's answer is kept inline with the execution."""

MAX_JITTER_MS = DAY_MS
"""The widest jitter, and the widest window."""

MAX_ATTEMPTS = 100
MAX_DELAY_MS = 7 * DAY_MS
MAX_UPCOMING = 100
MAX_PAGE = 100
DEFAULT_PAGE = 25
"""Items of a list answer."""

FORECAST_MS = 30 * DAY_MS
FORECAST_INSTANTS = 20
"""How far a dry run looks ahead for what a job costs, and how many of its next instants it shows."""

LAST_RUN_LOOKS = 10
"""A job's newest records among which its last result is sought."""
READ_SIDE_BY_SIDE = 8
"""Requests that one call has under way at once where it reads the runs of many jobs."""

LIST_BUCKETS = 8
"""Partitions of each list of a tenant's jobs. One takes 1,000 write units a second (Amazon DynamoDB, partitions), and a
row in it costs one where a job is created: eight take 8,000 new jobs of a tenant a second. Each page reads them all."""

MAX_DEPTH = 64
"""How deep objects and lists in a body lie in each other. Who reads answers, in which jobs stand in lists, gives up at
200."""

MAX_BULK = 100
"""Items of a request that changes many jobs."""
MAX_BULK_BYTES = 2 * 1024 * 1024
"""Its body. Lambda takes 6 MB (AWS Lambda quotas), where the body is a text in another JSON document."""
BULK_MS = 8 * SECOND_MS
"""How long it begins with another item: with the last one, of up to ten seconds, it ends before API Gateway gives up
after 29 s (Amazon API Gateway quotas), and most clients after ten."""

MAX_JOB_BYTES = 64 * 1024
"""A job's body, target's payload included. SQS and DynamoDB would take more; the hot path should not."""

MAX_DEPENDS_CHARS = 4_000
"""An expression over how a step's parents ended: a hundred of them by name; more are joined by a step of their own."""
