"""The rules that hold for both targets, and what is excepted from them."""

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from infra import nag
from tests.infra.test_permissions import SECRETS, TARGETS

EXCEPTED = {
    "AwsSolutions-APIG1": "ApiGateway::Stage",
    "AwsSolutions-APIG2": "ApiGateway::RestApi",
    "AwsSolutions-APIG3": "ApiGateway::Stage",
    "AwsSolutions-APIG4": "ApiGateway::Method",
    "AwsSolutions-APIG6": "ApiGateway::Stage",
    "AwsSolutions-COG4": "ApiGateway::Method",
    "AwsSolutions-IAM5": "IAM::Policy",
    "AwsSolutions-L1": "Lambda::Function",
    "AwsSolutions-S1": "S3::Bucket",
}


def _exceptions(done):
    for part in (done.state, done.service):
        for resource in part.template["Resources"].values():
            for rule in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", []):
                yield rule["id"], resource["Type"].removeprefix("AWS::"), rule["reason"]


def test_nothing_is_found(either):
    assert either.findings == []


def test_the_rules_do_find_what_is_wrong():
    app = App(analytics_reporting=False)
    sqs.Queue(Stack(app, "Careless"), "Queue")
    rules = {violation.rule_name for violation in AwsSolutionsChecks().validate_scope(app).violations}
    assert rules == {"AwsSolutions-SQS3", "AwsSolutions-SQS4"}


def test_each_exception_holds_for_one_kind_of_resource_and_has_a_reason(either):
    found = {}
    for rule, kind, reason in _exceptions(either):
        found.setdefault(rule.split("[")[0], set()).add(kind)
        assert len(reason.split()) >= 8, f"{rule}: {reason}"
    assert found == {rule: {kind} for rule, kind in EXCEPTED.items()}


def test_each_wildcard_that_is_excepted_names_its_pattern(either):
    wildcards = {rule for rule, _, _ in _exceptions(either) if rule.startswith("AwsSolutions-IAM5")}
    place = "<AWS::Region>:<AWS::AccountId>"
    named = (pattern.partition(":") for pattern in (*TARGETS, SECRETS))
    patterns = {f"arn:<AWS::Partition>:{service}:{place}:{resource}" for service, _, resource in named}
    patterns.add("arn:<AWS::Partition>:s3:::tidewheel-logs-<AWS::AccountId>-<AWS::Region>/*")
    assert wildcards == {f"AwsSolutions-IAM5[Resource::{pattern}]" for pattern in patterns}


def test_a_finding_fails_the_synthesis(tmp_path):
    app = App(analytics_reporting=False, outdir=str(tmp_path))
    sqs.Queue(Stack(app, "Careless"), "Queue")
    nag.enforce(app)
    with pytest.raises(RuntimeError, match="AwsSolutions-SQS4"):
        app.synth()
