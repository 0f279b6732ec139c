"""Which delivered values outlived their promise: asked of snapshots and the ledger alone.

The warehouse, dbt and the destinations are not needed to know it. What is done about it is in
``expire``.
"""
