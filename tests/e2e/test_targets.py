"""What jobs call: secrets that only the call sees, and addresses that no job may have."""

from __future__ import annotations

import pytest

from localstack.receiver import Reply


def test_a_secret_reaches_the_target_and_shows_nowhere(client, stack, jobs, all_targets):
    secrets = stack.client("secretsmanager")
    secrets.create_secret(Name="tidewheel/tidewheel/default/billing", SecretString='{"token": "s3cret-billing"}')
    secrets.create_secret(Name="tidewheel/tidewheel/other/theirs", SecretString="not yours")
    target = all_targets.answering(lambda one: Reply(400, body=one.headers["authorization"].encode() + one.body))
    reference = {"secret": "billing", "key": "token", "prefix": "Bearer "}
    job = jobs.create(target=target.spec(headers={"Authorization": reference}, body=[{"secret": "billing"}]))
    (execution,) = jobs.ended(job.id)
    (arrival,) = target.arrivals()
    assert arrival.headers["authorization"] == "Bearer s3cret-billing"
    assert arrival.body == b'["{\\"token\\": \\"s3cret-billing\\"}"]'
    assert execution.output == 'Bearer ***["***"]'
    assert "s3cret" not in client.job(job.id).model_dump_json() + execution.model_dump_json()
    headers = {"Authorization": {"secret": "theirs"}}
    other = jobs.create(target=target.spec(headers=headers), retry={"max_attempts": 1})
    (refused,) = jobs.ended(other.id)
    assert (refused.state, refused.attempt) == ("dead", 1)
    assert refused.reason == "there is no secret 'tidewheel/tidewheel/default/theirs'"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", "refused: 169.254.169.254 is a metadata address"),
        ("http://10.1.2.3/", "refused: 10.1.2.3 is a private address"),
        ("http://2130706433/", "refused: 2130706433 is a disguised address (127.0.0.1)"),
    ],
)
def test_an_address_that_no_job_may_have_is_refused_at_once(jobs, url, reason):
    job = jobs.create(target={"kind": "http", "url": url})
    (execution,) = jobs.ended(job.id)
    assert (execution.state, execution.attempt, execution.reason) == ("failed", 1, reason)
