"""What is measured, each in a process of its own: ours and the floors."""

from __future__ import annotations

import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

ACCOUNT = "127.0.0.1"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HERE = Path(__file__).parent


def timed(work: Any) -> dict[str, float]:
    """Do some work and take its wall and CPU time, and the peak memory of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    rows = work()
    return {
        "rows": rows,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def fill(folder: Path, rows: str) -> dict[str, float]:
    """Write a warehouse of that many candidates; 2.5 % of them are on a suppression list."""
    import duckdb
    from company import Company

    folder.mkdir(parents=True, exist_ok=True)
    company = Company(folder, now=NOW)
    with duckdb.connect(str(company.path)) as c:
        c.execute("drop table mart")
        c.execute(
            """create table mart as select 'K' || lpad(i::varchar, 9, '0') as id,
                'band' || (i % 5) as band, 'reason ' || (i % 40) as reason,
                (i % 100000) / 4.0 as arr, timestamp '2026-11-20 06:00:00' as scored_at
            from range(?) t(i)""",
            [int(rows)],
        )
        c.execute(
            """insert into identity
            select id, 'R' || substr(id, 2), id, 'billing_id', false from mart"""
        )
        for name, share, rest in (("suppress_a", 50, 0), ("suppress_b", 200, 1)):
            c.execute(
                f"insert into {name} select id, 'opted out', null from mart where hash(id) % ? = ?",
                [share, rest],
            )
    return {}


def change(folder: Path, every: str) -> dict[str, float]:
    """Change the band of one candidate in ``every``."""
    import duckdb

    with duckdb.connect(str(folder / "warehouse.duckdb")) as c:
        c.execute(
            "update mart set band = 'changed' where cast(substr(id, 2) as bigint) % ? = 0",
            [int(every)],
        )
    return {}


def opened(folder: Path) -> Any:
    """Open the company that ``fill`` wrote."""
    from company import MODELS, Company, MemoryDestination, manifest_of

    company = Company.__new__(Company)
    company.__dict__.update(
        folder=folder,
        now=NOW,
        path=folder / "warehouse.duckdb",
        ledger=folder / "home" / "ledger.sqlite",
    )
    # Planned in memory and sent over loopback: to one account, as far as an approval sees.
    company.manifest = manifest_of(MODELS)
    company.destination = MemoryDestination(identity=ACCOUNT)
    return company


def contract(company: Any) -> Any:
    """Build the contract: three mapped fields to HubSpot contacts, two suppression lists."""
    from company import contract_dict, make_contract

    body = contract_dict(gates=[{"match_rate": {"at_least": 0.9}}])
    fields = {name: {"from": name, "on_edit": "overwrite"} for name in ("band", "reason", "arr")}
    where = {"kind": "hubspot", "object": "contacts", "key": "warehouse_contact_id",
             "behavior": "upsert", "fields": fields}  # fmt: skip
    body["destinations"] = {"crm": body["destinations"]["crm"] | where}
    body["freshness"] |= {"on_expiry": {"band": "clear"}}
    accounts = {"crm": ACCOUNT}
    return make_contract(body, definition=company.definition(), accounts=accounts)


def hold(folder: Path) -> dict[str, float]:
    """Make it look as if every candidate had been delivered as it is now."""
    import duckdb

    company = opened(folder)
    made = contract(company)
    with company.runtime() as runtime:
        log = runtime.ledger.deliveries
        attempt = log.begin("before", contract=made.name, destination="crm", batch_size=1,
                            holder="x:1:1", now=NOW, is_gone=lambda *_: True)  # fmt: skip
        log.end(attempt, outcome="delivered", message="", now=NOW)
        path = runtime.snapshots.base(made.name, "crm", 1)
        path.parent.mkdir(parents=True)
        with duckdb.connect(str(company.path), read_only=True) as c:
            c.execute(
                f"""copy (select id as key, 'R' || substr(id, 2) as destination_id,
                    id as destination_key, scored_at as as_of, true as certain, false as gone,
                    1 as position, band as "field:band", reason as "field:reason",
                    arr as "field:arr" from mart order by id) to '{path}'"""
            )
            held = c.execute("select count(*) from mart").fetchone()
        records = held[0] if held else 0
        log.record_position(attempt, position=1, records=records, now=NOW)
    return {}


def plan(folder: Path) -> dict[str, float]:
    """Measure ``prepare``: population, measures, diff, live look-up, gates, ledger."""
    from activation_pipeline.prepare import prepare

    company = opened(folder)
    made = contract(company)
    with company.runtime() as runtime:

        def work() -> int:
            evaluation = prepare(made, runtime, now=NOW)
            return evaluation.plan.parts[0].rows if evaluation.plan else -1

        return timed(work)


def plain(folder: Path) -> dict[str, float]:
    """Measure the same set work as hand-written SQL."""
    import duckdb

    out = folder / "plain"
    out.mkdir(exist_ok=True)
    base = next((folder / "home" / "delivered").rglob("*-base.parquet"))
    statements = (HERE / "plain.sql").read_text().format(out=out, base=base).split(";\n")

    def work() -> int:
        with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as c:
            c.execute("set threads = 2")
            for statement in statements:
                rows = c.execute(statement).fetchall()
        return int(rows[0][0])

    return timed(work)


def deliver(folder: Path, url: str, limit: str = "none") -> dict[str, float]:
    """Measure ``deliver``: re-check, validation, batches, ledger. Planning is not in it.

    ``limit`` is the setting of how many requests may be made in ten seconds.
    """
    import activation_pipeline.outgoing  # noqa: F401 - imports have a row of their own
    from activation_pipeline import destinations
    from activation_pipeline.approve import sign_plan
    from activation_pipeline.deliver import deliver as send
    from activation_pipeline.prepare import prepare

    company = opened(folder)
    made = contract(company)
    with company.runtime() as runtime:
        evaluation = prepare(made, runtime, now=NOW)
        if evaluation.decision == "pause" and evaluation.plan:
            sign_plan(made, runtime, plan=evaluation.plan.id, gate=None, role="cs_director",
                      by="bench", reason="bench", now=NOW)  # fmt: skip
    # The limiter keeps its state in the installation's folder, as in an installation.
    environment = {"HUBSPOT_BASE_URL": url, "HUBSPOT_TOKEN": "x", "ACTIVATION_HOME": str(folder),
                   "HUBSPOT_REQUESTS_PER_10S": limit}  # fmt: skip
    with company.runtime() as runtime:
        runtime.connect = lambda kind: destinations.connect(kind, environment)
        later = NOW + timedelta(minutes=1)
        return timed(lambda: send(made, "crm", runtime, clock=lambda: later).totals.accepted)


def paced(folder: Path, url: str) -> dict[str, float]:
    """Measure ``deliver`` against an account's ceiling, in the thirty seconds after the first ten.

    ``share`` is what was reached of 190 requests in ten seconds, ``refused`` counts the 429s.
    """
    import requests

    found = deliver(folder, url, "")
    counts = requests.get(f"{url}/_counts", timeout=10).json()
    begin = counts["taken"][0] + 10
    within = sum(begin < at <= begin + 30 for at in counts["taken"])
    return {**found, "share": within / (3 * 190), "refused": counts["refused"]}


def bare(folder: Path, url: str, workers: str = "1") -> dict[str, float]:
    """Measure a plain loop: the same snapshot, the same batches, requests, answers parsed."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import orjson
    import pyarrow.parquet as pq
    import requests

    part = max((folder / "home" / "plans").rglob("crm.parquet"), key=lambda p: p.stat().st_mtime)
    address = f"{url}/crm/v3/objects/contacts/batch/upsert"
    headers = {"Content-Type": "application/json", "Authorization": "Bearer x"}
    mine = threading.local()

    def send(rows: list[dict[str, Any]]) -> int:
        if not hasattr(mine, "session"):
            mine.session = requests.Session()
        inputs = [
            {
                "id": row["key"],
                "idProperty": "warehouse_contact_id",
                "objectWriteTraceId": row["key"],
                "properties": {
                    "band": row["after:band"],
                    "reason": row["after:reason"],
                    "arr": str(row["after:arr"]),
                },
            }
            for row in rows
        ]
        body = orjson.dumps({"inputs": inputs})
        answer = mine.session.post(address, data=body, headers=headers, timeout=30)
        return len(orjson.loads(answer.content)["results"])

    def work() -> int:
        with pq.ParquetFile(part) as file:
            batches = (piece.to_pylist() for piece in file.iter_batches(batch_size=100))
            if workers == "1":
                return sum(send(batch) for batch in batches)
            with ThreadPoolExecutor(int(workers)) as pool:
                return sum(pool.map(send, batches))

    return timed(work)


def imports(_folder: Path) -> dict[str, float]:
    """Measure importing what a sync without changes needs."""

    def work() -> int:
        import activation_pipeline.deliver
        import activation_pipeline.prepare  # noqa: F401

        return 0

    return timed(work)
