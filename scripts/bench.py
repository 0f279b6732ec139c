"""Measure planning and delivery against the same work in plain SQL and a bare requests loop.

Every figure is taken in a fresh process, ours and the floor's in turn, and the table shows
medians and ratios: seconds are this machine's, ratios travel. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PLANNED, DELIVERED = 1_000_000, 100_000


def timed(work: Any) -> dict[str, float]:
    """Run some work and take wall, CPU and peak memory of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    extra = work() or {}
    return {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **extra,
    }


def fill(folder: Path, rows: int) -> None:
    """Write a warehouse with ``rows`` candidates, of which 1 % changed since the last delivery."""
    import duckdb
    from company import Company

    company = Company(folder, now=NOW)
    with duckdb.connect(str(company.path)) as c:
        c.execute("drop table mart")
        c.execute(f"""
            create table mart as select 'K' || lpad(i::varchar, 9, '0') as id,
                case when i % 100 = 0 then 'changed' else 'band' || (i % 5) end as band,
                'reason ' || (i % 40) as reason, (i % 100000) / 4.0 as arr,
                timestamp '2026-11-20 06:00:00' as scored_at
            from range({rows}) t(i)""")
        c.execute("""insert into identity
            select id, 'R' || substr(id, 2), id, 'billing_id', false from mart""")
        c.execute(
            "insert into suppress_a select id, 'opted out', null from mart where hash(id) % 50 = 0"
        )
        c.execute(
            "insert into suppress_b select id, 'test', null from mart where hash(id) % 200 = 1"
        )


def contract(company: Any, **destination: Any) -> Any:
    """Build the bench's contract: three mapped fields and two suppression lists."""
    from company import contract_dict, make_contract

    body = contract_dict(gates=[{"match_rate": {"at_least": 0.9}}])
    mapped = {name: {"from": name, "on_edit": "overwrite"} for name in ("band", "reason", "arr")}
    body["destinations"] = {"crm": body["destinations"]["crm"] | {"fields": mapped} | destination}
    body["freshness"] |= {"on_expiry": {"band": "clear"}}
    return make_contract(body, definition=company.definition())


def hold(folder: Path, runtime: Any, plan_contract: Any) -> None:
    """Pretend that everything was delivered before the 1 % changed."""
    import duckdb

    log = runtime.ledger.deliveries
    attempt = log.begin("before", contract=plan_contract.name, destination="crm", batch_size=1,
                        holder="x:1:1", now=NOW, is_gone=lambda *_: True)  # fmt: skip
    log.end(attempt, outcome="delivered", message="", now=NOW)
    path = runtime.snapshots.base(plan_contract.name, "crm", 1)
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as c:
        c.execute(f"""copy (select id as key, 'R' || substr(id, 2) as destination_id, id as destination_key,
            scored_at as as_of, true as certain, false as gone, 1 as position,
            'band' || (cast(substr(id, 2) as bigint) % 5) as "field:band", reason as "field:reason",
            arr as "field:arr" from mart) to '{path}'""")
        held = c.execute("select count(*) from mart").fetchone()
    log.record_position(attempt, position=1, records=held[0] if held else 0, now=NOW)


def plan(folder: Path) -> dict[str, float]:
    """Measure ``prepare``: population, measures, diff, live look-up, gates, ledger."""
    from company import Company, MemoryDestination

    from activation_pipeline.prepare import prepare

    company = Company.__new__(Company)
    company.__dict__.update(folder=folder, now=NOW, path=folder / "warehouse.duckdb")
    from company import MODELS, manifest_of

    company.manifest = manifest_of(MODELS)
    company.destination = MemoryDestination()
    made = contract(company)
    with company.runtime() as runtime:
        if not runtime.snapshots.delivered_folder(made.name, "crm").exists():
            hold(folder, runtime, made)

        def work() -> dict[str, float]:
            evaluation = prepare(made, runtime, now=NOW)
            return {"rows": evaluation.plan.parts[0].rows if evaluation.plan else -1}

        return timed(work)


PLAIN = """
copy (
  with identity_ as (select key, min(destination_id) lo, max(destination_id) hi, min(destination_key) dk
                     from identity where rule = 'billing_id' group by key),
  candidates as (select id as key, scored_at, band, reason, arr from mart),
  twice as (select key from candidates group by key having count(*) > 1),
  shared as (select lo from candidates join identity_ using (key) where lo = hi group by lo having count(*) > 1),
  a as (select key, min(reason) r from suppress_a group by key),
  b as (select key, min(reason) r from suppress_b group by key)
  select c.key, c.scored_at as as_of, case when c.key is null or t.key is not null then 'invalid'
      when c.scored_at < timestamp '2026-11-19 09:00:00' then 'stale' when i.lo is null then 'unmatched'
      when i.lo <> i.hi then 'ambiguous' when s.lo is not null then 'colliding'
      when a.key is not null or b.key is not null then 'suppressed' else 'eligible' end as disposition,
    concat_ws(',', case when a.key is not null then 'a' end, case when b.key is not null then 'b' end) as reasons,
    concat_ws(';', a.r, b.r) as details,
    i.lo as id, i.dk, c.band, c.reason, c.arr
  from candidates c left join twice t using (key) left join identity_ i on c.key = i.key
  left join shared s on s.lo = i.lo left join a on a.key = c.key left join b on b.key = c.key
) to '{out}/population.parquet';
select disposition, reasons, count(*) from '{out}/population.parquet' group by all;
select max(as_of), count(*) filter (band is null), count(*) filter (reason is null),
  count(*) filter (arr is null) from '{out}/population.parquet';
copy (select p.key, p.id, p.dk, p.as_of, p.band, p.reason, p.arr, d."field:band", d."field:reason", d."field:arr"
  from (select * from '{out}/population.parquet' where disposition = 'eligible') p
  left join '{base}' d on p.key = d.key and p.id = d.destination_id
  where d.key is null or p.band is distinct from d."field:band"
     or p.reason is distinct from d."field:reason" or p.arr is distinct from d."field:arr"
  order by p.key) to '{out}/plan.parquet';
select count(*) from '{out}/plan.parquet' where key in (select key from suppress_a union all select key from suppress_b);
select count(*) from '{out}/plan.parquet'
"""


def plain(folder: Path) -> dict[str, float]:
    """Measure the same set work as hand-written DuckDB SQL."""
    import duckdb

    out = folder / "plain"
    out.mkdir(exist_ok=True)
    base = next((folder / "home" / "delivered").rglob("*-base.parquet"))

    def work() -> dict[str, float]:
        with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as c:
            c.execute("set threads = 2")
            for statement in PLAIN.format(out=out, base=base).split(";\n"):
                rows = c.execute(statement).fetchall()
        return {"rows": rows[0][0]}

    return timed(work)


SINK = """
import asyncio, orjson, sys
class Sink(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.buffer = transport, b""
    def data_received(self, data):
        self.buffer += data
        while True:
            head, mark, rest = self.buffer.partition(b"\\r\\n\\r\\n")
            if not mark: return
            length = next((int(l.split(b":")[1]) for l in head.split(b"\\r\\n") if l.lower().startswith(b"content-length")), 0)
            if len(rest) < length: return
            body, self.buffer = rest[:length], rest[length:]
            path = head.split(b" ", 2)[1]
            if b"/batch/" in path:
                inputs = orjson.loads(body)["inputs"]
                answer = {"status": "COMPLETE", "results": [{"id": str(n), "properties": {}, "new": False,
                    "objectWriteTraceId": i.get("objectWriteTraceId"), "createdAt": "2026-01-01T00:00:00Z",
                    "updatedAt": "2026-01-01T00:00:00Z", "archived": False} for n, i in enumerate(inputs)]}
            else:
                answer = {"results": [{"name": n, "type": t, "fieldType": "text", "hasUniqueValue": u} for n, t, u in
                    (("warehouse_contact_id", "string", True), ("band", "string", False), ("reason", "string", False), ("arr", "number", False))]}
            payload = orjson.dumps(answer)
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(payload) + payload)
async def main():
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def deliver_plan(folder: Path, url: str) -> dict[str, float]:
    """Measure ``deliver``: re-check, validation, batches, ledger, against the sink."""
    import activation_pipeline.outgoing  # noqa: F401 - imports are measured apart
    from company import MODELS, Company, MemoryDestination, manifest_of

    from activation_pipeline import destinations
    from activation_pipeline.approve import sign_plan
    from activation_pipeline.deliver import deliver
    from activation_pipeline.prepare import prepare

    company = Company.__new__(Company)
    company.__dict__.update(folder=folder, now=NOW, path=folder / "warehouse.duckdb")
    company.manifest = manifest_of(MODELS)
    company.destination = MemoryDestination()
    where = {
        "kind": "hubspot",
        "object": "contacts",
        "key": "warehouse_contact_id",
        "behavior": "upsert",
    }
    made = contract(company, **where)
    with company.runtime() as runtime:
        evaluation = prepare(made, runtime, now=NOW)
        assert evaluation.plan
        sign_plan(
            made,
            runtime,
            plan=evaluation.plan.id,
            gate=None,
            role="cs_director",
            by="bench",
            reason="bench",
            now=NOW,
        )
        runtime._clients.clear()
        environment = {"HUBSPOT_BASE_URL": url, "HUBSPOT_TOKEN": "x"}
        runtime.connect = lambda kind: destinations.connect(kind, environment)

        def work() -> dict[str, float]:
            report = deliver(made, "crm", runtime, clock=lambda: NOW + timedelta(minutes=1))
            return {"rows": report.totals.accepted}

        return timed(work)


def bare(folder: Path, url: str) -> dict[str, float]:
    """Measure a plain loop: the same snapshot, the same batches, requests, answers parsed."""
    import orjson
    import pyarrow.parquet as pq
    import requests

    part = next((folder / "home" / "plans").rglob("crm.parquet"))

    def work() -> dict[str, float]:
        sent = 0
        with requests.Session() as session, pq.ParquetFile(part) as file:
            for piece in file.iter_batches(batch_size=100):
                inputs = [
                    {"id": row["key"], "idProperty": "warehouse_contact_id", "objectWriteTraceId": row["key"],
                     "properties": {"band": row["after:band"], "reason": row["after:reason"], "arr": str(row["after:arr"])}}
                    for row in piece.to_pylist()
                ]  # fmt: skip
                answer = session.post(
                    f"{url}/crm/v3/objects/contacts/batch/upsert",
                    data=orjson.dumps({"inputs": inputs}),
                    headers={"Content-Type": "application/json", "Authorization": "Bearer x"},
                    timeout=30,
                )
                sent += len(orjson.loads(answer.content)["results"])
        return {"rows": sent}

    return timed(work)


def startup(_folder: Path) -> dict[str, float]:
    """Measure importing everything that a sync without changes needs."""

    def work() -> None:
        import activation_pipeline.deliver
        import activation_pipeline.prepare  # noqa: F401

    return timed(work)


def child(name: str, folder: Path, *more: str) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, __file__, "--child", name, str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """Take each figure's median."""
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def line(name: str, figures: dict[str, float]) -> None:
    """Print one row of the table."""
    print(
        f"{name:<52} {int(figures.get('rows', 0)):>9,} {figures['wall_s']:>8.2f} {figures['cpu_s']:>8.2f} {figures['peak_mib']:>9.0f}"
    )


def ratio(name: str, ours: dict[str, float], floor: dict[str, float], goal: str) -> None:
    """Print how many times the floor ours is."""
    print(
        f"{name:<52} {'':>9} {ours['wall_s'] / floor['wall_s']:>7.2f}x {ours['cpu_s'] / floor['cpu_s']:>7.2f}x   {goal}"
    )


def main() -> None:
    """Fill the warehouses, run each pair in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs="+")
    given = parser.parse_args()
    if given.child:
        name, folder, *more = given.child
        print(json.dumps(globals()[name](Path(folder), *more)))
        return
    with tempfile.TemporaryDirectory(prefix="activation-bench-") as scratch:
        measure(Path(scratch), given.runs)


def measure(scratch: Path, runs: int) -> None:
    """Take every figure ``runs`` times."""
    print(f"medians of {runs} runs, each in a fresh process; imports are a row of their own\n")
    print(f"{'':<52} {'rows':>9} {'wall s':>8} {'CPU s':>8} {'peak MiB':>9}")
    large = scratch / "large"
    large.mkdir()
    fill(large, PLANNED)
    child("plan", large)  # fills the page cache and what is delivered
    pairs = [(child("plan", large), child("plain", large)) for _ in range(runs)]
    ours, floor = (median([pair[i] for pair in pairs]) for i in (0, 1))
    line(f"plan and gates, {PLANNED:,} candidates, 1 % changed", ours)
    line("  the same set work in plain DuckDB SQL", floor)
    ratio("  ours against plain SQL", ours, floor, "goal <= 1.5x, <= 1,024 MiB")
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout
        url = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
        pairs = []
        for number in range(runs):
            folder = scratch / f"deliver{number}"
            folder.mkdir()
            fill(folder, DELIVERED)
            pairs.append((child("deliver_plan", folder, url), child("bare", folder, url)))
    finally:
        sink.terminate()
        sink.wait()
    ours, floor = (median([pair[i] for pair in pairs]) for i in (0, 1))
    line("delivery of what is planned of 100,000, batches of 100", ours)
    line("  a bare loop over requests, the same batches", floor)
    ratio("  ours against the bare loop", ours, floor, "goal <= 1.3x")
    line(
        "imports of planning and delivery", median([child("startup", scratch) for _ in range(runs)])
    )


if __name__ == "__main__":
    main()
