"""Greedy maximum entropy for tables, as a scikit-learn sampler."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sampkit._compat import CallbackSupportMixin, with_callbacks
from sampkit._library import root_module
from sampkit._table import Resampled, Table
from sampkit.base import BaseSampler
from sampkit.diversity._entropy import SELECTORS, Floats
from sampkit.diversity._progress import Picks, collect
from sampkit.diversity._rank import ENGINES, enter, paths, ranked
from sampkit.diversity._relations import MISSING, Relations
from sampkit.diversity._stop import check_tolerance, suggested_size
from sampkit.diversity._summary import summary_of


class GreedyMaximumEntropySampler(CallbackSupportMixin, BaseSampler):
    """Rank the items of a table so that every prefix shows all categories in balance.

    An item is what somebody looks at (a document, an image, a patient), and a table has a row for
    every category that it shows, or for every relation between categories. The next item is the one
    with which the entropies of all variables come closest to their maxima.

    Parameters
    ----------
    n_select : int >= 0 or None, default=None
        How many items to pick; None: rank all of them.
    item : str, default=None
        The column of a data frame that holds the item of every row. None: `groups` of `fit`, or
        every row is an item.
    on : str or list, default=None
        The variables: names of columns of a data frame, numbers of columns of an array. None: all
        columns but `item`.
    selector : {"dutopia", "sum"}, default="dutopia"
        The smallest Euclidean distance of the entropies to their maxima, or the largest sum of
        entropies.
    binarize : bool, default=False
        Count a category once in an item, however many rows show it.
    missing : {"ignore", "category", "error"}, default="ignore"
        A missing value adds no count, is one more category of its column (as in the reference
        implementation), or is an error. An empty text is a value.
    order : float >= 0, default=1.0
        Order of the Renyi entropy; 1 is Shannon's.
    weights : array-like of shape (n_variables,), default=None
        Weights >= 0 of the variables; None: all 1.
    normalize : bool, default=False
        Divide the entropies by their maxima (Pielou's evenness).
    decimals : int >= 0 or None, default=None
        Round entropies before they are compared; 5 is what the reference implementation does.
    candidates : int >= 1 or None, default=None
        Look at so many random items in every step only.
    engine : {"auto", "numpy", "numba"}, default="auto"
        How the best item is found, never which: see :func:`greedy_max_entropy`.
    random_state : None, int, SeedSequence, Generator or RandomState, default=None
        Draws the `candidates`.

    Attributes
    ----------
    ranking_ : ndarray of int64 of shape (k,)
        Positions in `items_`, in the order of the picks.
    items_ : ndarray of shape (n_items,)
        Labels of the items, sorted; row numbers where every row is an item.
    sample_indices_ : ndarray of int of shape (n_out,)
        Rows of X that belong to the items picked, ascending.
    entropy_path_ : ndarray of float64 of shape (k, n_variables)
        Entropies after every pick, in nats.
    distance_path_ : ndarray of float64 of shape (k,)
        Distance to utopia after every pick.
    variables_ : list
        Names of the variables, in the order of the columns of `entropy_path_`.
    n_categories_ : ndarray of int64 of shape (n_variables,)
        Categories of every variable.
    max_entropy_ : ndarray of float64 of shape (n_variables,)
        Their logarithms: utopia.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X had names that are all strings.

    See Also
    --------
    greedy_max_entropy : For counts instead of tables; initial items, quotas and costs.
    greedy_max_entropy_sharded : For items that lie in several places.

    Notes
    -----
    A sparse X is a matrix of counts of one variable. Callbacks (``set_callbacks``) hear of every
    pick. When a fit is interrupted or a callback asks it to stop, the attributes hold the ranking
    so far.

    References
    ----------
    .. [1] M. Delmas, M. Wysocka, A. Freitas, "Relation extraction in underexplored biomedical
       domains: a diversity-optimised sampling and synthetic data generation approach",
       arXiv:2311.06364, 2023.

    Examples
    --------
    >>> import pandas as pd
    >>> from sampkit.diversity import GreedyMaximumEntropySampler
    >>> papers = pd.DataFrame(
    ...     {
    ...         "doi": ["a", "a", "b", "b", "c", "c", "d"],
    ...         "plant": ["fern", "fern", "fern", "moss", "oak", "pine", "moss"],
    ...         "compound": ["x", "y", "x", "x", "z", "w", "x"],
    ...     }
    ... )
    >>> sampler = GreedyMaximumEntropySampler(n_select=2, item="doi")
    >>> few, _ = sampler.fit_resample(papers)
    >>> few["doi"].tolist()
    ['a', 'a', 'c', 'c']
    >>> sampler.sample(papers).round(2)
      doi  plant  compound
    0   c   0.69      0.69
    1   a   1.04      1.39
    """

    _sampling_type: ClassVar[str] = "bypass"
    _selects: ClassVar[bool] = True
    _any_cells: ClassVar[bool] = True
    _any_target: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_select": [Interval(Integral, 0, None, closed="left"), None],
        "item": "no_validation",  # names of columns are checked beside the columns
        "on": "no_validation",
        "selector": [StrOptions(set(SELECTORS))],
        "binarize": ["boolean"],
        "missing": [StrOptions(set(MISSING))],
        "order": [Interval(Real, 0, None, closed="left")],
        "weights": ["array-like", None],
        "normalize": ["boolean"],
        "decimals": [Interval(Integral, 0, None, closed="left"), None],
        "candidates": [Interval(Integral, 1, None, closed="left"), None],
        "engine": [StrOptions(set(ENGINES))],
        "random_state": ["random_state", np.random.Generator, np.random.SeedSequence],
    }

    def __init__(
        self,
        n_select: int | None = None,
        *,
        item: Any = None,
        on: Any = None,
        selector: str = "dutopia",
        binarize: bool = False,
        missing: str = "ignore",
        order: float = 1.0,
        weights: Any = None,
        normalize: bool = False,
        decimals: int | None = None,
        candidates: int | None = None,
        engine: str = "auto",
        random_state: Any = None,
    ):
        self.n_select = n_select
        self.item = item
        self.on = on
        self.selector = selector
        self.binarize = binarize
        self.missing = missing
        self.order = order
        self.weights = weights
        self.normalize = normalize
        self.decimals = decimals
        self.candidates = candidates
        self.engine = engine
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> GreedyMaximumEntropySampler:
        """Rank the items of a table.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Categories, of any type; a sparse matrix holds counts.
        y : array-like of shape (n_samples,), default=None
            Not looked at.
        groups : array-like of shape (n_samples,), default=None
            The item of every row.

        Returns
        -------
        self : object

        Raises
        ------
        KeyError
            X has no such column.
        ValueError
            Missing item labels, or parameters and data that do not fit together.
        TypeError
            X is a Dask collection.
        """
        self._resampled(self._enter(X, y), groups=groups)
        return self

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X: Any, y: Any = None, *, groups: Any = None) -> tuple[Any, Any]:
        """Rank the items of a table, and keep the rows of those picked.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Categories, of any type; a sparse matrix holds counts. Never modified.
        y : array-like of shape (n_samples,), default=None
            Anything that is to be cut to the same rows.
        groups : array-like of shape (n_samples,), default=None
            The item of every row.

        Returns
        -------
        X_resampled : same type as X, of shape (n_out, n_features)
            The rows of the items picked, in their order in X and with their labels of the index.
        y_resampled : same type as y, of shape (n_out,)
            Their entries of y, or None.

        Raises
        ------
        KeyError
            X has no such column.
        ValueError
            Missing item labels, or parameters and data that do not fit together.
        TypeError
            X is a Dask collection.
        """
        table = self._enter(X, y)
        return self._leave(table, self._resampled(table, groups=groups))

    def sample(self, X: Any, y: Any = None, *, groups: Any = None) -> Any:
        """Rank the items of a table, and return them with the entropies that they lead to.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Categories, of any type; a sparse matrix holds counts.
        y : array-like of shape (n_samples,), default=None
            Not looked at.
        groups : array-like of shape (n_samples,), default=None
            The item of every row.

        Returns
        -------
        DataFrame of shape (k, 1 + n_variables)
            In the order of the picks: the item's label, and the entropy of every variable after
            the pick under the variable's name.
        """
        import pandas as pd

        self.fit(X, y, groups=groups)
        name = "item" if self.item is None else self.item
        columns = pd.DataFrame(self.entropy_path_, columns=pd.Index(self.variables_))
        columns.insert(0, name, self.items_[self.ranking_], allow_duplicates=True)
        return columns

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any = None, *, groups: Any = None
    ) -> GreedyMaximumEntropySampler:
        """Rank the items kept so far together with those of a further table, and keep the best.

        Memory holds the items kept and the categories met, whatever the number of tables. The
        outcome depends on the order of the tables: an item once dropped does not come back.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The next rows; an item that was kept and recurs gets the counts of both.
        y : array-like of shape (n_samples,), default=None
            Not looked at.
        groups : array-like of shape (n_samples,), default=None
            The item of every row. Where every row is an item, items are numbered through.

        Returns
        -------
        self : object
            `items_` are the items that were ranked in this call, `n_categories_` counts the
            categories of all tables; there is no `sample_indices_`.
        """
        kept = getattr(self, "_kept", None)
        if kept is not None:
            validate_data(self, X=X, reset=False, skip_check_array=True)
        table = self._enter(X, y)
        relations = self._relations(table, groups)
        if self.item is None and groups is None:
            first = getattr(self, "_n_rows_met", 0)
            relations = replace(relations, items=relations.items + first)
            self._n_rows_met = first + table.n_rows
        if kept is not None:
            relations = kept.joined(relations)
        self._columns_met, met = relations.met(getattr(self, "_columns_met", None))
        self._rank(relations, n_categories=met, joint=True)
        self._kept = relations.kept(self.ranking_)
        return self

    def suggest_size(self, method: str = "max", patience: int = 50, tol: float = 1e-4) -> int:
        """Where diversity stops growing.

        Parameters
        ----------
        method : {"max", "knee", "patience"}, default="max"
            The size of the smallest distance to utopia (or the largest sum of entropies, by
            `selector`); the knee of the path up to there, the farthest point from its chord; or the
            first size from which on `patience` picks bring less than `tol`.
        patience : int >= 1, default=50
            Picks without progress.
        tol : float >= 0, default=1e-4
            The least progress, relative to the distance of utopia from 0.

        Returns
        -------
        int
            A number of picks, at most the length of the ranking; 0 where nothing was picked.
        """
        check_is_fitted(self, "ranking_")
        threshold = check_tolerance(tol) * float(np.linalg.norm(self.max_entropy_))
        return suggested_size(
            self._scores_to_minimise(), method, patience=patience, threshold=threshold
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the path of entropies, with :class:`EntropyPathDisplay`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.
        """
        from sampkit.diversity._display import EntropyPathDisplay

        return EntropyPathDisplay.from_estimator(self, ax=ax).ax_

    def summary(self) -> Any:
        """What the items picked show of every variable.

        Returns
        -------
        DataFrame of shape (n_variables, 10)
            Categories that exist and that are covered; entropy of the selection, of all items and
            the maximum; evenness; effective number of categories exp(H); the entropy with Miller
            and Madow's correction; and the share of a population, of which the selection were a
            random sample, that its categories make up (Good, Turing; Chao and Jost). All of order
            1, whatever `order`.
        """
        check_is_fitted(self, "ranking_")
        pooled, everything = self._pooled
        return summary_of(self.variables_, pooled, everything, self.max_entropy_)

    # --- inside -----------------------------------------------------------------------------------

    def _enter(self, X: Any, y: Any, **metadata: Any) -> Table:
        if root_module(X) == "dask":
            raise TypeError(
                f"X must be in memory, got a Dask collection ({type(X).__name__}): compute it, or "
                "use greedy_max_entropy_sharded with the counts of every partition."
            )
        return super()._enter(X, y)

    def _relations(self, table: Table, groups: Any) -> Relations:
        return Relations.of(
            table.container,
            item=self.item,
            on=self.on,
            groups=groups,
            missing=self.missing,
            binarize=self.binarize,
        )

    def _resampled(self, table: Table, **metadata: Any) -> Resampled:
        self._rank(self._relations(table, metadata.get("groups")))
        return Resampled(self.sample_indices_)

    def _rank(
        self, relations: Relations, n_categories: list[int] | None = None, joint: bool = False
    ) -> None:
        """Pick after pick; what has been picked is there also when the work is interrupted."""
        problem, n_select = enter(
            list(relations.matrices),
            self.n_select,
            selector=self.selector,
            order=self.order,
            weights=self.weights,
            normalize=self.normalize,
            decimals=self.decimals,
            n_categories=n_categories,
            candidates=self.candidates,
            engine=self.engine,
            random_state=self.random_state,
        )
        self._objective = problem.objective
        self.items_, self.variables_ = relations.items, list(relations.names)
        self.max_entropy_ = problem.objective.utopia
        self.n_categories_ = np.asarray(
            problem.counts.reach.present if n_categories is None else n_categories, dtype=np.int64
        )
        found: Picks = []
        try:
            picks = ranked(problem, n_select, self.engine)
            collect(self, picks, n_select, found, lambda: self._so_far(found))
        finally:
            self.ranking_, self.entropy_path_, self.distance_path_ = paths(problem.objective, found)
            everyone = np.arange(problem.counts.n_items)
            self._pooled = tuple(problem.counts.given(items) for items in (self.ranking_, everyone))
            if joint:
                self.__dict__.pop("sample_indices_", None)
            else:
                self.sample_indices_ = relations.rows_of(self.ranking_)

    def _so_far(self, found: Picks) -> dict[str, Any]:
        """The attributes that a ranking interrupted now would leave."""
        ranking, entropies, distance = paths(self._objective, found)
        return {
            "ranking_": ranking,
            "entropy_path_": entropies,
            "distance_path_": distance,
            "items_": self.items_,
            "variables_": self.variables_,
            "max_entropy_": self.max_entropy_,
            "n_categories_": self.n_categories_,
            "_objective": self._objective,
        }

    def _scores_to_minimise(self) -> Floats:
        """The selector's own view of the path: distances, or minus the sums of entropies."""
        return self._objective.scores(self.entropy_path_)
