"""Which deployment is meant, whether it can be worked with, and what it lets a shell complete."""
