"""The handlers of the operations, in one module for each resource; each is bound by ``serves``."""
