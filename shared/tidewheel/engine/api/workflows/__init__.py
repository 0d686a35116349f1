"""The API's services for workflows."""
