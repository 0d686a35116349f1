"""Runs of workflows, as users start, see and direct them."""
