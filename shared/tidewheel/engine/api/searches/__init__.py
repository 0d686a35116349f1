"""Searches that join several stores: jobs with their last runs, runs across jobs."""
