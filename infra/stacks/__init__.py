"""The stacks: state is kept for ever, service may be replaced at any time."""
