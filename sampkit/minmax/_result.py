"""What a search found, and what is known about how good it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sampkit._array import namespace


@dataclass(frozen=True)
class MinMaxResult:
    """The best choice found, its violations and its certificate.

    Shapes are for one target; for k targets those with a k in brackets.

    Parameters
    ----------
    x : array of shape (n,) [(k, n)]
        Values, each one of its levels (a frozen variable keeps the value of the start).
    index : array of int64 of shape (n,) [(k, n)]
        Their positions among the levels.
    objective : float [array of shape (k,)]
        Largest violation, float64, computed from `x` anew.
    objective_per_row : array of shape (m,) [(m, k)]
        Violation of every row, ``|A x - b|`` in the standard form.
    residual : array of shape (m,) [(m, k)]
        ``A x - b``, not weighted; less the intercept where it is free.
    l2_norm : float [array of shape (k,)]
        Euclidean norm of the residual.
    lower_bound : float [array of shape (k,)]
        No choice has an objective below it.
    n_rounds, n_accepted, n_verified, n_pruned : int
        Rounds (blocks screened, sweeps or iterations), moves made, moves evaluated on all rows,
        moves ruled out on a few rows.
    history : list of (float, float)
        Seconds and objective whenever the best known one fell; the mean over targets if there are
        several.
    seconds : float
        What the call took.
    status : str
        "feasible": every requirement met; "bound": the objective equals the lower bound, or
        every requirement is met, target by target; "optimal": proved by `minmax_exact`;
        "time_limit", "max_iter": stopped there;
        "interrupted": by the keyboard or the callback; "local": no move of the search helps.
    engine : str
        "dense", "small", "sparse" or "exact".

    Examples
    --------
    >>> from sampkit.minmax import minmax_search
    >>> result = minmax_search([[2.0, 0.0], [0.0, 3.0]], [1.0, 2.0], [0, 1], rng=0)
    >>> result.x
    array([0., 1.])
    >>> print(result.objective, round(result.gap, 9), result.status)
    1.0 0.0 bound
    """

    x: Any
    index: Any
    objective: Any
    objective_per_row: Any = field(repr=False)
    residual: Any = field(repr=False)
    l2_norm: Any
    lower_bound: Any
    n_rounds: int
    n_accepted: int
    n_verified: int
    n_pruned: int
    history: list[tuple[float, float]] = field(repr=False)
    seconds: float
    status: str
    engine: str

    @property
    def gap(self) -> Any:
        """(objective - lower_bound) / objective; 0 where the objective is 0 or less."""
        xp, objective = namespace(self.objective), self.objective
        positive = xp.asarray(objective > 0)
        gap = xp.where(positive, objective - self.lower_bound, 0.0)
        gap = gap / xp.where(positive, objective, 1.0)
        return float(gap) if gap.ndim == 0 else gap
