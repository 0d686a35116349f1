"""Runs of workflows: what follows from the end of a step, what is called next, and the look at a whole run.

No process of its own does this. Whoever ends a step goes on from there, through the end handler; its message is deleted
after that, so that whoever gets it again goes on if that process died.
"""
