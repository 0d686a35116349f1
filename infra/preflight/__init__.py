"""What an account has to offer before a deployment begins: read, and told with what to do about it."""
