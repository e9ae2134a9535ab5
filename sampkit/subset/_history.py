"""Reading off a history what a target took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def time_to_accuracy(
    history: Iterable[Mapping[str, Any]], target: float
) -> Mapping[str, Any] | None:
    """Find the first round whose score is as good as asked.

    Parameters
    ----------
    history : iterable of dict
        ``history_`` of an estimator fitted with `eval_set`.
    target : float
        Score to reach.

    Returns
    -------
    dict or None
        The round's entry (``round``, ``seconds``, ``n_seen``, ``bytes_read``, ``eval_score``); None
        if there is none.

    Raises
    ------
    ValueError
        A history without scores.

    Examples
    --------
    >>> from sampkit.subset import time_to_accuracy
    >>> history = [{"seconds": t, "eval_score": score} for t, score in ((1, 0.7), (2, 0.9))]
    >>> time_to_accuracy(history, 0.8)["seconds"]
    2
    >>> time_to_accuracy(history, 0.95) is None
    True
    """
    entries = list(history)
    if entries and all(entry.get("eval_score") is None for entry in entries):
        raise ValueError("history holds no scores: give fit an eval_set.")
    for entry in entries:
        score = entry.get("eval_score")
        if score is not None and score >= target:
            return entry
    return None
