"""Files of jobs: read, planned against what a deployment has, applied; and written from it."""
