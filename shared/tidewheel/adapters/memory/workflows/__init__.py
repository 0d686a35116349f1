"""Workflows in memory."""
