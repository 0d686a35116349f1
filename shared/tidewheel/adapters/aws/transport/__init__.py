"""The lean transport: requests of the SDK's clients to DynamoDB and SQS, over connections of our own."""
