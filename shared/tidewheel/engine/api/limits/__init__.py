"""What tenants may use of the API, and what they have used."""
