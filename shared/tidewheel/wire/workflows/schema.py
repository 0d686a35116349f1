"""The JSON Schema of a file with workflows, for editors and for who writes files by programs."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from tidewheel.wire.workflows.body import WorkflowBody


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file: one workflow, or a list of them."""
    found = TypeAdapter[Any](WorkflowBody | list[WorkflowBody]).json_schema(mode="validation")
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Workflows of Tidewheel",
        "description": "What tidewheel workflows put reads, as YAML or JSON; of JSON lines each is one workflow.",
    }
    return about | found
