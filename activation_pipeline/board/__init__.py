"""The page of all contracts."""
