"""The engine's figures for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def _table(title: str, names: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for n, name in enumerate(names):
        table.add_column(name, justify="right" if n else "left")
    for row in rows:
        table.add_row(*(str(value) for value in row))
    return table


def _cpu(found: Mapping[str, Any]) -> Table:
    kinds = {"own code, stores in memory": found["own_code"], "with boto3, on the emulator": found["with_boto3"]}
    names = (
        "samples",
        "shards",
        "cpu_us_per_fire",
        "us_beyond_the_idle_loop",
        "fires_per_second_and_core",
        "idle_minute_cpu_seconds",
    )
    rows = ([kind, *(figures[name] for name in names)] for kind, figures in kinds.items())
    return _table("The scheduler's CPU", ["", *names], rows)


def _profile(found: Mapping[str, Any]) -> Table:
    rows = ([row["function"], *(row[n] for n in ("calls_per_fire", "own_share", "share"))] for row in found["by_share"])
    return _table(f"Where it goes ({found['samples']} samples)", ["function", "calls a fire", "own", "in all"], rows)


def _units(found: Mapping[str, Any]) -> Table:
    names = ("samples", "write_units_in_all", "read_units_computed", "sqs_requests")
    rows = (
        [what, *(figures[name] for name in names), *figures["write_units"].values()] for what, figures in found.items()
    )
    return _table("Billed for a fire", ["", *names, "wheel", "executions", "jobs"], rows)


def _worker(found: Mapping[str, Any]) -> Table:
    names = ("samples", "cpu_ms_per_execution", "write_units", "sqs_requests")
    rows = ([how, *(figures.get(name, "") for name in names)] for how, figures in found.items())
    return _table("An execution in its worker", ["", *names], rows)


def _run_cost(found: Mapping[str, Any]) -> Table:
    rows = ([way, *(one[name]["median"] for name in ("worker_ms", "emulator_ms"))] for way, one in found.items())
    return _table("What a run costs, ms of CPU", ["", "worker", "emulator"], rows)


def _cold_starts(found: Mapping[str, Any]) -> Table:
    ways = [
        (role, way, both[way])
        for role, both in found["functions"].items()
        for way in ("with_bytecode", "without_bytecode")
    ]
    rows = ([role, way, one["wall_ms"]["p50"], one["cpu_ms"]["p50"], one["megabytes"]] for role, way, one in ways)
    title = f"Cold starts on Python {found['python']} ({found['samples']} samples)"
    return _table(title, ["", "", "ms, p50", "cpu ms, p50", "MB"], rows)


def tables(found: Mapping[str, Any]) -> None:
    """Prints them to stderr."""
    memory = found["memory"]
    console = Console(stderr=True)
    for table in (_cpu(found), _profile(found["profile"]), _units(found["billed_per_fire"]), _worker(found["worker"])):
        console.print(table)
    console.print(_run_cost(found["run_cost"]))
    console.print(_cold_starts(found["cold_start"]))
    console.print(_table("A scheduler's memory", memory, [memory.values()]))
    for name in ("idle_month", "idle_month_in_economy_mode"):
        month = found[name]
        title = f"An {name.replace('_', ' ')} in us-east-1, {month['shards']} shards, in dollars"
        rows = [*month["dollars_a_month"].items(), ("in all", month["dollars_a_month_in_all"])]
        console.print(_table(title, ["", "$"], rows))


def _bursts(found: Iterable[Mapping[str, Any]]) -> Table:
    rows = (
        [
            *(one[name] or "" for name in ("system", "precision", "burst")),
            *(one[f"{which}_ms"]["median"] if one["samples"] else "" for which in ("first", "median", "last")),
            *(one[name] for name in ("missing", "early", "doubled")),
            one["cpu_ms_a_run"]["in_all"]["median"] if one["samples"] else "",
        ]
        for one in found
    )
    starts = ("first, ms", "median, ms", "last, ms", "missing", "early", "twice", "CPU, ms a run")
    return _table("Starts of a burst, after all were due", ["", "precision", "runs", *starts], rows)


def _busy(found: Mapping[str, Any]) -> Table:
    rows = (
        [what, *(one["lateness_ms"][name] for name in ("samples", "p50", "p99", "max")), one["missing"], one["early"]]
        for what in ("quiet", "busy")
        for one in found[what]
    )
    title = f"Lateness in ms, {found['rate']} runs a second, and beside {found['spinners']} processes that spin"
    return _table(title, ["", "samples", "p50", "p99", "max", "missing", "early"], rows)


def _outage(found: Mapping[str, Any]) -> Table:
    minutes = {"before": found["before"], **{f"minute {n} after": one for n, one in enumerate(found["after"], 1)}}
    rows = ([when, *(one[name] for name in ("samples", "p50", "p99", "max"))] for when, one in minutes.items())
    title = f"Lateness in ms around {found['down_s']} s without {found['what']}"
    return _table(title, ["due", "samples", "p50", "p99", "max"], rows)


def deployed(found: Mapping[str, Any]) -> None:
    """Prints the deployed product's figures to stderr."""
    console = Console(stderr=True)
    for table in (_bursts(found["bursts"]), _busy(found["busy"]), _outage(found["outage"])):
        console.print(table)
