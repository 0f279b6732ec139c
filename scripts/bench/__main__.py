"""Measure planning and delivery against the same work in plain SQL and a bare requests loop.

Every figure is taken in a fresh process, ours and the floor's in turn; the table shows medians
and their ratios. Seconds are this machine's, ratios travel. Nothing is asserted.
``python scripts/bench [--runs N] [--large]``; ``--large`` adds a diff of ten million rows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import work

if TYPE_CHECKING:
    from collections.abc import Iterator

Figures = dict[str, float]


def child(name: str, folder: Path, *more: str) -> Figures:
    """Run one piece of work in a process of its own and read its figures."""
    command = [sys.executable, str(Path(__file__).parent), "--child", name, str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {name} failed:\n{done.stderr}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def median(runs: list[Figures]) -> Figures:
    """Take each figure's median."""
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def line(name: str, figures: Figures) -> None:
    """Print one row of the table."""
    rows, wall, cpu, peak = (figures[key] for key in ("rows", "wall_s", "cpu_s", "peak_mib"))
    print(f"{name:<56} {int(rows):>10,} {wall:>8.2f} {cpu:>8.2f} {peak:>9.0f}", flush=True)


def ratio(name: str, ours: Figures, floor: Figures, goal: str) -> None:
    """Print how many times the floor ours is."""
    wall, cpu = (ours[key] / floor[key] for key in ("wall_s", "cpu_s"))
    print(f"{name:<56} {'':>10} {wall:>7.2f}x {cpu:>7.2f}x   {goal}", flush=True)


@contextmanager
def sink(*options: str) -> Iterator[str]:
    """Run the sink and give its address."""
    command = [sys.executable, str(Path(__file__).parent / "sink.py"), *options]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = running.stdout.readline().strip() if running.stdout else ""
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


def planning(scratch: Path, rows: int, runs: int) -> None:
    """Compare planning with plain SQL: everything delivered, then 1 % changed."""
    folder = scratch / f"plan{rows}"
    child("fill", folder, str(rows))
    child("hold", folder)
    child("change", folder, "100")
    child("plan", folder)  # once, for the page cache
    pairs = [(child("plan", folder), child("plain", folder)) for _ in range(runs)]
    ours, floor = (median([pair[i] for pair in pairs]) for i in (0, 1))
    line(f"plan and gates: {rows:,} candidates, 1 % changed", ours)
    line("  the same set work in plain DuckDB SQL", floor)
    ratio("  ours against plain SQL", ours, floor, "goal <= 1.5x within 1,024 MiB")


def delivering(scratch: Path, url: str, rows: int, runs: int) -> None:
    """Compare delivery with a bare loop: a first sync, then 1 % changed, then nothing."""
    first, second, third = [], [], []
    for number in range(runs):
        folder = scratch / f"deliver{number}"
        child("fill", folder, str(rows))
        first.append((child("deliver", folder, url), child("bare", folder, url)))
        child("change", folder, "100")
        second.append((child("deliver", folder, url), child("bare", folder, url)))
        third.append(child("deliver", folder, url))
    for name, pairs in (("first sync", first), ("second sync, 1 % changed", second)):
        ours, floor = (median([pair[i] for pair in pairs]) for i in (0, 1))
        line(f"delivery: {name}, batches of 100", ours)
        line("  a bare requests loop over the same batches", floor)
        goal = "goal <= 1.3x" if pairs is first else "the re-check reads the whole source"
        ratio("  ours against the bare loop", ours, floor, goal)
    line("delivery: nothing changed, no request", median(third))


def distant(scratch: Path, rows: int, runs: int) -> None:
    """Compare delivery over 50 ms of latency with a bare loop of as many threads."""
    pairs = []
    with sink("--latency-ms", "50") as url:
        for number in range(runs):
            folder = scratch / f"distant{number}"
            child("fill", folder, str(rows))
            pairs.append((child("deliver", folder, url), child("bare", folder, url, "8")))
    ours, floor = (median([pair[i] for pair in pairs]) for i in (0, 1))
    line("delivery: every answer takes 50 ms", ours)
    line("  a bare requests loop in 8 threads", floor)
    ratio("  ours against the bare threads", ours, floor, "goal <= 1.3x")


def at_the_ceiling(scratch: Path, rows: int) -> None:
    """Show how much of an account's ceiling is reached, and how often it was passed."""
    folder = scratch / "ceiling"
    child("fill", folder, str(rows))
    with sink("--per-ten-seconds", "190") as url:
        found = child("paced", folder, url)
    line("delivery: at most 190 requests in 10 s", found)
    name = f"  of the ceiling reached; {int(found['refused'])} requests refused"
    print(f"{name:<56} {'':>10} {found['share']:>8.1%}            goal >= 90 %, 0 refused")


def main() -> None:
    """Run the pairs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--child", nargs="+")
    given = parser.parse_args()
    if given.child:
        name, folder, *more = given.child
        print(json.dumps(getattr(work, name)(Path(folder), *more)))
        return
    print(f"medians of {given.runs} runs, each in a fresh process\n")
    print(f"{'':<56} {'rows':>10} {'wall s':>8} {'CPU s':>8} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory(prefix="activation-bench-") as folder:
        scratch = Path(folder)
        planning(scratch, 1_000_000, given.runs)
        if given.large:
            planning(scratch, 10_000_000, 1)
        with sink() as url:
            delivering(scratch, url, 100_000, given.runs)
        distant(scratch, 100_000, given.runs)
        at_the_ceiling(scratch, 100_000)
        line("imports of planning and delivery", median([child("imports", scratch)] * given.runs))


if __name__ == "__main__":
    main()
