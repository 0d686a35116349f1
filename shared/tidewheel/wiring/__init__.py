"""Builds adapters into flows; nothing else knows both. One module per function, so that each imports its own only."""
