"""A new endpoint is one declaration and one handler: both are added to a copy of the tree, which lists neither."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COPIED = ("functions", "shared/tidewheel", "tests/support", "tests/functions/events")
DECLARATION = Path("shared/tidewheel/wire/endpoints/tag_counts.py")
HANDLER = Path("functions/api/routes/tag_counts.py")

DECLARED = '''
"""The operation on counts of tags."""

from __future__ import annotations

from tidewheel.domain.access.roles import Role
from tidewheel.wire import VERSION
from tidewheel.wire.model import Model
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import LIMIT, TEXT, Parameter


class TagCountBody(Model):
    """Which jobs are counted."""

    state: str


class TagCount(Model):
    """How many jobs have a tag."""

    tag: str
    count: int


COUNT_TAG = Operation(
    id="countTag",
    method="POST",
    path=f"/{VERSION}/tags/{{tag}}/count",
    summary="Count the jobs with a tag",
    status=200,
    answer=TagCount,
    role=Role.VIEWER,
    body=TagCountBody,
    examples={"active": {"state": "active"}},
    parameters=(Parameter("tag", "path", "The tag.", TEXT), LIMIT),
    problems=("invalid",),
)
'''
SERVED = '''
"""Serves the operation on counts of tags."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain.jobs.job import JobState
from tidewheel.domain.jobs.listing import JobFilter
from tidewheel.wire.endpoints.tag_counts import COUNT_TAG, TagCount, TagCountBody


@serves(COUNT_TAG)
def count_tag(request: Request) -> Response[str]:
    """Counts the jobs of a state with a tag, up to a limit."""
    state, tag = TagCountBody.model_validate(request.document()).state, request.path["tag"]
    page = request.services.jobs.listed(request.tenant, JobFilter(JobState(state)), request.limit, None)
    return answered(TagCount(tag=tag, count=sum(tag in job.definition.tags for job in page.items)))
'''
PROGRAM = """
import json
from tests.support.api_bench import EVERY_JOB, ApiBench
from tidewheel.client import Client
from tidewheel.wire.endpoints.tag_counts import COUNT_TAG
from tidewheel.wire.openapi import document

bench = ApiBench()
for _ in range(3):
    bench.call("POST", "/jobs", EVERY_JOB | {"tags": {"team": "billing"}})
client = Client("https://api.example/prod", transport=bench.transport())
print(json.dumps({
    "answer": bench.call("POST", "/tags/team/count", {"state": "active"}).json,
    "refused": bench.call("POST", "/tags/team/count", {}, query={"page": ["1"]}).status,
    "not allowed": bench.call("GET", "/tags/team/count").headers["Allow"],
    "client": client.call(COUNT_TAG, {"tag": "team", "limit": 2}, {"state": "active"}).model_dump(),
    "described": document()["paths"]["/v1/tags/{tag}/count"]["post"],
    "schemas": sorted(name for name in document()["components"]["schemas"] if name.startswith("Tag")),
}))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, without the new endpoint."""
    tree = tmp_path_factory.mktemp("endpoint")
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


def run(tree: Path, program: str, files: dict[Path, str]) -> subprocess.CompletedProcess[str]:
    """Runs a program in the tree with these files added to it, and takes them away again."""
    for path, text in files.items():
        (tree / path).write_text(text)
    path = os.pathsep.join((str(tree / "shared"), str(tree)))
    environ = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(
            [sys.executable, "-c", program], cwd=tree, env=environ, capture_output=True, text=True, check=False
        )
    finally:
        for path in files:
            (tree / path).unlink()


@pytest.fixture(scope="module")
def seen(tree: Path) -> dict[str, Any]:
    """What the program sees of the new endpoint."""
    done = run(tree, PROGRAM, {DECLARATION: DECLARED, HANDLER: SERVED})
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_its_route_answers(seen: dict[str, Any]) -> None:
    assert seen["answer"] == {"tag": "team", "count": 3}
    assert (seen["refused"], seen["not allowed"]) == (422, "POST")


def test_the_document_describes_it(seen: dict[str, Any]) -> None:
    described = seen["described"]
    assert (described["operationId"], described["summary"]) == ("countTag", "Count the jobs with a tag")
    assert [parameter["name"] for parameter in described["parameters"]] == ["tag", "limit", "Tidewheel-Tenant"]
    assert described["requestBody"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/TagCountBody"},
        "examples": {"active": {"value": {"state": "active"}}},
    }
    assert described["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/TagCount"
    }
    assert seen["schemas"] == ["TagCount", "TagCountBody"]


def test_the_client_calls_it(seen: dict[str, Any]) -> None:
    assert seen["client"] == {"tag": "team", "count": 2}


ELSEWHERE = DECLARED.replace("COUNT_TAG =", "COUNT_TAG_AGAIN =")
UNDECLARED = SERVED.replace("@serves(COUNT_TAG)", '@serves(replace(COUNT_TAG, id="countTags"))').replace(
    "from aws_lambda", "from dataclasses import replace\nfrom aws_lambda"
)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({DECLARATION: DECLARED}, "no handler in functions/api/routes serves the operation countTag"),
        (
            {DECLARATION: DECLARED, HANDLER: SERVED, HANDLER.with_name("twice.py"): SERVED},
            "two handlers serve the operation countTag",
        ),
        (
            {DECLARATION: DECLARED, HANDLER: SERVED, HANDLER.with_name("undeclared.py"): UNDECLARED},
            "no module of tidewheel.wire.endpoints declares the operation countTags",
        ),
        (
            {DECLARATION: DECLARED, HANDLER: SERVED, DECLARATION.with_name("twice.py"): ELSEWHERE},
            "two operations are declared as countTag",
        ),
    ],
)
def test_what_does_not_fit_together_fails_the_import_by_its_name(
    tree: Path, files: dict[Path, str], message: str
) -> None:
    done = run(tree, "import functions.api.app", files)
    assert done.returncode == 1
    assert message in done.stderr.strip().splitlines()[-1]


def test_the_tree_as_it_is_can_be_imported(tree: Path) -> None:
    assert run(tree, "import functions.api.app", {}).returncode == 0
