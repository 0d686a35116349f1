"""Kinds that are found where they lie: each module of a package is one kind, and needs no entry in any table."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def modules_of(package: str) -> Iterator[ModuleType]:
    """The modules of a package, imported, in the order of their names.

    Args:
        package: Its dotted name; it may be the one that is just being imported.
    """
    path = import_module(package).__path__
    for found in pkgutil.iter_modules(path):
        yield import_module(f"{package}.{found.name}")


def values_of(package: str, kind: type[T]) -> Iterator[T]:
    """Every value of a type that the modules of a package hold, by module and in the order in which it stands there.

    Args:
        package: The package's dotted name.
        kind: The type.
    """
    for module in modules_of(package):
        yield from dict.fromkeys(value for value in vars(module).values() if isinstance(value, kind))


def classes_of(module: ModuleType, base: type[T]) -> list[type[T]]:
    """The subclasses of ``base`` that a module defines itself; those that it imports are not among them."""
    own = (value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__)
    return [value for value in own if issubclass(value, base)]
