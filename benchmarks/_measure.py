"""One way to measure: ours and a peer in turn in one process, minima of several rounds."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Call = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """One line of a benchmark table."""

    name: str
    ours: Call
    peer: Call | None = None
    peer_name: str = ""
    target: float | None = None  # smallest acceptable ratio peer / ours of CPU seconds
    rounds: int = 5
    output_bytes: Callable[[Any], int] | None = None  # of the result, for the memory column
    input_bytes: int = 0
    size: float | None = None  # what the time grows with, for a row of a growth table
    peer_share: float = 1.0  # of the work, for a slow peer of linear time; its seconds are scaled


def cpu_and_wall(call: Call) -> tuple[float, float]:
    """Seconds of CPU (all threads of the process) and of the clock that one call takes."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def peak_beyond_input(call: Call) -> tuple[int, Any]:
    """Largest number of bytes allocated during a call, its result included, and the result."""
    gc.collect()
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def measure(case: Case) -> dict[str, Any]:
    """One row: minima over alternating rounds, the ratio, and memory in a pass of its own."""
    ours: list[tuple[float, float]] = []
    peer: list[tuple[float, float]] = []
    case.ours()  # loads what is loaded on first use
    if case.peer is not None:
        case.peer()
    for _ in range(case.rounds):
        if case.peer is not None:
            peer.append(cpu_and_wall(case.peer))
        ours.append(cpu_and_wall(case.ours))
    row: dict[str, Any] = {"case": case.name, "peer": case.peer_name}
    row["cpu_s"], row["wall_s"] = (min(t[i] for t in ours) for i in (0, 1))
    if peer:
        row["peer_cpu_s"], row["peer_wall_s"] = (
            min(t[i] for t in peer) / case.peer_share for i in (0, 1)
        )
        row["cpu_ratio"] = row["peer_cpu_s"] / row["cpu_s"]
        row["wall_ratio"] = row["peer_wall_s"] / row["wall_s"]
        row["target"] = case.target
    if case.output_bytes is not None:
        peak, result = peak_beyond_input(case.ours)
        row["peak_mb"] = peak / 2**20
        row["output_mb"] = case.output_bytes(result) / 2**20
        row["allowed_mb"] = 1.25 * row["output_mb"] + 64
    if case.size is not None:
        row["size"] = case.size
    return row


def with_growth(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Add to every row with a size its time relative to the row before."""
    before: dict[str, Any] | None = None
    for row in rows:
        if "size" in row:
            if before is not None:
                row["size_factor"] = row["size"] / before["size"]
                row["cpu_factor"] = row["cpu_s"] / before["cpu_s"]
            before = row
        yield row


_COLUMNS: dict[str, tuple[str, str]] = {
    "case": ("case", "s"),
    "peer": ("peer", "s"),
    "cpu_s": ("CPU s", ".4f"),
    "wall_s": ("wall s", ".4f"),
    "peer_cpu_s": ("peer CPU s", ".4f"),
    "peer_wall_s": ("peer wall s", ".4f"),
    "cpu_ratio": ("CPU ratio", ".2f"),
    "target": ("target", ".2f"),
    "wall_ratio": ("wall ratio", ".2f"),
    "peak_mb": ("peak MB", ".1f"),
    "output_mb": ("output MB", ".1f"),
    "allowed_mb": ("allowed MB", ".1f"),
    "drawing_s": ("records drawn in, CPU s", ".3f"),
    "rss_mb": ("peak resident MB", ".0f"),
    "worst_z": ("largest error, s.e.", ".2f"),
    "size_factor": ("size x", ".2f"),
    "cpu_factor": ("CPU x", ".2f"),
}


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table, with the columns that any of them has."""
    keys = [k for k in _COLUMNS if any(row.get(k) not in (None, "") for row in rows)]
    cells = [[_COLUMNS[k][0] for k in keys]]
    cells += [
        ["" if row.get(k) in (None, "") else format(row[k], _COLUMNS[k][1]) for k in keys]
        for row in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(keys))]
    lines = ["| " + " | ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)) + " |"
             for line in cells]  # fmt: skip
    lines.insert(1, "| " + " | ".join("-" * w for w in widths) + " |")
    return "\n".join(lines)
