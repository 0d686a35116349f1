"""The benchmark's pictures: how late fires were, as a distribution, one file for each tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

_BINS = 60
_INCHES = (8.0, 4.5)
PROMISES_MS = {"high": 100, "normal": 1_000, "low": 10_000}
"""The tiers' promises, as 99th percentiles."""

mpl.use("Agg")  # no window is ever opened


def draw(folder: Path, tier: str, lateness: Mapping[str, Sequence[int]]) -> Path:
    """Draws one tier's lateness (ms) by each of its sources, and returns the picture's path."""
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    for source, values in lateness.items():
        axes.hist(list(values), bins=_BINS, histtype="step", label=f"{source} ({len(values)} samples)")
    axes.axvline(PROMISES_MS[tier], color="grey", linestyle="--", label=f"promised p99: {PROMISES_MS[tier]} ms")
    axes.set(title=f"Lateness of {tier} precision on the local cloud", xlabel="ms", ylabel="fires")
    axes.legend()
    path = folder / f"bench-lateness-{tier}.png"
    figure.savefig(path)
    return path
