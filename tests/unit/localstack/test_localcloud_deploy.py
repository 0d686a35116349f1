"""What a deployment to the local cloud refuses to believe, and what it tells of one that failed."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from localstack import deploy, resources
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.settings import CONTEXT_VARIABLE, ECONOMY_VARIABLE

FALLBACK = "Resource type AWS::ECS::Cluster is not supported but was deployed as a fallback"
QUEUE, CLUSTER = "AWS::SQS::Queue", "AWS::ECS::Cluster"


def resource(id, kind=QUEUE, status="CREATE_COMPLETE", physical="something"):
    made = {"LogicalResourceId": id, "ResourceType": kind, "ResourceStatus": status, "PhysicalResourceId": physical}
    return {key: value for key, value in made.items() if value is not None}


def event(id, kind=QUEUE, status="CREATE_COMPLETE", reason=None):
    made = {"LogicalResourceId": id, "ResourceType": kind, "ResourceStatus": status, "StackId": "arn:stack"}
    return made | ({"ResourceStatusReason": reason} if reason else {})


def of_stack(status):
    return event("tiny", "AWS::CloudFormation::Stack", status) | {"PhysicalResourceId": "arn:stack"}


class Cloudformation:
    """Stacks by name, each with the pages of its resources and of its events, the newest event first."""

    def __init__(self, **stacks):
        self.stacks = stacks

    def get_paginator(self, verb):
        return Pages(self.stacks, verb)


FOUND = {"list_stack_resources": (0, "StackResourceSummaries"), "describe_stack_events": (1, "StackEvents")}


class Pages:
    def __init__(self, stacks, verb):
        self.stacks, (self.part, self.key) = stacks, FOUND[verb]

    def paginate(self, *, StackName):  # noqa: N803 -- boto3's name
        if StackName not in self.stacks:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "Describe")
        return [{self.key: page} for page in self.stacks[StackName][self.part]]


def refusal(*stacks, **known):
    with pytest.raises(LocalCloudError) as raised:
        resources.refuse_pretended(Cloudformation(**known), stacks or known)
    return str(raised.value)


class TestPretended:
    def test_what_is_there_is_believed(self):
        known = {"tiny": ([[resource("Queue")]], [[event("Queue"), event("Queue", status="CREATE_IN_PROGRESS")]])}
        resources.refuse_pretended(Cloudformation(**known), known)

    def test_what_was_deployed_as_a_fallback_is_named_with_its_type(self):
        told = refusal(tiny=([[resource("Cluster", CLUSTER)]], [[event("Cluster", CLUSTER, reason=FALLBACK)]]))
        assert "only pretends to have Cluster (AWS::ECS::Cluster): leave that out" in told

    def test_later_pages_are_read(self):
        resources = [[resource("Queue")], [resource("Cluster", CLUSTER)]]
        events = [[event("Queue")], [event("Cluster", CLUSTER, reason=FALLBACK)]]
        assert "Cluster (AWS::ECS::Cluster)" in refusal(tiny=(resources, events))

    def test_a_physical_id_that_is_none_is_enough(self):
        told = refusal(tiny=([[resource("Cluster", CLUSTER, physical="unknown")]], [[event("Cluster", CLUSTER)]]))
        assert "Cluster (AWS::ECS::Cluster)" in told

    def test_a_resource_that_failed_in_a_stack_that_did_not(self):
        broken = resource("Cluster", CLUSTER, status="CREATE_FAILED", physical=None)
        assert "Cluster (AWS::ECS::Cluster)" in refusal(tiny=([[broken]], [[]]))

    def test_all_are_named(self):
        known = {
            name: ([[resource(name.title(), CLUSTER, physical="unknown"), resource("Queue")]], [[]])
            for name in ("one", "two")
        }
        assert "One (AWS::ECS::Cluster), Two (AWS::ECS::Cluster): leave" in refusal(**known)

    def test_nested_stacks_are_looked_into_and_others_are_not(self):
        child = resource("Child", "AWS::CloudFormation::Stack", physical="inner")
        faked = ([[resource("Cluster", CLUSTER, physical="unknown")]], [[]])
        stacks = {"outer": ([[child]], [[]]), "inner": faked, "of somebody else": faked}
        assert refusal("outer", **stacks).count("Cluster (") == 1

    @pytest.mark.parametrize(
        ("present", "newest"),
        [
            ([resource("Queue")], event("Cluster", CLUSTER, "DELETE_COMPLETE", FALLBACK)),  # it was removed
            ([resource("Cluster")], event("Cluster")),  # another has its name
        ],
    )
    def test_what_was_mended_is_forgotten(self, present, newest):
        events = [[newest], [event("Cluster", CLUSTER, reason=FALLBACK)]]
        resources.refuse_pretended(Cloudformation(tiny=([present], events)), ["tiny"])

    def test_a_faked_resource_that_a_later_deployment_left_alone_is_faked_still(self):
        events = [[of_stack("UPDATE_COMPLETE"), event("Queue")], [event("Cluster", CLUSTER, reason=FALLBACK)]]
        present = [resource("Queue"), resource("Cluster", CLUSTER)]
        assert "Cluster (AWS::ECS::Cluster)" in refusal(tiny=([present], events))


class TestFailed:
    EVENTS = (
        [of_stack("UPDATE_ROLLBACK_COMPLETE"), event("Cluster", CLUSTER, "CREATE_FAILED", "not supported")],
        [of_stack("UPDATE_IN_PROGRESS"), event("Old", CLUSTER, "CREATE_FAILED", "long ago")],
    )

    def test_the_resources_of_the_last_deployment_are_told_with_their_reasons(self):
        found = resources.failed(Cloudformation(tiny=([[]], self.EVENTS)), ["tiny"])
        assert found == ["Cluster (AWS::ECS::Cluster): not supported"]

    def test_a_stack_that_was_not_reached_hides_nothing(self):
        assert resources.failed(Cloudformation(tiny=([[]], self.EVENTS)), ["next", "tiny", "after"])


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A CDK that writes an assembly and then does as the test says."""
    for name in (CONTEXT_VARIABLE, ECONOMY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    made = Places(tmp_path)
    made.cdk.parent.mkdir(parents=True)
    made.local.mkdir()
    return made


def cdk(places, *lines, code=0, artifacts=("tidewheel-state", "tidewheel-service")):
    assembly = places.local / "cdk.out"
    stacks = {
        name.title(): {"type": "aws:cloudformation:stack", "properties": {"stackName": name}} for name in artifacts
    }
    manifest = json.dumps({"artifacts": stacks | {"Tree": {"type": "cdk:tree"}}})
    template = json.dumps({"Resources": {"Canary": {"Type": "AWS::Synthetics::Canary"}, "Queue": {"Type": QUEUE}}})
    written = [
        f"mkdir -p {assembly}",
        f"echo '{manifest}' > {assembly}/manifest.json",
        f"echo '{template}' > {assembly}/T.template.json",
        f'echo "$@" > {places.local}/told',
    ]
    places.cdk.write_text("\n".join(["#!/bin/sh", *(written if artifacts else []), *lines, f"exit {code}"]))
    places.cdk.chmod(0o755)


class TestDeploy:
    def deploys(self, monkeypatch, places, **stacks):
        monkeypatch.setattr(deploy, "client", lambda *_: Cloudformation(**stacks))
        with pytest.raises(LocalCloudError) as raised:
            deploy.deploy(places, "http://127.0.0.1:1")
        return raised.value

    def test_the_stacks_of_the_app_are_judged(self, monkeypatch, places):
        cdk(places)
        faked = ([[resource("Cluster", CLUSTER, physical="unknown")]], [[]])
        sound = ([[resource("Queue")]], [[]])
        error = self.deploys(
            monkeypatch, places, **{"tidewheel-state": sound, "tidewheel-service": faked, "other": faked}
        )
        assert str(error).count("Cluster (AWS::ECS::Cluster)") == 1

    def test_a_failure_is_told_with_the_tools_last_words_and_the_resource(self, monkeypatch, places):
        cdk(places, "echo bad luck", code=1)
        error = self.deploys(monkeypatch, places, **{"tidewheel-state": ([[]], TestFailed.EVENTS)})
        assert error.detail.splitlines() == ["bad luck", "Not deployed: Cluster (AWS::ECS::Cluster): not supported"]
        assert "cdk deploy failed" in str(error)

    def test_a_type_that_the_engine_lacks_is_found_in_the_templates(self, monkeypatch, places):
        cdk(places, "echo 'Unrecognized resource types: [AWS::Synthetics::Canary, AWS::FIS::X]'", code=1)
        error = self.deploys(monkeypatch, places)
        assert error.detail.splitlines()[-1] == (
            "Not deployed: Canary (AWS::Synthetics::Canary): the engine has no such type"
        )

    def test_an_app_that_fails_is_not_told_with_what_failed_before(self, monkeypatch, places):
        cdk(places)
        monkeypatch.setattr(deploy, "refuse_pretended", lambda *_: None)
        deploy.deploy(places, "http://127.0.0.1:1")
        cdk(places, "echo no such module", code=1, artifacts=())
        error = self.deploys(monkeypatch, places, **{"tidewheel-state": ([[]], TestFailed.EVENTS)})
        assert error.detail == "no such module"

    def test_an_engine_that_has_gone_leaves_the_tools_words(self, monkeypatch, places):
        def gone(*_):
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

        cdk(places, "echo connection refused", code=1)
        monkeypatch.setattr(deploy, "failed", gone)
        assert self.deploys(monkeypatch, places).detail == "connection refused"

    def test_the_engines_settings_come_before_the_users(self, monkeypatch, places):
        cdk(places)
        monkeypatch.setattr(deploy, "refuse_pretended", lambda *_: None)
        monkeypatch.setenv(CONTEXT_VARIABLE, "allowed_networks=none pools=gpu")
        deploy.deploy(places, "http://127.0.0.1:1", ("containers=true", "allowed_networks=172.17.0.1/32"))
        told = (places.local / "told").read_text().split()
        settings = [told[at + 1] for at, part in enumerate(told) if part == "--context"]
        assert settings[0] == "target=local"
        assert settings[2:] == [
            "containers=true",
            "allowed_networks=172.17.0.1/32",
            "allowed_networks=none",
            "pools=gpu",
        ]
