"""The authorizer: says to the gateway who sends a request."""
