"""What a search found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sampkit.diffusion.accelerate import SolverSchedule

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SearchResult"]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The best schedule of a search, and how it was found.

    Parameters
    ----------
    best : SolverSchedule
        The one with the lowest score.
    score : float
        Its score on the noises of the search, which it was chosen by.
    fresh_score : float
        Its score on fresh noises: what to expect. NaN if the search was interrupted there, too.
    history : DataFrame
        One row for each candidate in the order of evaluation: `generation` (0 is the initial set),
        `origin` ("initial", "fixed", "random", "mutation", "crossover"), `score` (inf where it is
        not finite or the run was stopped), `half_way` (error after half the steps, NaN if not
        known), `stopped`, `best` (lowest score so far) and `schedule`.
    n_model_calls : int
        Network calls on as many rows as `x` has; one for each candidate where several share one.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import GaussianMixture, VPLinearSchedule, search_solver_schedule
    >>> model = GaussianMixture([[-1.0], [1.0]], 0.1).model(VPLinearSchedule())
    >>> x = torch.randn(64, 1, generator=torch.Generator().manual_seed(0))
    >>> found = search_solver_schedule(model, 4, x, budget=40, predictor=None, random_state=0)
    >>> list(found.history.columns[:3]), len(found.history)
    (['generation', 'origin', 'score'], 40)
    """

    best: SolverSchedule
    score: float
    fresh_score: float
    history: pd.DataFrame
    n_model_calls: int = 0

    def plot(self, ax: Any = None) -> Any:
        """Draw the scores of all candidates, and the best so far.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where; None: a new figure.

        Returns
        -------
        matplotlib Axes
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots(layout="constrained")[1]
        evaluated = range(1, len(self.history) + 1)
        kinds = self.history["origin"].replace({"crossover": "child", "mutation": "child"})
        for kind, color in (("fixed", "C1"), ("initial", "C3"), ("random", "0.6"), ("child", "C0")):
            mine = (kinds == kind).to_numpy() & ~self.history["stopped"].to_numpy()
            if mine.any():
                at = [k for k, hit in zip(evaluated, mine, strict=True) if hit]
                ax.plot(at, self.history["score"][mine], ".", color=color, label=kind, markersize=4)
        ax.step(evaluated, self.history["best"], where="post", color="k", label="best so far")
        ax.set(xlabel="candidates evaluated", ylabel="score", yscale="log")
        if 0 < self.score < float("inf"):  # what is a thousand times worse tells nothing
            low, high = ax.get_ylim()
            ax.set_ylim(low, min(high, 1000 * self.score))
        ax.legend(fontsize=8)
        return ax
