from infra.config import Config
from tidewheel import names
from tidewheel.domain.limits import DAY_MS, RETENTION_MS

TABLES = {
    "Jobs": "jobs",
    "Wheel": "wheel",
    "Executions": "executions",
    "Control": "control",
    "Access": "access",
    "Audit": "audit",
}
KEPT = ("RetainExceptOnCreate", "Retain")
"""A creation that fails leaves nothing behind; what it made is kept from then on."""
TEXT_KEYS = {"pk": "HASH", "sk": "RANGE"}


def _keys(schema):
    return {key["AttributeName"]: key["KeyType"] for key in schema}


def test_logical_ids_never_change_since_a_new_one_means_a_new_table(either):
    tables = {id: table["Properties"]["TableName"] for id, table in either.state.of("DynamoDB::Table").items()}
    assert tables == {id: f"tidewheel-{role}" for id, role in TABLES.items()}
    assert set(TABLES.values()) == set(names.Table)


def test_keys(either):
    tables = either.state.of("DynamoDB::Table")
    keys = {id: _keys(table["Properties"]["KeySchema"]) for id, table in tables.items()}
    assert keys == {id: {"pk": "HASH"} if id == "Control" else TEXT_KEYS for id in TABLES}
    types = {key["AttributeType"] for table in tables.values() for key in _attributes(table)}
    assert types == {"S"}


def _attributes(table):
    return table["Properties"]["AttributeDefinitions"]


def _indexes(either):
    tables = either.state.of("DynamoDB::Table")
    return {
        (id, index["IndexName"]): index
        for id, table in tables.items()
        for index in table["Properties"].get("GlobalSecondaryIndexes", ())
    }


def test_jobs_are_listed_by_tenant_and_dead_letters_by_their_end_and_there_is_no_other_index(either):
    jobs, dead = ("Jobs", names.JOBS_BY_TENANT_INDEX), ("Executions", names.EXECUTIONS_BY_FAILURE_INDEX)
    indexes = _indexes(either)
    assert {key: _keys(index["KeySchema"]) for key, index in indexes.items()} == {
        jobs: {"tenant": "HASH", "job": "RANGE"},
        dead: {"dt": "HASH", "de": "RANGE"},
    }
    assert all(index["Projection"] == {"ProjectionType": "ALL"} for index in indexes.values())


def test_what_expires_and_what_does_not(either):
    tables = either.state.of("DynamoDB::Table")
    expiring = {id: table["Properties"].get("TimeToLiveSpecification") for id, table in tables.items()}
    ttl = {"AttributeName": "ttl", "Enabled": True}
    assert expiring == {"Jobs": ttl, "Wheel": ttl, "Executions": ttl, "Control": None, "Access": ttl, "Audit": ttl}


def test_every_table_is_billed_by_request_and_can_be_restored_to_any_moment(either):
    for table in either.state.of("DynamoDB::Table").values():
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_no_table_pays_for_a_key_of_its_own(either):
    for table in either.state.of("DynamoDB::Table").values():
        assert table["Properties"]["SSESpecification"] == {"SSEEnabled": False}  # DynamoDB's own key


def test_an_account_keeps_its_tables_whatever_happens_to_the_stack(aws):
    assert aws.state.termination_protection
    for table in aws.state.of("DynamoDB::Table").values():
        assert table["Properties"]["DeletionProtectionEnabled"] is True
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == KEPT


def test_nothing_stands_in_the_way_of_rolling_a_creation_back(synthesise):
    done = synthesise(creating="state,service")
    assert (done.state.termination_protection, done.service.termination_protection) == (False, False)
    for part in (done.state, done.service):
        resources = part.template["Resources"]
        policies = {id: one.get("DeletionPolicy") for id, one in resources.items()}
        assert "Retain" not in policies.values(), policies
    for table in done.state.of("DynamoDB::Table").values():
        assert table["Properties"]["DeletionProtectionEnabled"] is False  # or its deletion would fail


def test_only_the_protection_differs_when_the_deployment_is_repeated(synthesise, aws):
    first = synthesise(creating="state,service")
    assert first.service.template == aws.service.template
    for id, table in first.state.of("DynamoDB::Table").items():
        protected = table["Properties"] | {"DeletionProtectionEnabled": True}
        assert protected == aws.state.of("DynamoDB::Table")[id]["Properties"]


def test_what_every_run_writes_can_be_warm_from_the_start(synthesise, aws):
    assert not any("WarmThroughput" in table["Properties"] for table in aws.state.of("DynamoDB::Table").values())
    warm = synthesise(warm_writes="8000", warm_reads="24000")
    found = {id: table["Properties"].get("WarmThroughput") for id, table in warm.state.of("DynamoDB::Table").items()}
    asked = {"ReadUnitsPerSecond": 24000, "WriteUnitsPerSecond": 8000}
    assert found == {"Jobs": None, "Wheel": asked, "Executions": asked, "Control": None, "Access": None, "Audit": None}
    one = synthesise(warm_writes="8000").state.of("DynamoDB::Table")["Wheel"]["Properties"]["WarmThroughput"]
    assert one == {"WriteUnitsPerSecond": 8000}


def test_a_laptop_keeps_nothing(local):
    assert not local.state.termination_protection
    for table in local.state.of("DynamoDB::Table").values():
        assert table["Properties"]["DeletionProtectionEnabled"] is False
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_no_export_ties_the_stacks_together(either):
    assert "Outputs" not in either.state.template
    assert "Fn::ImportValue" not in str(either.service.template)


LONGEST_REGION = "ap-southeast-1"


def _logs(done):
    return done.state.of("S3::Bucket")["Logs"]


def test_logs_lie_in_a_bucket_of_this_account_and_region(either, as_text):
    assert list(either.state.of("S3::Bucket")) == ["Logs"]
    name = as_text(_logs(either)["Properties"]["BucketName"])
    assert name == "tidewheel-logs-<AWS::AccountId>-<AWS::Region>"
    for role in ("api", "worker"):
        variables = either.service.function(role)["Environment"]["Variables"]
        assert as_text(variables[names.Env.LOGS_BUCKET]) == name


def test_the_longest_name_of_a_deployment_leaves_its_bucket_a_name():
    longest = "a" * 30
    assert Config.from_context({"target": "local", "deployment": longest}.get).deployment == longest
    assert len(names.logs_bucket(longest, "1" * 12, LONGEST_REGION)) <= 63  # Amazon S3, bucket naming rules


def test_nobody_else_sees_logs_and_nothing_reads_or_writes_them_unencrypted(either):
    properties = _logs(either)["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (policy,) = either.state.of("S3::BucketPolicy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_logs_are_kept_as_long_as_their_executions(either):
    (rule,) = _logs(either)["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == RETENTION_MS // DAY_MS == 30
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert (rule["Status"], "Prefix" in rule) == ("Enabled", False)


def test_an_account_keeps_its_logs_and_a_laptop_does_not(aws, local):
    for done, policies in ((aws, KEPT), (local, ("Delete", "Delete"))):
        assert (_logs(done)["DeletionPolicy"], _logs(done)["UpdateReplacePolicy"]) == policies
