"""What tenants have used, in DynamoDB."""
