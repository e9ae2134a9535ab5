"""Long runs in batches: what a stream for every sample costs, and a million samples into a file.

The noise is measured beside one `torch.Generator` for every sample (whose 32-bit seeds repeat), a
run beside a bare loop of `sample` over batches that share one generator. The network is that of the
digits; for the million samples it is a function of each number alone, so that what is measured is
the run.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._measure import Case, measure
from benchmarks.diffusion import as_markdown
from sampkit.diffusion import UniPC, VPLinearSchedule, time_grid
from sampkit.diffusion.many._streams import NoiseStreams

try:
    import torch
except ImportError:  # nothing can be measured then
    torch = None  # type: ignore[assignment]
else:
    from sampkit.diffusion import DiffusionModel, DigitsDenoiser, sample, sample_many
    from sampkit.diffusion._executor import normal_noise

MILLION = 1_000_000


def noise_row(n: int, size: int) -> dict[str, Any]:
    """A batch of n starts."""
    streams, like = NoiseStreams.of(0), torch.empty(0)

    def seeded() -> Any:
        generators = [torch.Generator().manual_seed(i) for i in range(n)]
        return normal_noise((n, size), like, generators)

    case = Case("", lambda: streams.normal(range(n), 0, (size,)).astype(np.float32), seeded)
    row = measure(case)
    return {
        "what": f"noise of {n} samples of {size} numbers",
        "us / sample": row["cpu_s"] * 1e6 / n,
        "torch.Generator each": row["peer_cpu_s"] * 1e6 / n,
        "ratio": row["cpu_ratio"],
    }


def run_row(n: int, batch_size: int) -> dict[str, Any]:
    """A run on the digits' network, beside the loop that anybody would write."""
    digits = DigitsDenoiser.load()
    plan = UniPC(2).plan(digits.schedule, time_grid(digits.schedule, 10, "time"))

    def ours() -> Any:
        return sample_many(
            digits.model, n, plan, shape=(64,), random_state=0, batch_size=batch_size
        )

    def loop() -> Any:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            return torch.cat(
                [
                    sample(digits.model, torch.randn(batch_size, 64, generator=generator), plan)
                    for _ in range(n // batch_size)
                ]
            )

    row = measure(Case("", ours, loop))
    return {
        "what": f"{n} digits, 10 calls, batches of {batch_size}",
        "us / sample": row["cpu_s"] * 1e6 / n,
        "one generator for all": row["peer_cpu_s"] * 1e6 / n,
        "ratio": row["cpu_ratio"],
    }


def million_row(n: int = MILLION) -> dict[str, Any]:
    """A million samples of 16 numbers into a file, stopped in the middle and resumed."""
    schedule = VPLinearSchedule()
    model = DiffusionModel(lambda x, t: x * t[:, None], schedule, prediction="x0")
    options: dict[str, Any] = {"shape": (16,), "random_state": 0, "batch_size": 4096}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "samples.npy"
        begin = time.process_time()
        for stop in (n // 2, n + 1):
            run = sample_many(
                model, n, UniPC(2), time_grid(schedule, 10), out=out,
                callback=lambda n_done, _, stop=stop: n_done >= stop, **options,
            )  # fmt: skip
        took = time.process_time() - begin
        rows = np.ascontiguousarray(run.samples).view(np.dtype((np.void, 64)))
        distinct = len(np.unique(rows))
        record = out.with_name("samples.npy.record").stat().st_size
    return {
        "what": f"{n} samples of 16 numbers into a file, 10 calls, stopped once",
        "CPU s": took,
        "us / sample": took * 1e6 / n,
        "complete": run.complete,
        "record, bytes": record,
        "peak resident MB (file pages included)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / 1024,
        "distinct samples": distinct,
    }


def main(argv: Sequence[str]) -> None:
    """Measure, print and keep."""
    from benchmarks.__main__ import RESULTS, environment

    if torch is None:
        print("diffusion_many: PyTorch is missing; nothing was measured")
        return
    torch.set_num_threads(1)
    around = {**environment(), "torch": torch.__version__}
    found = {
        "Noise": [noise_row(1000, 64), noise_row(64, 12_288)],
        "Runs": [run_row(5120, 64), run_row(5120, 512)],
        "A million": [million_row()],
    }
    head = ", ".join(f"{key} {value}" for key, value in around.items())
    text = ["# diffusion, long runs\n", f"CPU time, alternating rounds in one process; {head}.\n"]
    for title, rows in found.items():
        text.append(f"## {title}\n\n{as_markdown(rows)}\n")
        print(text[-1], flush=True)
    (RESULTS / "diffusion_many.md").write_text("\n".join(text))
    kept = {"environment": around, "tables": found}
    (RESULTS / "diffusion_many.json").write_text(json.dumps(kept, indent=1) + "\n")
