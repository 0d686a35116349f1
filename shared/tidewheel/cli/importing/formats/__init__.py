"""The formats: a module for each, with ``read(name, text, options)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tidewheel.cli.importing.formats import airflow, celery, crontab, eventbridge, github, heroku, kubernetes
from tidewheel.cli.importing.jobs import Options
from tidewheel.cli.importing.outcome import Reading

READERS: Mapping[str, Callable[[str, str, Options], Reading]] = MappingProxyType(
    {module.SOURCE: module.read for module in (crontab, kubernetes, eventbridge, celery, airflow, heroku, github)}
)
"""The formats by name."""
