from infra.capacity import FEWEST_BATCHES
from infra.constructs.queues import logical_id
from tidewheel import names

QUEUES = {
    "QueueLambdaCritical": "tidewheel-lambda-critical",
    "QueueLambdaHigh": "tidewheel-lambda-high",
    "QueueLambdaNormal": "tidewheel-lambda-normal",
    "QueueLambdaLow": "tidewheel-lambda-low",
    "QueueFargateCritical": "tidewheel-fargate-critical",
    "QueueFargateHigh": "tidewheel-fargate-high",
    "QueueFargateNormal": "tidewheel-fargate-normal",
    "QueueFargateLow": "tidewheel-fargate-low",
    "DeadLetters": "tidewheel-dead-letters",
}
TAKEN_BY_LAMBDA = [id for id in QUEUES if "Fargate" not in id]
FOURTEEN_DAYS = 14 * 24 * 3600


def _routes(part):
    return {id: queue["Properties"] for id, queue in part.of("SQS::Queue").items() if id != "DeadLetters"}


def test_logical_ids_never_change_since_a_new_one_means_a_new_queue(either):
    queues = {id: queue["Properties"]["QueueName"] for id, queue in either.service.of("SQS::Queue").items()}
    assert queues == QUEUES
    assert len(_routes(either.service)) == len(names.ROUTES)


def test_a_message_stays_hidden_for_longer_than_the_worker_may_run(either):
    timeout = either.service.function("worker")["Timeout"]
    assert timeout == 900
    queues = _routes(either.service)
    assert all(queues[id]["VisibilityTimeout"] > timeout for id in queues if "Lambda" in id)
    assert {queues[id]["VisibilityTimeout"] for id in queues if "Fargate" in id} == {60}


def test_ten_deliveries_before_the_dead_letters(either):
    for queue in _routes(either.service).values():
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 10
        assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_messages_are_kept_for_fourteen_days_and_encrypted(either):
    for queue in either.service.of("SQS::Queue").values():
        assert queue["Properties"]["MessageRetentionPeriod"] == FOURTEEN_DAYS
        assert queue["Properties"]["SqsManagedSseEnabled"] is True


def test_no_queue_listens_without_tls(either, as_text):
    refused = {}
    for policy in either.service.of("SQS::QueuePolicy").values():
        (queue,) = policy["Properties"]["Queues"]
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        refused[as_text(queue)] = (statement["Effect"], statement["Condition"])
    without_tls = ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert refused == {f"<{id}>": without_tls for id in QUEUES}


def test_a_queue_outlives_its_stack_in_an_account(aws, local):
    assert {queue["DeletionPolicy"] for queue in aws.service.of("SQS::Queue").values()} == {"RetainExceptOnCreate"}
    assert {queue["DeletionPolicy"] for queue in local.service.of("SQS::Queue").values()} == {"Delete"}


def test_each_queue_is_taken_in_batches_that_can_fail_in_part_and_nothing_is_filtered(either, as_text):
    mappings = [mapping["Properties"] for mapping in either.service.of("Lambda::EventSourceMapping").values()]
    assert {as_text(mapping["EventSourceArn"]) for mapping in mappings} == {f"<{id}>" for id in TAKEN_BY_LAMBDA}
    for mapping in mappings:
        assert mapping["BatchSize"] == 10
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "FilterCriteria" not in mapping
        assert "MaximumBatchingWindowInSeconds" not in mapping


def _concurrency(part, as_text):
    mappings = [mapping["Properties"] for mapping in part.of("Lambda::EventSourceMapping").values()]
    return {
        as_text(each["EventSourceArn"]): each["ScalingConfig"]["MaximumConcurrency"]
        for each in mappings
        if as_text(each["EventSourceArn"]) != "<DeadLetters>"
    }


def test_what_the_mappings_may_ask_for_the_worker_has(aws, as_text):
    concurrency = _concurrency(aws.service, as_text)
    assert concurrency == {
        "<QueueLambdaCritical>": 50,
        "<QueueLambdaHigh>": 40,
        "<QueueLambdaNormal>": 40,
        "<QueueLambdaLow>": 20,
    }
    assert aws.service.function("worker")["ReservedConcurrentExecutions"] >= sum(concurrency.values())


def test_no_priority_is_ever_left_without_a_worker(either, as_text):
    """Low takes what is left, and two batches of it run whatever else there is: each mapping's share is its own."""
    concurrency = _concurrency(either.service, as_text)
    assert len(concurrency) == len(names.PRIORITIES)
    assert min(concurrency.values()) >= FEWEST_BATCHES


def test_dead_letters_are_seen_to_a_little_at_a_time(either, as_text):
    mappings = [mapping["Properties"] for mapping in either.service.of("Lambda::EventSourceMapping").values()]
    (dead_letter_handler,) = (each for each in mappings if as_text(each["EventSourceArn"]) == "<DeadLetters>")
    assert dead_letter_handler["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert as_text(dead_letter_handler["FunctionName"]).startswith("<DeadLetterHandlerFunction")


def test_a_deployment_may_say_otherwise(synthesise, as_text):
    done = synthesise(batches_critical="3", batch_size="4", dead_letter_batches="7", dead_letter_batch_size="2")
    assert _concurrency(done.service, as_text)["<QueueLambdaCritical>"] == 3
    mappings = [each["Properties"] for each in done.service.of("Lambda::EventSourceMapping").values()]
    sizes = {as_text(each["EventSourceArn"]): each["BatchSize"] for each in mappings}
    assert (sizes.pop("<DeadLetters>"), set(sizes.values())) == (2, {4})
    assert done.service.function("worker")["ReservedConcurrentExecutions"] == 103


def test_pollers_wait_for_a_burst_where_a_deployment_asks_for_them(synthesise, as_text):
    done = synthesise(pollers_high="5", most_pollers_high="30")
    mappings = [each["Properties"] for each in done.service.of("Lambda::EventSourceMapping").values()]
    by_queue = {as_text(each["EventSourceArn"]): each for each in mappings}
    high = by_queue.pop("<QueueLambdaHigh>")
    assert high["ProvisionedPollerConfig"] == {"MinimumPollers": 5, "MaximumPollers": 30}
    assert "ScalingConfig" not in high  # Lambda refuses both
    assert all("ScalingConfig" in each and "ProvisionedPollerConfig" not in each for each in by_queue.values())
    assert done.service.function("worker")["ReservedConcurrentExecutions"] == 50 + 300 + 40 + 20


def test_a_laptop_runs_five_batches_of_each_priority(local, as_text):
    assert set(_concurrency(local.service, as_text).values()) == {5}
    assert "ReservedConcurrentExecutions" not in local.service.function("worker")


def test_a_deployments_own_pools_have_queues_of_which_all_know(synthesise, as_text):
    done = synthesise(pools="gpu, rack-2")
    queues = {id: queue["QueueName"] for id, queue in _routes(done.service).items()}
    assert len(queues) == 16
    assert queues["QueueRackX2Low"] == "tidewheel-rack-2-low"
    for role in ("api", "scheduler", "worker", "dead_letter_handler", "reconciler"):
        assert '"rack-2-low":' in as_text(done.service.function(role)["Environment"]["Variables"]["TIDEWHEEL_QUEUES"])
    version = done.service.function("scheduler")["Environment"]["Variables"]["TIDEWHEEL_CODE_VERSION"]
    assert version == "digest-of-scheduler-16-loop-gpu-rack-2"  # loops that do not know them yield
    assert len(done.service.of("Lambda::EventSourceMapping")) == 5
    assert done.findings == []


def test_no_two_pools_share_a_logical_id():
    pools = ["ab", "a-b", "axb", "ax0b", "a--b", "abx", "xab", "b-high", "bhigh"]
    assert len({logical_id(route) for route in names.routes_of(pools)}) == 4 * len(pools)
