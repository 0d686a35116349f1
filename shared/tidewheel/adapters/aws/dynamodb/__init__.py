"""The stores on DynamoDB. What an item looks like is drawn in ``shared/docs/design/keys.md``."""
