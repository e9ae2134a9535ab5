"""Memory of leverage scores of a matrix in a file: 2,000,000 x 50 float32, 400 MB.

``python -m benchmarks coreset_memory``. The resident set (anonymous pages, and pages of the file,
which count as well) is watched every two milliseconds in a process of its own; Linux only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"
ROWS, COLUMNS = 2_000_000, 50
ALLOWED_MB = 400
PROGRAM = """
import json, sys, threading, time
import numpy as np
from sampkit.coreset import leverage_scores, lewis_weights

def resident():
    with open("/proc/self/status") as status:
        return sum(int(l.split()[1]) for l in status if l.startswith(("RssAnon", "RssFile"))) / 1024

def watched(call):
    before, peak, done = resident(), [0.0], threading.Event()
    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], resident())
            time.sleep(0.002)
    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.process_time()
    out = call()
    seconds = time.process_time() - start
    done.set()
    watcher.join()
    return {"beyond_mb": peak[0] - before, "cpu_s": seconds, "output_mb": out.nbytes / 2**20}

leverage_scores(np.ones((10, 2)))
lewis_weights(np.ones((10, 2)), 1.0)
X = np.load(sys.argv[1], mmap_mode="r")
print(json.dumps({
    "leverage_scores": watched(lambda: leverage_scores(X)),
    "leverage_scores, intercept": watched(lambda: leverage_scores(X, fit_intercept=True)),
    "lewis_weights p=1 to 1e-2": watched(lambda: lewis_weights(X, 1.0, tol=1e-2)),
    "X read as a whole": watched(lambda: np.asarray(X).sum(axis=1)),
}))
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file, watch, print and keep the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(ROWS, COLUMNS))
        rng = np.random.default_rng(0)
        for start in range(0, ROWS, 100_000):
            X[start : start + 100_000] = rng.random((100_000, COLUMNS), dtype=np.float32)
        X.flush()
        del X
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True
        )
    found = json.loads(done.stdout)
    lines = ["| call | MB beyond the interpreter | of these the result | CPU s |"]
    lines.append("| --- | --- | --- | --- |")
    lines += [
        f"| {name} | {row['beyond_mb']:.0f} | {row['output_mb']:.0f} | {row['cpu_s']:.2f} |"
        for name, row in found.items()
    ]
    text = f"# coreset_memory\n\n{__doc__.splitlines()[0]} Allowed: {ALLOWED_MB} MB.\n\n"
    text += "\n".join(lines) + "\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "coreset_memory.md").write_text(text)
    (RESULTS / "coreset_memory.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
