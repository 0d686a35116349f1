"""The bodies of requests and answers, one module for each thing that they describe."""
