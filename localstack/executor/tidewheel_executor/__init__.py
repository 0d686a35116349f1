"""Execution environments of Lambda functions as child processes."""
