"""Words that somebody answers for, each sealed by a link of one chain as it is written.

A link holds the digest of its row and the hash of the link before, so that a row cannot be
changed, removed or slipped in without the chain telling. Looking at the whole chain is
``chain``'s business. A broken chain never keeps a word from being written: a pause must hold.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection, Row

WORDS = (t.evaluations, t.decisions, t.reviews, t.pauses, t.incidents)
BEGINNING = "beginning"
NOTHING = "0" * 64  # stands before the first link
_CHAINING = 47_112_027  # any number, as long as every process takes the same


def digest_of(kind: str, values: Mapping[str, Any]) -> str:
    """Digest one row; empty columns are left out, so that a later one changes no old digest."""
    filled = {name: value for name, value in values.items() if value is not None}
    text = json.dumps([kind, filled], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_row(table: sa.Table, row: Row[Any]) -> str:
    """Digest a row that has at least the table's columns."""
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public spelling
    return digest_of(table.name, {column.name: values[column.name] for column in table.columns})


def key_of(table: sa.Table) -> sa.Column[int]:
    """Name the column that tells one word from another."""
    (key,) = table.primary_key
    return cast("sa.Column[int]", key)


def hash_of(previous: str, digest: str) -> str:
    """Chain one digest to the link before it."""
    return hashlib.sha256((previous + digest).encode()).hexdigest()


def begin_chain(connection: Connection) -> None:
    """Write the chain's first link, and one for every word that is older than the chain.

    The first link counts them: they are sealed as they stand then, not as they were said.
    """
    older = [
        (row.at, table.name, _key(table, row), digest_of_row(table, row))
        for table in WORDS
        for row in connection.execute(sa.select(table))
    ]
    words = [(None, BEGINNING, len(older), digest_of(BEGINNING, {"id": len(older)}))]
    links, previous = [], NOTHING
    for at, kind, word, digest in (*words, *sorted(older)):
        link = {"at": at, "kind": kind, "word": word, "digest": digest, "previous": previous}
        previous = hash_of(previous, digest)
        links.append(link | {"hash": previous})
    connection.execute(sa.insert(t.chain), links)


def add_sealed(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> int:
    """Add a row and its link, in the caller's transaction; gives the row's id."""
    key = connection.execute(sa.insert(table).values(**values)).inserted_primary_key
    word = int(cast("Row[Any]", key)[0])
    # As it was stored: a column's default belongs to it, too.
    row = connection.execute(sa.select(table).where(key_of(table) == word)).one()
    _link(connection, table.name, word, digest_of_row(table, row), at=row.at)
    return word


def with_links(table: sa.Table, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Read a table's rows, oldest first, each with every link that seals it, or with none."""
    c = t.chain.c
    links = (c.previous.label("before"), c.digest.label("sealed"), c.hash.label("chained"))
    mine = sa.and_(c.kind == table.name, c.word == key_of(table))
    return (
        sa.select(table, *links)
        .outerjoin(t.chain, mine)
        .where(which)
        .order_by(key_of(table), t.chain.c.id)
    )


def is_intact(table: sa.Table, row: Row[Any]) -> bool:
    """Say whether a row that was read with its link is the one that was sealed."""
    if row.sealed is None or row.sealed != digest_of_row(table, row):
        return False
    return bool(row.chained == hash_of(row.before, row.sealed))


def intact_rows(
    connection: Connection, table: sa.Table, which: sa.ColumnElement[bool]
) -> Sequence[Row[Any]]:
    """List a table's rows, oldest first, but for those that the chain does not hold as they are."""
    rows = connection.execute(with_links(table, which))
    return tuple({_key(table, row): row for row in rows if is_intact(table, row)}.values())


def _key(table: sa.Table, row: Row[Any]) -> int:
    return int(row._mapping[key_of(table).name])  # noqa: SLF001 - SQLAlchemy's public spelling


def take_turn(connection: Connection) -> None:
    """Keep every other word out until the caller's transaction ends.

    Two that read the same last link would fork the chain, and two that look before they speak
    would both speak. SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAINING)))


def _link(connection: Connection, kind: str, word: int, digest: str, *, at: str) -> None:
    c = t.chain.c
    take_turn(connection)
    previous = connection.scalar(sa.select(c.hash).order_by(c.id.desc()).limit(1)) or NOTHING
    link = {"at": at, "kind": kind, "word": word, "digest": digest, "previous": previous}
    connection.execute(sa.insert(t.chain).values(**link, hash=hash_of(previous, digest)))
