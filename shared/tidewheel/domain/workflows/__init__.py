"""Workflows: graphs of steps, when each step runs, and how a run goes on."""
