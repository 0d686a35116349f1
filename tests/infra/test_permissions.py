"""What each function may do, as one table; anything more or less than it fails."""

import pytest

JOBS = "dynamodb:table/tidewheel-jobs"
JOBS_BY_TENANT = "dynamodb:table/tidewheel-jobs/index/by_tenant"
WHEEL = "dynamodb:table/tidewheel-wheel"
EXECUTIONS = "dynamodb:table/tidewheel-executions"
EXECUTIONS_BY_FAILURE = "dynamodb:table/tidewheel-executions/index/by_failure"
CONTROL = "dynamodb:table/tidewheel-control"
ACCESS = "dynamodb:table/tidewheel-access"
AUDIT = "dynamodb:table/tidewheel-audit"
SCHEDULER = "lambda:function:tidewheel-scheduler"
SECRETS = "secretsmanager:secret:tidewheel/tidewheel/*"
TARGETS = {
    "lambda:function:tidewheel-target-*": "InvokeFunction",
    "sqs:tidewheel-target-*": "GetQueueUrl SendMessage",
    "sns:tidewheel-target-*": "Publish",
    "events:event-bus/tidewheel-target-*": "PutEvents",
    "states:stateMachine:tidewheel-target-*": "StartExecution",
    "states:execution:tidewheel-target-*": "DescribeExecution StopExecution",
}
ECHO = "lambda:function:tidewheel-echo"
LOGS = "s3:bucket/tidewheel-logs"
DEAD_LETTERS = "<DeadLetters>"
LAMBDA_QUEUES = ("<QueueLambdaCritical>", "<QueueLambdaHigh>", "<QueueLambdaNormal>", "<QueueLambdaLow>")
FARGATE_QUEUES = ("<QueueFargateCritical>", "<QueueFargateHigh>", "<QueueFargateNormal>", "<QueueFargateLow>")
QUEUES = (*LAMBDA_QUEUES, *FARGATE_QUEUES)

READ_WRITE = "GetItem PutItem DeleteItem"
CONSUME = "ReceiveMessage DeleteMessage GetQueueAttributes ChangeMessageVisibility"

ALLOWED = {
    "api": {
        JOBS: f"{READ_WRITE} Query BatchGetItem BatchWriteItem UpdateItem",
        JOBS_BY_TENANT: "Query",
        WHEEL: "PutItem BatchWriteItem",
        CONTROL: "GetItem UpdateItem",
        ACCESS: "GetItem PutItem Query",
        AUDIT: "PutItem Query",
        EXECUTIONS: "GetItem BatchGetItem PutItem UpdateItem Query",
        EXECUTIONS_BY_FAILURE: "Query",
        LOGS: "ListBucket",
        f"{LOGS}/*": "GetObject",
        **dict.fromkeys(QUEUES, "SendMessage"),
    },
    "scheduler": {
        WHEEL: "Query PutItem BatchWriteItem",
        JOBS: "GetItem BatchGetItem Query",
        EXECUTIONS: "GetItem BatchGetItem PutItem DeleteItem Query",
        CONTROL: "GetItem UpdateItem",
        ACCESS: "GetItem",
        SCHEDULER: "InvokeFunction",
        **dict.fromkeys(QUEUES, "SendMessage GetQueueAttributes"),
    },
    "worker": {
        JOBS: "GetItem BatchGetItem Query",
        CONTROL: "GetItem",
        ACCESS: "GetItem",
        EXECUTIONS: "GetItem BatchGetItem PutItem UpdateItem DeleteItem PartiQLInsert PartiQLUpdate Query",
        WHEEL: "PutItem",
        f"{LOGS}/*": "PutObject",
        **TARGETS,
        SECRETS: "GetSecretValue",
        **dict.fromkeys(LAMBDA_QUEUES, f"{CONSUME} SendMessage"),
    },
    "authorizer": {ACCESS: "GetItem"},
    "watchdog": {CONTROL: "GetItem", SCHEDULER: "InvokeFunction"},
    "reconciler": {
        JOBS: "GetItem",
        JOBS_BY_TENANT: "Scan",
        EXECUTIONS: "GetItem BatchGetItem Query",
        EXECUTIONS_BY_FAILURE: "Query",
        WHEEL: "Query PutItem",
        CONTROL: "GetItem UpdateItem",
        **dict.fromkeys(QUEUES, "GetQueueAttributes"),
    },
    "dead_letter_handler": {
        JOBS: "GetItem Query",
        CONTROL: "GetItem",
        EXECUTIONS: "GetItem PutItem Query",
        WHEEL: "PutItem",
        DEAD_LETTERS: "ReceiveMessage DeleteMessage GetQueueAttributes",
        **dict.fromkeys(QUEUES, "SendMessage"),
    },
}
ALLOWED_IN_ECONOMY = {
    "api": ALLOWED["api"],
    "scheduler": {
        resource: actions.removesuffix(" GetQueueAttributes")
        for resource, actions in ALLOWED["scheduler"].items()
        if resource != SCHEDULER
    },
    "worker": {
        **ALLOWED["worker"],
        **dict.fromkeys(QUEUES, "SendMessage"),
        **dict.fromkeys(LAMBDA_QUEUES, f"{CONSUME} SendMessage"),
    },
}
"""No scheduler calls another, or watches a queue; a worker sends the retries that no run could see to in time."""
BUCKET = "arn:<AWS::Partition>:s3:::tidewheel-logs"
SERVICES = ("dynamodb", "lambda", "sqs", "logs", "secretsmanager", "sns", "events", "states")


def _listed(value):
    return value if isinstance(value, list) else [value]


def _resource(value, part, as_text):
    """A resource as the table writes it: what every ARN of the account begins with is left out."""
    match value:
        case {"Fn::GetAtt": [name, "Arn"]} if name in part.of("Logs::LogGroup"):
            return f"logs:{part.of('Logs::LogGroup')[name]['Properties']['LogGroupName']}"
    written = as_text(value).replace(f"{BUCKET}-<AWS::AccountId>-<AWS::Region>", LOGS)
    for service in SERVICES:
        prefix = f"arn:<AWS::Partition>:{service}:<AWS::Region>:<AWS::AccountId>:"
        written = written.replace(prefix, f"{service}:")
    return written


def _statements(part, role):
    role = role["Fn::GetAtt"][0]
    inline = part.of("IAM::Role")[role]["Properties"].get("Policies", [])
    documents = [policy["PolicyDocument"] for policy in inline]
    attached = [policy["Properties"] for policy in part.of("IAM::Policy").values()]
    documents += [policy["PolicyDocument"] for policy in attached if {"Ref": role} in policy["Roles"]]
    return [statement for document in documents for statement in document["Statement"]]


def _granted(part, role, as_text):
    return _of_role(part, part.function(role)["Role"], as_text)


def _of_role(part, role, as_text):
    statements = _statements(part, role)
    assert all(set(statement) == {"Effect", "Action", "Resource"} for statement in statements)
    return {
        (action, _resource(resource, part, as_text))
        for statement in statements
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }


def _expected(role, table):
    pairs = {
        (f"{'sqs' if resource.startswith('<') else resource.partition(':')[0]}:{action}", resource)
        for resource, actions in table.items()
        for action in actions.split()
    }
    log = f"logs:/aws/lambda/tidewheel-{role}"
    return pairs | {("logs:CreateLogStream", log), ("logs:PutLogEvents", log)}


@pytest.mark.parametrize("role", ALLOWED)
def test_each_may_do_exactly_this(either, role, as_text):
    table = dict(ALLOWED[role])
    if role == "worker" and either.local:
        table[ECHO] = "InvokeFunction"
    assert _granted(either.service, role, as_text) == _expected(role, table)


@pytest.mark.parametrize("role", ALLOWED_IN_ECONOMY)
def test_each_may_do_exactly_this_in_economy_mode(economy, role, as_text):
    assert _granted(economy.service, role, as_text) == _expected(role, ALLOWED_IN_ECONOMY[role])


def test_the_sample_target_may_do_nothing(local, as_text):
    assert _granted(local.service, "echo", as_text) == _expected("echo", {})


def test_no_permission_of_a_function_is_a_wildcard_but_the_named_targets_the_keys_of_logs_and_secrets(either, as_text):
    patterns = {
        (role, resource)
        for role in ALLOWED
        for action, resource in _granted(either.service, role, as_text)
        if "*" in resource or "*" in action
    }
    assert patterns == {
        *(("worker", target) for target in TARGETS),
        ("worker", SECRETS),
        ("worker", f"{LOGS}/*"),
        ("api", f"{LOGS}/*"),
    }


def test_no_role_or_policy_of_the_stack_speaks_of_every_resource(either):
    for policy in either.service.of("IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert "*" not in _listed(statement["Resource"])


def test_targets_that_are_named_replace_the_pattern(synthesise, as_text):
    ours = "arn:aws:lambda:us-east-1:111122223333:function:invoices"
    theirs = "arn:aws:lambda:us-east-1:111122223333:function:reports-*"
    done = synthesise(target_functions=f"{ours}, {theirs}")
    invoked = {
        resource for action, resource in _granted(done.service, "worker", as_text) if action == "lambda:InvokeFunction"
    }
    assert invoked == {ours, theirs}
    assert not done.findings


CLUSTER = "arn:aws:rds:us-east-1:111122223333:cluster:orders"
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!cluster-1a2b-AbCdEf"


def _of_sql(granted):
    return {pair for pair in granted if pair[0].startswith(("rds-data:", "secretsmanager:"))}


def test_databases_and_secrets_are_those_that_are_listed_and_go_to_the_pools_that_may_run_sql(synthesise, as_text):
    pools = {"pools": "on-site,gpu", "allow_kinds": '{"on-site": ["sql"]}'}
    done = synthesise(sql_clusters=CLUSTER, sql_secrets=SECRET, **pools)
    roles = _pool_roles(done.service, as_text)
    assert set(roles) == {"fargate", "on-site", "gpu"}
    assert _of_sql(roles["on-site"]) == {
        ("rds-data:ExecuteStatement", CLUSTER),
        ("secretsmanager:GetSecretValue", SECRETS),
        ("secretsmanager:GetSecretValue", SECRET),
    }
    for others in (roles["gpu"], roles["fargate"], _granted(done.service, "worker", as_text)):
        assert _of_sql(others) == {("secretsmanager:GetSecretValue", SECRETS)}
    assert not done.findings


def test_a_role_of_each_pool_that_other_machines_work_takes_from_its_own_queues_alone(synthesise, aws, local, as_text):
    roles = _pool_roles(synthesise(pools="on-site").service, as_text)
    assert set(roles) == {"fargate", "on-site"}
    queues = {resource for action, resource in roles["on-site"] if action == "sqs:ReceiveMessage"}
    assert queues == {f"<QueueOnXsite{priority}>" for priority in ("Critical", "High", "Normal", "Low")}
    assert {resource for action, resource in roles["on-site"] if action.startswith("lambda:Get")} == {
        "lambda:function:tidewheel-worker"
    }
    assert set(_pool_roles(aws.service, as_text)) == {"fargate"}
    assert not _pool_roles(local.service, as_text)


def _pool_roles(part, as_text):
    """What the roles of pools are granted, by pool."""
    what = "Tidewheel: workers of the pool "
    roles = {id: role["Properties"] for id, role in part.of("IAM::Role").items()}
    assert not any("RoleName" in role for role in roles.values())  # such names are one list for all regions
    named = {
        role["Description"].removeprefix(what): id
        for id, role in roles.items()
        if role.get("Description", "").startswith(what)
    }
    shown = {name for name in part.template.get("Outputs", {}) if name.startswith("WorkerRole")}
    assert shown == {f"WorkerRole{pool.title().replace('-', '')}" for pool in named}
    return {pool: _of_role(part, {"Fn::GetAtt": [id, "Arn"]}, as_text) for pool, id in named.items()}
