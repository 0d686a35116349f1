"""The environment of each function, taken from the settings class that will read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tidewheel.names import Env


def environment(settings: type[Any], values: Mapping[Env, str]) -> dict[str, str]:
    """Of all values, those that this settings class has a field for; a missing one fails the synthesis."""
    variables = [Env[field.name.upper()] for field in fields(settings)]
    return {variable.value: values[variable] for variable in variables}
