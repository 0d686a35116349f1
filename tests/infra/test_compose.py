"""The services that LocalStack's container turns on, against the stacks that are deployed to it."""

import re

from localstack.places import REPOSITORY


def test_every_service_of_the_local_stacks_is_on(local):
    text = (REPOSITORY / "localstack" / "compose.yaml").read_text()
    (line,) = re.findall(r"^ *SERVICES: (\S+)$", text, re.MULTILINE)
    resources = [one for part in (local.state, local.service) for one in part.template["Resources"].values()]
    services = {one["Type"].split("::")[1].lower() for one in resources if one["Type"].startswith("AWS::")}
    assert {"lambda", "dynamodb", "sqs"} <= services <= set(line.split(","))
