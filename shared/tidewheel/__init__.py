"""Tidewheel, a distributed job scheduler for one's own AWS account."""
