"""The ledger's tables: append-only, but for the lease that keeps two senders apart.

Moments are UTC text in ISO 8601 with microseconds, so that both databases sort and store
them alike. ``plan`` is always the plan's id.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text

SCHEMA_VERSION = 1

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

plans = Table(
    "plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    Column("fingerprint", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("body", Text, nullable=False, doc="JSON: the parts with their counts and hashes"),
    Column("at", Text, nullable=False),
)

preparations = Table(
    "preparations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    Column("at", Text, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("preparation", Integer, ForeignKey("preparations.id"), primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    Column("plan", Text, ForeignKey("plans.id"), doc="null: no plan could be made"),
    Column("results", Text, nullable=False, doc="JSON: one object per gate"),
    Column("measures", Text, nullable=False, doc="JSON: counts of the population"),
    Column("message", Text, nullable=False),
    Column("at", Text, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("preparation", Integer, ForeignKey("preparations.id"), nullable=False, index=True),
    Column("contract", Text, nullable=False, index=True),
    Column("plan", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("causes", Text, nullable=False, doc="JSON: the gates that stop it"),
    Column("at", Text, nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    Column("plan", Text, nullable=False),
    Column("gate", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("at", Text, nullable=False),
)

pauses = Table(
    "pauses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    Column("destination", Text, doc="null: all of the contract's destinations"),
    Column("paused", Boolean, nullable=False, doc="false: a resume"),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", Text),
    Column("at", Text, nullable=False),
)

pause_fields = Table(
    "pause_fields",
    metadata,
    Column("pause", Integer, ForeignKey("pauses.id"), primary_key=True),
    Column("kind", Text, primary_key=True, doc="of destination"),
    Column("object", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Index("pauses_of_field", "kind", "object", "field"),
)

pause_causes = Table(
    "pause_causes",
    metadata,
    Column("pause", Integer, ForeignKey("pauses.id"), primary_key=True),
    Column("rule", Text, nullable=False, doc="of monitoring.pause_when"),
    Column("destination", Text, doc="null: the whole contract's"),
    Column("plan", Text, doc="what was sent when the rule broke; null: nothing at fault was"),
    Column("observed", Float, nullable=False),
    Column("limit", Float, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False),
    Column("version", Text, nullable=False, doc="a fingerprint or a definition"),
    Column("body", Text, nullable=False, doc="JSON: the meaning, or a digest by piece of logic"),
    Column("at", Text, nullable=False),
    Index("versions_of_contract", "contract", "version"),
)

leases = Table(
    "leases",
    metadata,
    Column("contract", Text, primary_key=True),
    Column("destination", Text, primary_key=True),
    Column("delivery", Integer, nullable=False),
    Column("holder", Text, nullable=False),
    Column("renewed_at", Text, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("holder", Text, nullable=False),
    Column("at", Text, nullable=False),
    Index("deliveries_of_plan", "plan", "destination"),
    Index("deliveries_of_contract", "contract", "destination"),
)

delivery_ends = Table(
    "delivery_ends",
    metadata,
    Column("delivery", Integer, ForeignKey("deliveries.id"), primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("at", Text, nullable=False),
)

batch_intents = Table(
    "batch_intents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("delivery", Integer, nullable=False),
    Column("plan", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("first_row", Integer, nullable=False),
    Column("last_row", Integer, nullable=False, doc="one past the last row of the snapshot"),
    Column("at", Text, nullable=False),
    Index("intents_of_plan", "plan", "destination"),
)

batch_results = Table(
    "batch_results",
    metadata,
    Column("intent", Integer, ForeignKey("batch_intents.id"), primary_key=True),
    Column("accepted", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("at", Text, nullable=False),
)

record_outcomes = Table(
    "record_outcomes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("intent", Integer, ForeignKey("batch_intents.id"), nullable=False, index=True),
    Column("key", Text, nullable=False),
    Column("destination_id", Text, nullable=False),
    Column("state", Text, nullable=False, doc="rejected, held, unknown; accepted where noteworthy"),
    Column("code", Text, nullable=False),
    Column("field", Text),
    Column("message", Text, nullable=False),
)

rejections = Table(
    "rejections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("destination_id", Text, nullable=False),
    Column("digest", Text, nullable=False, doc="what was offered, and what stood there"),
    Column("mapping", Text, nullable=False, doc="how: ours, and the destination's catalogue"),
    Column("code", Text, nullable=False),
    Column("at", Text, nullable=False),
    Index("rejections_of_contract", "contract", "destination"),
)

positions = Table(
    "positions",
    metadata,
    Column("contract", Text, primary_key=True),
    Column("destination", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("delivery", Integer, ForeignKey("deliveries.id"), nullable=False, unique=True),
    Column("records", Integer, nullable=False, doc="what the destination holds from us then"),
    Column("at", Text, nullable=False),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("counts", Text, nullable=False, doc="JSON: records by finding"),
    Column("at", Text, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    Column("destination", Text, doc="null: all of the contract's destinations"),
    Column("class", Text, nullable=False),
    Column("action", Text, nullable=False, doc="rollback or freeze"),
    Column("plan", Text, doc="what was undone, or delivered last before the freeze"),
    Column("restoring", Text, doc="the plan that puts values back; null: a freeze"),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("counts", Text, nullable=False, doc="JSON: records by what is done with them"),
    Column("at", Text, nullable=False),
)

chain = Table(
    "chain",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Text, doc="the word's own; null: the chain's beginning"),
    Column("kind", Text, nullable=False, doc="the word's table, or beginning"),
    Column("word", Integer, nullable=False, doc="its id there; of the beginning: older words"),
    Column("digest", Text, nullable=False, doc="of the word as it was written"),
    Column("previous", Text, nullable=False, doc="hash of the link before"),
    Column("hash", Text, nullable=False),
    # Not unique: whatever somebody did to the chain, a pause must be written all the same.
    Index("chain_of_word", "kind", "word"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    Column("destination", Text, doc="null: all of the contract's destinations"),
    Column("kind", Text, nullable=False, doc="what changed: blocked, paused, recovered, ..."),
    Column("clause", Text),
    Column("source", Text, unique=True, doc="the ledger's word that it tells; null: the standing"),
    Column("wrong", Text, doc="JSON: all that was wrong then; null: not looked at"),
    Column("body", Text, nullable=False, doc="JSON: what an alert says"),
    Column("at", Text, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("transition", Integer, ForeignKey("transitions.id"), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("at", Text, nullable=False, index=True),
)

notice_attempts = Table(
    "notice_attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("notice", Integer, ForeignKey("notices.id"), nullable=False, index=True),
    Column("channel", Text, nullable=False, doc="kind and digest of an address, never the address"),
    Column("outcome", Text, nullable=False, doc="trying, sent or failed"),
    Column("message", Text, nullable=False),
    Column("at", Text, nullable=False),
)
