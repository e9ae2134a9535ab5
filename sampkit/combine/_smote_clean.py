"""SMOTE first, then cleaning of old and new rows alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods

from sampkit._array import namespace
from sampkit._table import Resampled, Table
from sampkit.over_sampling import SMOTE
from sampkit.over_sampling._engine import (
    RANDOM_STATE,
    STRATEGY,
    SeedWeightedSampler,
    SyntheticSampler,
)
from sampkit.under_sampling import EditedNearestNeighbours, TomekLinks


class SMOTECleaning(SeedWeightedSampler):
    """What SMOTEENN and SMOTETomek share: a synthetic sampler, then one that drops rows."""

    _sampling_type: ClassVar[str] = "over-sampling"
    _adds_rows: ClassVar[bool] = True

    def _over_sampler(self, rng: np.random.Generator) -> SyntheticSampler:
        if self.smote is None:
            return SMOTE(sampling_strategy=self.sampling_strategy, random_state=rng)
        return clone(self.smote)

    def _clean(
        self,
        table: Table,
        rng: np.random.Generator,
        name: str,
        cleaner: Any,
        seed_weights: Any,
    ) -> Resampled:
        self.smote_ = self._over_sampler(rng)
        self.smote_._validate_params()
        inner = replace(
            table,
            targets=self.smote_._targets(table.target),
            rules=self.smote_._rules(table.container),
        )
        self.smote_._check_cells(inner)
        made = self.smote_._resampled(inner, seed_weights=seed_weights)
        if made.new is None or made.origin is None or len(made.new.nominal):
            raise ValueError(
                f"smote must make rows of numbers only, got {str(self.smote)[:100]}: nominal "
                "columns have no place in the search for neighbours that follows."
            )
        labels = table.target.classes[
            np.concatenate([table.target.codes, table.target.codes[made.origin.seed]])
        ]
        cleaner.fit_resample(_stacked(table.matrix, made.new.numbers()), labels)
        if not hasattr(cleaner, "sample_indices_"):
            raise ValueError(
                f"{name} must drop rows and list those that stay in sample_indices_, got "
                f"{str(cleaner)[:100]}."
            )
        kept, n = cleaner.sample_indices_, table.n_rows
        new = kept[kept >= n] - n
        self._forget_randomness()
        return Resampled(kept[kept < n], made.new.picked(new), made.origin.picked(new))

    def _forget_randomness(self) -> None:
        """A fitted object holds no generator that moved on."""
        if self.smote is None:
            self.smote_.random_state = self.random_state


def _stacked(old: Any, new: Any) -> Any:
    if sp.issparse(old):
        return sp.vstack([old, new], format="csr")
    return namespace(old).concatenate([old, new])


_SMOTE: list[Any] = [SyntheticSampler, None]
_CLEANER: list[Any] = [HasMethods(["fit_resample"]), None]


class SMOTEENN(SMOTECleaning):
    """SMOTE, then Wilson's edited nearest neighbours over all classes.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows before cleaning, see
        :func:`sampkit.base.sampling_targets`.
    smote : sampler, default=None
        A sampler of the SMOTE family for numeric columns (cloned); None: ``SMOTE`` with this
        object's `sampling_strategy` and `random_state`.
    enn : sampler, default=None
        A cleaning sampler (cloned) with ``sample_indices_``; None:
        ``EditedNearestNeighbours(sampling_strategy="all")``.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness of the default `smote`.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows before cleaning.
    smote_, enn_ : sampler
        The fitted samplers.
    provenance_ : Provenance
        Seed, neighbour and gap of every row that survived.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    The surviving rows of the input come first, in its order, then the surviving synthetic ones.

    References
    ----------
    .. [1] G. E. A. P. A. Batista, R. C. Prati, M. C. Monard, "A study of the behavior of several
       methods for balancing machine learning training data", SIGKDD Explorations 6, 20-29, 2004.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sampkit.combine import SMOTEENN
    >>> X, y = make_classification(200, weights=[0.9], random_state=0)
    >>> X_res, y_res = SMOTEENN(random_state=0).fit_resample(X, y)
    >>> bool(len(X_res) < 2 * sum(y == 0))
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "smote": _SMOTE,
        "enn": _CLEANER,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        smote: Any = None,
        enn: Any = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.smote = smote
        self.enn = enn
        self.random_state = random_state

    def _fit_resample(
        self, table: Table, rng: np.random.Generator, seed_weights: Any = None
    ) -> Resampled:
        given = self.enn
        self.enn_ = (
            EditedNearestNeighbours(sampling_strategy="all") if given is None else clone(given)
        )
        return self._clean(table, rng, "enn", self.enn_, seed_weights)


class SMOTETomek(SMOTECleaning):
    """SMOTE, then both ends of every Tomek link dropped.

    Parameters
    ----------
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get how many rows before cleaning, see
        :func:`sampkit.base.sampling_targets`.
    smote : sampler, default=None
        A sampler of the SMOTE family for numeric columns (cloned); None: ``SMOTE`` with this
        object's `sampling_strategy` and `random_state`.
    tomek : sampler, default=None
        A cleaning sampler (cloned) with ``sample_indices_``; None:
        ``TomekLinks(sampling_strategy="all")``.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Source of randomness of the default `smote`.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of synthetic rows before cleaning.
    smote_, tomek_ : sampler
        The fitted samplers.
    provenance_ : Provenance
        Seed, neighbour and gap of every row that survived.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    Notes
    -----
    The surviving rows of the input come first, in its order, then the surviving synthetic ones.

    References
    ----------
    .. [1] G. E. A. P. A. Batista, A. L. C. Bazzan, M. C. Monard, "Balancing training data for
       automated annotation of keywords: a case study", WOB 2003, 10-18.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sampkit.combine import SMOTETomek
    >>> X, y = make_classification(200, weights=[0.9], random_state=0)
    >>> X_res, y_res = SMOTETomek(random_state=0).fit_resample(X, y)
    >>> bool(len(X_res) <= 2 * sum(y == 0))
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampling_strategy": STRATEGY,
        "smote": _SMOTE,
        "tomek": _CLEANER,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        smote: Any = None,
        tomek: Any = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.smote = smote
        self.tomek = tomek
        self.random_state = random_state

    def _fit_resample(
        self, table: Table, rng: np.random.Generator, seed_weights: Any = None
    ) -> Resampled:
        given = self.tomek
        self.tomek_ = TomekLinks(sampling_strategy="all") if given is None else clone(given)
        return self._clean(table, rng, "tomek", self.tomek_, seed_weights)
