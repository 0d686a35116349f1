"""Data of a run: paths to it, the bodies that refer to it, and conditions on what a step answered."""
