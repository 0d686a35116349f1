"""The CDK app: what Tidewheel is made of in an AWS account, or on the local cloud."""
