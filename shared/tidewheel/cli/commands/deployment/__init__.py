"""The commands on a deployment as a whole: its contexts, health, limits and workers."""
