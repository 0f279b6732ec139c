"""Everything Dagster, and nothing else: when things run and what is seen of them.

Assets, checks, jobs, schedules and resources are made from contracts here; whether anything
may be sent, and what, is decided by the core that they call. Delete this package and
``definitions`` and the command line still does all of the work.
"""
