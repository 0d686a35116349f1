"""Runs of workflows: what users ask of one, and what follows from how its steps have ended."""
