"""What every metric has; functions take it from here, without the tables."""

from __future__ import annotations

UNIT = "Count"
"""The unit of all metrics."""

DEPLOYMENT = "deployment"
"""The dimension that every metric has besides its own: the name of the deployment."""
