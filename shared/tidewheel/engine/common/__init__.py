"""What the flows of several processes share."""
