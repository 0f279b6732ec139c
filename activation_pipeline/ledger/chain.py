"""The chain over the ledger's words: are they still what was written, in their order?

Gate results, decisions, plan approvals, pauses, resumes and incidents are chained. Walking the
chain finds what was changed, removed, reordered or added past the package. What it cannot find by
itself is an end that was cut off, or a whole chain that was written anew: for that, keep its head
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, reading
from activation_pipeline.ledger._words import (
    BEGINNING,
    NOTHING,
    WORDS,
    digest_of,
    digest_of_row,
    hash_of,
    intact_rows,
    key_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Engine, Row

    Link = Row[tuple[int, str | None, str, int, str, str, str]]

Fault = Literal["changed", "removed", "reordered", "gap", "added"]

_TOLD: dict[Fault, str] = {
    "changed": "was changed after it was written",
    "removed": "was removed",
    "reordered": "is not where it was written",
    "gap": "does not follow what stands before it: something between was removed",
    "added": "was not written by this package",
}


@dataclass(frozen=True)
class Finding:
    """One word that is not as it was written: ``kind`` is its table, ``at`` when it was said."""

    fault: Fault
    kind: str
    id: int
    at: datetime | None

    @property
    def told(self) -> str:
        """Say which word it is and what became of it; never what it says."""
        when = f" of {self.at:%Y-%m-%d %H:%M:%S} UTC" if self.at else ""
        return f"{self.kind} {self.id}{when} {_TOLD[self.fault]}"


@dataclass(frozen=True)
class Verification:
    """What a walk along the chain found.

    ``intact`` counts words by kind; ``older`` of all are older than the chain, and sealed as they
    stood when it began. ``head`` is the newest link's hash; ``has_kept`` says whether a head that
    was kept is on the chain, None where none was given.
    """

    head: str
    links: int
    intact: Mapping[str, int]
    older: int
    findings: tuple[Finding, ...]
    has_kept: bool | None = None

    @property
    def is_sound(self) -> bool:
        """Say whether every word stands as it was written, and the kept head is on the chain."""
        return not self.findings and self.has_kept is not False


class Chain:
    """The chain of one installation."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine

    def verify(self, kept: str | None = None) -> Verification:
        """Walk the whole chain and compare every word with its link.

        Args:
            kept: a head that was printed before and kept elsewhere; finds a chain cut short since.
        """
        with _one_moment(self._engine).begin() as connection:
            links = connection.execute(sa.select(t.chain).order_by(t.chain.c.id)).all()
            rows = {table.name: _digests(connection, table) for table in WORDS}
        faults = tuple(_faults(links))
        findings = [
            fault or _compared(link, rows) for link, fault in zip(links, faults, strict=True)
        ]
        linked = {(link.kind, link.word) for link in links}
        added = [
            Finding("added", kind, word, moment(at))
            for kind, found in rows.items()
            for word, (_, at) in found.items()
            if (kind, word) not in linked
        ]
        cut = [] if links else [Finding("gap", BEGINNING, 0, None)]
        sound = {
            (link.kind, link.word)
            for link, finding in zip(links, findings, strict=True)
            if finding is None
        }
        return Verification(
            head=links[-1].hash if links else NOTHING,
            links=len(links),
            intact={table.name: sum(kind == table.name for kind, _ in sound) for table in WORDS},
            older=links[0].word if links and links[0].kind == BEGINNING else 0,
            findings=(*cut, *(each for each in findings if each), *added),
            has_kept=None if kept is None else kept in {link.hash for link in links},
        )

    def holds_decision(self, preparation: int) -> bool:
        """Say whether a preparation's gate results and newest decision are as they were written."""
        d = t.decisions.c
        mine = d.preparation == preparation
        judged = t.evaluations.c.preparation == preparation
        with reading(self._engine).begin() as connection:
            newest = connection.scalar(sa.select(sa.func.max(d.id)).where(mine))
            decided = intact_rows(connection, t.decisions, d.id == newest)
            return bool(decided and intact_rows(connection, t.evaluations, judged))


def _one_moment(engine: Engine) -> Engine:
    """Read links and words as of one moment: a word written in between is not a finding."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ")
    return reading(engine)


def _digests(connection: Connection, table: sa.Table) -> dict[int, tuple[str, str]]:
    key = key_of(table)
    rows = connection.execute(sa.select(table, key.label("word")).order_by(key))
    return {row.word: (digest_of_row(table, row), row.at) for row in rows}


def _faults(links: Sequence[Link]) -> Iterator[Finding | None]:
    """Tell which links are not what was written, or do not follow the one before."""
    known = {link.hash for link in links} | {NOTHING}
    last = NOTHING
    for link in links:
        at = moment(link.at) if link.at else None
        if link.hash != hash_of(link.previous, link.digest):
            yield Finding("changed", link.kind, link.word, at)
        elif link.previous != last:
            moved = link.previous in known
            yield Finding("reordered" if moved else "gap", link.kind, link.word, at)
        else:
            yield None
        last = link.hash


def _compared(link: Link, rows: Mapping[str, Mapping[int, tuple[str, str]]]) -> Finding | None:
    """Compare one link with the row that it seals."""
    at = moment(link.at) if link.at else None
    if link.kind == BEGINNING:
        same = link.digest == digest_of(BEGINNING, {"id": link.word})
        return None if same else Finding("changed", BEGINNING, link.word, at)
    row = rows.get(link.kind, {}).get(link.word)
    if row is None:
        return Finding("removed", link.kind, link.word, at)
    return None if row[0] == link.digest else Finding("changed", link.kind, link.word, at)
