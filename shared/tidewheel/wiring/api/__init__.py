"""The API function: its services, and what routes requests to them."""
