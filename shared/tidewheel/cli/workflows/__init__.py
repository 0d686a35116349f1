"""Workflows on the command line: their files, how they are put, shown and drawn."""
