"""What a destination refused for good is not offered again until something has changed.

Something is the value, the mapping (ours, or the destination's own catalogue of fields), or the
record there. Where nothing can be seen to change, as in a list of members, it is offered again.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from activation_pipeline import measures
from activation_pipeline.expressions import column, named, text
from activation_pipeline.ledger.rejections import Rejection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.destinations import DestinationClient, Target
    from activation_pipeline.ledger.records import RecordOutcome
    from activation_pipeline.warehouse import Engine

# About the company that a record kept, in its batch or in the organisation, not about the record.
_NOT_THE_RECORDS_OWN = frozenset({"duplicate_in_batch", "DUPLICATE_EXTERNAL_ID"})
_ADDRESS = ("key", "destination_id")

Address = tuple[str, str]


def mapping_digest(client: DestinationClient, target: Target) -> str:
    """Hash how values reach the destination: the contract's mapping, and what the vendor says.

    Raises:
        RetryableError, PermanentError: the destination does not answer.
    """
    ours = {name: m.model_dump(mode="json", by_alias=True) for name, m in target.fields.items()}
    seen = [target.object, target.key, target.behavior, ours, client.catalogue(target)]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]


def refusals(
    engine: Engine,
    outcomes: Iterable[RecordOutcome],
    fields: Sequence[str],
    folder: Path,
    *,
    mapping: str,
) -> list[Rejection]:
    """Turn a delivery's refused records into what is remembered of them.

    Reads ``part``. ``fields`` are those whose value says something: freshness indicators change
    with every run and would make every refusal new.
    """
    codes = {
        (o.key, o.destination_id): o.code
        for o in outcomes
        if o.state == "rejected" and o.code not in _NOT_THE_RECORDS_OWN
    }
    engine.files("wanted", [_written(folder / "wanted.parquet", codes)])
    found = _digests(engine, "part", fields)
    return [Rejection(*at, digest, mapping, codes[at]) for at, digest in found.items()]


def name_refused(
    engine: Engine,
    remembered: Mapping[Address, tuple[Rejection, datetime]],
    fields: Sequence[str],
    folder: Path,
) -> None:
    """Name what would be offered again unchanged as ``refused``: key, destination_id, code.

    Reads ``policed`` (what the policy lets through) and ``live`` (with ``modified``, UTC).
    """
    same: dict[Address, str] = {}
    if remembered:
        engine.files("wanted", [_written(folder / "wanted.parquet", remembered)])
        touched = _modified(engine)
        for at, digest in _digests(engine, "policed", fields).items():
            refusal, when = remembered[at]
            if digest == refusal.digest and not _is_later(touched.get(at), when):
                same[at] = refusal.code
    path = _written(folder / "refused.parquet", same, code=list(same.values()))
    engine.files("refused", [path])


def _digests(engine: Engine, table: str, fields: Sequence[str]) -> dict[Address, str]:
    """Hash what each wanted record would be written, and what stands there."""
    told: list[exp.Expr] = []
    for name in fields:
        told.append(named(column(f"write:{name}", "p"), f"write:{name}"))
        told.append(named(text(column(f"after:{name}", "p")), f"after:{name}"))
        told.append(named(column(f"live:{name}", "p"), f"live:{name}"))
    rows = engine.rows(_of_the_wanted(table, told))
    return {(row["key"], row["destination_id"]): _hashed(row, fields) for row in rows}


def _modified(engine: Engine) -> dict[Address, datetime | None]:
    rows = engine.rows(_of_the_wanted("live", [column("modified", "p")]))
    return {(row["key"], row["destination_id"]): row["modified"] for row in rows}


def _of_the_wanted(table: str, output: Sequence[exp.Expr]) -> exp.Select:
    on = exp.and_(*(column(name, "p").eq(column(name, "w")) for name in _ADDRESS))
    return (
        exp.select(*(column(name, "p") for name in _ADDRESS), *output)
        .from_(exp.to_table(table).as_("p"))
        .join(exp.to_table("wanted").as_("w"), on=on)
    )


def _hashed(row: Mapping[str, Any], fields: Sequence[str]) -> str:
    offered = [row[f"after:{name}"] if row[f"write:{name}"] else False for name in fields]
    there = [row[f"live:{name}"] for name in fields]
    return hashlib.sha256(json.dumps([offered, there]).encode()).hexdigest()


def _is_later(modified: datetime | None, refused_at: datetime) -> bool:
    seen = measures.utc(modified)
    return seen is not None and seen > refused_at


def _written(path: Path, addresses: Collection[Address], **columns: list[str]) -> Path:
    keys = {name: [at[index] for at in addresses] for index, name in enumerate(_ADDRESS)}
    table = {name: pa.array(values, pa.string()) for name, values in (keys | columns).items()}
    pq.write_table(pa.table(table), path)
    return path
