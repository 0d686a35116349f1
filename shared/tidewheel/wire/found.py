"""Finds the modules of a package, so that a new one needs no entry in a list."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def values_in(package: str, paths: Iterable[str], kind: type[T]) -> Iterator[T]:
    """Every value of a type that the modules of a package hold, by module and in the order in which it stands there.

    Args:
        package: The package's full name.
        paths: The package's ``__path__``.
        kind: The type.
    """
    for module in _modules(package, paths):
        yield from dict.fromkeys(value for value in vars(module).values() if isinstance(value, kind))


def _modules(package: str, paths: Iterable[str]) -> Iterator[ModuleType]:
    for found in sorted(pkgutil.iter_modules(paths), key=lambda found: found.name):
        yield import_module(f"{package}.{found.name}")
