"""Who hears of what: changes of a contract's standing, once each, to the roles that it names.

Noticing writes the ledger, sending needs the network: two steps, so that a channel that is down
never keeps a change from being noticed, nor anything else from being done.
"""
