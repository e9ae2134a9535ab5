"""A hundred million users, 20 attributes of 100 categories: time and resident memory.

Every size is a process of its own, so that the peak of resident memory is its alone. Records come
in pieces of 10^6, each drawn afresh by the producer, whose share of the time is measured apart; a
piece is gone when the next one comes. Three ways to the counts: simulated from records, simulated
from marginals, and by reports that are really made, from the operating system's entropy, and
counted.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._measure import markdown, with_growth
from sampkit.privacy import LDPAggregator, LDPClient, LDPSchema, simulate_counts

D, K, PIECE = 20, 100, 10**6
SIZES = {
    "records": (10**6, 10**7, 10**8),
    "marginals": (10**6, 10**7, 10**8),
    "reports": (10**6, 10**7),
}
TITLES = {
    "records": "Simulated from records, every piece of 10^6 drawn afresh",
    "marginals": "Simulated from marginals",
    "reports": "Reports made from the system's entropy, and counted",
}
RESULTS = Path(__file__).parent / "results"


class Producer:
    """Records in pieces, no two alike, and the seconds that drawing them took."""

    def __init__(self, n: int):
        self.n = n
        self.seconds = 0.0
        self.truth = np.zeros((D, K), dtype=np.int64)  # of the first attribute and the last

    def __iter__(self) -> Iterator[Any]:
        rng = np.random.default_rng(1)
        for _ in range(self.n // PIECE):
            began = time.process_time()
            piece = rng.integers(0, K, (PIECE, D), dtype=np.uint8)
            piece[:, -1] //= 2  # so that not all frequencies are alike
            for j in (0, D - 1):
                self.truth[j] += np.bincount(piece[:, j], minlength=K)
            self.seconds += time.process_time() - began
            yield piece


def measured(way: str, n: int) -> dict[str, Any]:
    """One row, in this process."""
    agreed = LDPSchema([K] * D, 1.0, protocol="oue-z")
    producer = Producer(n)
    before = time.process_time()
    began = time.perf_counter()
    if way == "records":
        server = simulate_counts(agreed, iter(producer), random_state=0)
    elif way == "marginals":
        f = [np.full(K, 1 / K)] * D
        server = simulate_counts(agreed, marginals=f, n=n, random_state=0)
    else:
        client = LDPClient(agreed)
        server = LDPAggregator(agreed)
        for piece in producer:
            for start in range(0, PIECE, 100_000):
                server.partial_fit(client.privatize_many(piece[start : start + 100_000]))
    cpu, wall = time.process_time() - before, time.perf_counter() - began
    row = {"case": f"n = 10^{round(np.log10(n))}", "size": float(n), "wall_s": wall}
    row["cpu_s"] = cpu - producer.seconds
    if way != "marginals":
        row["drawing_s"] = producer.seconds
        row["worst_z"] = _worst(server, producer, n)
    unit = 1 if sys.platform == "darwin" else 1024
    row["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return row


def _worst(server: LDPAggregator, producer: Producer, n: int) -> float:
    """Largest error of the two attributes whose truth is known, in standard errors."""
    table = server.estimate(target="sample")
    errors = []
    for j in (0, D - 1):
        rows = table.loc[f"x{j}"]
        errors.append(np.abs(rows["estimate"] - producer.truth[j] / n) / rows["std_error"])
    return float(np.max(errors))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every size in a process of its own, print the tables, keep them."""
    if argv:
        way, n = argv
        print(json.dumps(measured(way, int(n))))
        return
    tables = {}
    for way, sizes in SIZES.items():
        rows = []
        for n in sizes:
            command = [sys.executable, "-m", "benchmarks.privacy_scale", way, str(n)]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(found.stdout))
            print(f"  privacy_scale: {way}, {rows[-1]['case']}", flush=True)
        tables[TITLES[way]] = list(with_growth(rows))
        print(f"\n## {TITLES[way]}\n\n{markdown(tables[TITLES[way]])}\n", flush=True)
    about = f"python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores"
    text = ["# privacy_scale\n", f"{D} attributes of {K} categories, RS+FD with OUE-z; {about}.\n"]
    text += [f"## {title}\n\n{markdown(rows)}\n" for title, rows in tables.items()]
    (RESULTS / "privacy_scale.md").write_text("\n".join(text))
    (RESULTS / "privacy_scale.json").write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
