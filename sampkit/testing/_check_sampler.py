"""`check_sampler`: what every sampler owes its users, one small check after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sampkit.testing._case import Case, NotApplicableError
from sampkit.testing._container_checks import CONTAINER_CHECKS
from sampkit.testing._protocol_checks import PROTOCOL_CHECKS
from sampkit.testing._row_checks import ROW_CHECKS

CHECKS = {
    **PROTOCOL_CHECKS,
    "container_kept": CONTAINER_CHECKS["container_kept"],  # rows can only be compared in one form
    **ROW_CHECKS,
    **CONTAINER_CHECKS,
}


@dataclass(frozen=True)
class SamplerReport:
    """Which checks a sampler passed, and which had nothing to say about it.

    Parameters
    ----------
    sampler : str
        Name of the sampler's class.
    passed : tuple of str
        The checks that ran.
    not_applicable : dict
        Check -> why it did not run.

    Examples
    --------
    >>> from sampkit.testing import SamplerReport
    >>> print(SamplerReport("Mine", ("protocol",), {"pickle": "skipped: holds a socket"}))
    Mine: 1 check passed, 1 did not apply
      passed: protocol
      pickle: skipped: holds a socket
    """

    sampler: str
    passed: tuple[str, ...]
    not_applicable: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        n, m = len(self.passed), len(self.not_applicable)
        lines = [
            f"{self.sampler}: {n} check{'s' * (n != 1)} passed, {m} did not apply",
            f"  passed: {', '.join(self.passed)}",
            *(f"  {name}: {reason}" for name, reason in self.not_applicable.items()),
        ]
        return "\n".join(lines)


def check_sampler(
    sampler: Any, *, X: Any = None, y: Any = None, skip: Mapping[str, str] | None = None
) -> SamplerReport:
    """Check that an object with ``fit_resample`` keeps the promises of a sampler.

    Parameters
    ----------
    sampler : object
        Anything with ``fit_resample(X, y)``: of sampkit, of imbalanced-learn, or your own. It is
        cloned (copied where it has no parameters) and never touched itself; a parameter
        `random_state` is set to 0 in the clones.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features), default=None
        The table to check on. None: 90 rows of three floats in two classes that overlap.
    y : array-like of shape (n_samples,), default=None
        Labels, or None for a sampler that needs none; with X only.
    skip : dict, default=None
        Check -> reason, for promises that the method does not make.

    Returns
    -------
    SamplerReport
        The checks that ran, and those that did not apply, with the reason.

    Raises
    ------
    AssertionError
        A promise is broken; the message begins with the name of the check.
    ValueError
        `skip` names a check that there is not, or y is given without X.
    TypeError
        The object has no ``fit_resample``.

    Notes
    -----
    About 25 runs of the sampler. The checks, by name:

    ========================= ====================================================================
    protocol                  a pair of equally many rows comes back; there is no ``transform``
    input_untouched           X and y are, bit by bit, what they were, index and flags included
    repeatable                one seed, one result, again and again
    global_random_state       NumPy's global stream is neither read nor moved
    read_only_input           an array that cannot be written to is taken
    fit_only                  ``fit`` returns the sampler and makes no rows
    params_untouched          ``get_params`` is the same after ``fit_resample``
    pickle                    survives pickling, before and after the fit
    mismatched_lengths        X and y of different lengths are refused with a ValueError
    container_kept            X and y come back in the type that they came in, dtypes included
    exact_counts              the numbers of rows are those of ``sampling_strategy_``
    known_labels              no label comes out that did not go in
    labels_follow_origin      an output row has the label of the row that it comes from
    rows_follow_origin        rows are those of ``sample_indices_``, or where ``provenance_`` says
    weights                   ``sample_weight_``: one positive number per output row
    propagate                 values are carried along; those of kept rows bit by bit
    container_list            lists, if X is an array of numbers, and likewise
    container_pandas          data frame and Series: dtypes, names, and one index for both
    container_csr             CSR; nothing becomes dense
    container_polars          polars frames
    ========================= ====================================================================

    Examples
    --------
    >>> from sampkit.over_sampling import SMOTE
    >>> from sampkit.testing import check_sampler
    >>> report = check_sampler(SMOTE())
    >>> report.not_applicable
    {'weights': 'SMOTE sets no sample_weight_'}

    A class of your own:

    >>> class EverySecondRow:
    ...     def fit_resample(self, X, y):
    ...         y[:] = 0  # a slip
    ...         return X[::2], y[::2]
    >>> check_sampler(EverySecondRow())
    Traceback (most recent call last):
    AssertionError: input_untouched: EverySecondRow changed y: ...
    """
    if not hasattr(sampler, "fit_resample"):
        raise TypeError(f"sampler must have fit_resample, {type(sampler).__name__} has not.")
    skip = dict(skip or {})
    unknown = sorted(set(skip) - set(CHECKS))
    if unknown:
        raise ValueError(f"skip: there is no check {unknown[0]!r}; there are {list(CHECKS)}.")
    if X is None:
        if y is not None:
            raise ValueError("y must be None when X is None, because the table is made here.")
        X, y = overlapping_classes()
    case = Case(sampler, X, y)
    passed, idle = [], {}
    for name, check in CHECKS.items():
        if name in skip:
            idle[name] = f"skipped: {skip[name]}"
            continue
        try:
            check(case)
        except NotApplicableError as reason:
            idle[name] = str(reason)
        except AssertionError as broken:
            raise AssertionError(f"{name}: {broken}") from broken
        else:
            passed.append(name)
    return SamplerReport(case.name, tuple(passed), idle)


def overlapping_classes() -> tuple[Any, Any]:
    """The default table: 90 rows, two classes, no two distances equal."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [65, 25]))
    return rng.normal(size=(90, 3)) + 1.5 * y[:, None], y
