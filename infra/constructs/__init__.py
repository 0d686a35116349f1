"""The parts of which the stacks are composed."""
