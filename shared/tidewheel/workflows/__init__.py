"""Builds definitions of workflows in Python: the same documents that YAML and JSON files hold.

Steps are made within a workflow, and joined by ``>>`` or by what one takes of another::

    from tidewheel.workflows import Workflow, call, length, step

    @step(pool="mine", timeout="10m")              # a function of a worker, registered as a task
    def extract(region: str) -> dict[str, object]: ...

    @step(pool="mine")
    def load(page: str) -> int: ...

    with Workflow("nightly", params={"region": {"default": "eu"}}) as nightly:
        found = extract(region=nightly.params.region)            # here this makes a step; elsewhere it is a call
        pages = load.map(found.output.pages, concurrency=20)     # one call for each; it needs what it takes
        tell = call("tell", {"kind": "sqs", "queue": "done", "body": {"pages": length(found.output.pages)}})
        alert = call("alert", {"kind": "sqs", "queue": "alerts"}, rule="one_failed")
        (found.output.pages != []) >> tell                       # a condition on the edge
        [pages, tell] >> alert

    client.put_workflow(nightly)                                 # or: json.dumps(nightly.document())

Other steps: ``approval``, ``wait``, ``run`` (another workflow), ``each`` (a map of any target or workflow). Data:
``found.output.pages[0].id``, ``found.state``, ``nightly.params.region``, ``run_id``, ``nominal``, and within a map
``item`` and ``index``. Functions: ``text``, ``length``, ``default``, ``total``, ``merge``, ``to_json``, ``parsed``,
``literal``. The definition is checked when it is put, or by ``tidewheel workflows validate``.

This package imports the standard library and ``tidewheel.tasks`` only.
"""

from tidewheel.workflows.references import (
    Condition,
    Reference,
    default,
    index,
    item,
    length,
    literal,
    merge,
    nominal,
    parsed,
    run_id,
    text,
    to_json,
    total,
)
from tidewheel.workflows.steps import Manifest, StepFunction, approval, call, each, run, step, wait
from tidewheel.workflows.workflow import Step, Workflow

__all__ = [
    "Condition",
    "Manifest",
    "Reference",
    "Step",
    "StepFunction",
    "Workflow",
    "approval",
    "call",
    "default",
    "each",
    "index",
    "item",
    "length",
    "literal",
    "merge",
    "nominal",
    "parsed",
    "run",
    "run_id",
    "step",
    "text",
    "to_json",
    "total",
    "wait",
]
