"""Scikit-learn's faces: a transformer that privatises a table, an estimator of its frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from sampkit.privacy._client import LDPClient
from sampkit.privacy._pandas import collect
from sampkit.privacy._protocol import Array
from sampkit.privacy._reports import read_field
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._table_domain import column_levels, table_domain
from sampkit.privacy._validation import check_choice


class _CategoricalInput(BaseEstimator):
    """A table of categories at the door: names and number of features, the columns' domain."""

    categories: Any

    def _table(self, X: Any, *, reset: bool) -> Any:
        """A frame with the schema's attribute names, or a two-dimensional array."""
        if not hasattr(X, "columns"):
            if isinstance(X, Sequence):
                X = _as_objects(X)
            return validate_data(self, X, dtype=None, reset=reset)
        validate_data(self, X, skip_check_array=True, reset=reset)
        if not len(X) or not len(X.columns):
            check_array(np.empty(X.shape))  # its words for an empty table
        names = self._names() if reset else list(self.schema_.attribute_names)
        return X.set_axis(names, axis=1) if hasattr(X, "set_axis") else X

    def _names(self) -> list[str]:
        """Attribute names: the features' own, else x0, x1, ... ."""
        given = getattr(self, "feature_names_in_", None)
        return [f"x{j}" for j in range(self.n_features_in_)] if given is None else list(given)

    def _domain(self, table: Any) -> dict[str, Any]:
        names = self._names()
        column = table.__getitem__ if hasattr(table, "columns") else _columns_of(table, names)
        domain = table_domain(
            names, lambda name: column_levels(name, column(name)), self.categories
        )
        if len(domain) != len(names):
            missing = next(name for name in names if name not in domain)
            raise ValueError(f"categories must name every column of X, got none for {missing!r}.")
        if self.categories is None and len(table) == 1:
            raise ValueError("a domain of two categories or more cannot be learned: n_samples=1.")
        return {name: domain[name] for name in names}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


class LDPTransformer(OneToOneFeatureMixin, TransformerMixin, _CategoricalInput):
    """Replace every row of a table of categories by a randomised one.

    Every row is what its owner would have sent, told in categories again; a model trained on such
    rows learns from private data only. Randomised categories are biased towards uniform ones:
    frequencies are for `FrequencyEstimator` or `LDPAggregator` to estimate.

    Parameters
    ----------
    epsilon : float, default=1.0
        The budget of a row, > 0.
    solution : {'spl', 'rsfd'}, default='spl'
        'spl' splits the budget over all columns; 'rsfd' keeps one random column, randomised, and
        fills the others with fake data.
    protocol : {'grr'}, default='grr'
        The one whose reports are categories.
    categories : dict or list, default=None
        Categories by column name, or one entry for every column, as in the domain of `LDPSchema`.
        None learns them from the data, with a warning.
    privacy_unit : {'tuple', 'attribute'}, default='tuple'
        What the budget protects: a whole row, or one column of it.
    random_state : None, int, Generator or RandomState, default=None
        None is the operating system's entropy, the only choice that protects anybody; the others
        are for tests.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of every column.
    schema_ : LDPSchema
        The agreement that rows are randomised under.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Their names, where X has names that are all strings.

    Raises
    ------
    ValueError
        Another solution or protocol, missing values, or a category at `transform` that the domain
        does not hold.

    Warns
    -----
    PrivacyWarning
        ``categories=None``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sampkit.privacy import LDPTransformer
    >>> X = pd.DataFrame({"browser": ["ff", "chrome", "ff"], "age": ["<18", ">=18", ">=18"]})
    >>> domain = {"browser": ["ff", "chrome", "safari"], "age": ["<18", ">=18"]}
    >>> private = LDPTransformer(epsilon=2.0, categories=domain, random_state=0).fit_transform(X)
    >>> private.shape, list(private.columns)
    ((3, 2), ['browser', 'age'])
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        solution: str = "spl",
        protocol: str = "grr",
        categories: Any = None,
        privacy_unit: str = "tuple",
        random_state: Any = None,
    ):
        self.epsilon = epsilon
        self.solution = solution
        self.protocol = protocol
        self.categories = categories
        self.privacy_unit = privacy_unit
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> LDPTransformer:
        """Fix the domain.

        Parameters
        ----------
        X : data frame or array-like of shape (n, d)
            Rows of categories; looked at only for its columns where `categories` are given.
        y : None
            Ignored.

        Returns
        -------
        LDPTransformer
            Itself.
        """
        check_choice("solution", self.solution, ("spl", "rsfd"))
        check_choice("protocol", self.protocol, ("grr",))
        domain = self._domain(self._table(X, reset=True))
        if self.solution == "rsfd" and len(domain) < 2:
            raise ValueError("solution 'rsfd' hides a column among others, got n_features=1.")
        self.schema_ = LDPSchema(
            domain,
            self.epsilon,
            solution=self.solution,
            protocol=self.protocol,
            privacy_unit=self.privacy_unit,
        )
        self.categories_ = _arrays(self.schema_)
        return self

    def transform(self, X: Any) -> Any:
        """Randomise rows.

        Parameters
        ----------
        X : data frame or array-like of shape (n, d)
            Categories of the domain seen at fit.

        Returns
        -------
        data frame or ndarray of shape (n, d)
            As X: container, names and, where they can hold all categories, dtypes.
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        reports = LDPClient(self.schema_, random_state=self.random_state).privatize_many(table)
        fields = zip(self.schema_.attributes, self.schema_.layout.offsets, strict=True)
        codes = [
            read_field(reports, offset, attribute.oracle).astype(np.intp)
            for attribute, offset in fields
        ]
        return _like(X if hasattr(X, "columns") else table, self.categories_, codes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags


class FrequencyEstimator(_CategoricalInput):
    """Estimate the frequencies of all categories of all columns from privatised rows.

    Parameters
    ----------
    epsilon : float, default=1.0
        The budget of a row, > 0.
    solution : {'auto', 'rsfd', 'spl', 'smp'}, default='auto'
        As in `LDPSchema`; 'auto' has the smallest predicted error at the exact guarantee.
    protocol : str, default='adaptive'
        As in `LDPSchema`.
    categories : dict or list, default=None
        Categories by column name, or one entry for every column, as in the domain of `LDPSchema`.
        None learns them from the data, with a warning.
    privacy_unit : {'tuple', 'attribute'}, default='tuple'
        What the budget protects: a whole row, or one column of it.
    postprocess : {'none', 'clip', 'normalize', 'simplex', 'mle'}, default='none'
        As in `LDPAggregator.estimate`.
    confidence_level : float, default=0.95
        Of the intervals, in (0, 1).
    random_state : None, int, Generator or RandomState, default=None
        None is the operating system's entropy, the others are for simulation.

    Attributes
    ----------
    frequencies_ : list of d ndarrays of shape (k_j,)
        Estimates, in the order of ``schema_``'s categories.
    table_ : DataFrame
        Index (attribute, category); columns estimate, std_error, ci_low, ci_high.
    schema_ : LDPSchema
        The agreement, with the solution that was chosen.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Their names, where X has names that are all strings.

    Warns
    -----
    PrivacyWarning
        ``categories=None``.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.privacy import FrequencyEstimator
    >>> X = np.repeat([["no"], ["yes"]], [7000, 3000], axis=0)
    >>> estimator = FrequencyEstimator(categories=[["no", "yes"]], random_state=0).fit(X)
    >>> low, high = estimator.table_.loc[("x0", "yes"), ["ci_low", "ci_high"]]
    >>> bool(low < 0.3 < high)
    True
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        solution: str = "auto",
        protocol: str = "adaptive",
        categories: Any = None,
        privacy_unit: str = "tuple",
        postprocess: str = "none",
        confidence_level: float = 0.95,
        random_state: Any = None,
    ):
        self.epsilon = epsilon
        self.solution = solution
        self.protocol = protocol
        self.categories = categories
        self.privacy_unit = privacy_unit
        self.postprocess = postprocess
        self.confidence_level = confidence_level
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> FrequencyEstimator:
        """Randomise every row, sum the reports, estimate.

        Parameters
        ----------
        X : data frame or array-like of shape (n, d)
            Rows of categories.
        y : None
            Ignored.

        Returns
        -------
        FrequencyEstimator
            Itself.
        """
        table = self._table(X, reset=True)
        domain = self._domain(table)
        if self.solution == "rsfd" and len(domain) < 2:
            raise ValueError("solution 'rsfd' hides a column among others, got n_features=1.")
        self.schema_ = LDPSchema(
            domain,
            self.epsilon,
            solution=self.solution,
            protocol=self.protocol,
            privacy_unit=self.privacy_unit,
        )
        self.table_ = collect(self.schema_, table, self.random_state).estimate(
            postprocess=self.postprocess, confidence_level=self.confidence_level
        )
        ends = np.cumsum(self.schema_.domain_sizes)[:-1]
        self.frequencies_ = np.split(self.table_["estimate"].to_numpy(copy=True), ends)
        return self


# --- containers ---------------------------------------------------------------------------------


def _as_objects(rows: Sequence[Any]) -> Any:
    """A list of rows without NumPy's habit of turning numbers beside strings into strings."""
    plain = np.asarray(rows)
    return np.array(rows, dtype=object) if plain.dtype.kind in "US" else plain


def _columns_of(table: Array, names: list[str]) -> Any:
    return lambda name: table[:, names.index(name)]


def _arrays(schema: LDPSchema) -> list[Array]:
    """Categories as arrays of their own type; of objects where types are mixed."""
    return [
        np.array(a.categories, dtype=None if len(set(map(type, a.categories))) == 1 else object)
        for a in schema.attributes
    ]


def _like(X: Any, categories: list[Array], codes: list[Array]) -> Any:
    """Columns of categories in the container of X, and its dtypes where these can hold them."""
    if hasattr(X, "iloc"):
        series = {
            j: _in_pandas(dtype, categories[j]).take(codes[j]) for j, dtype in enumerate(X.dtypes)
        }
        return pd.DataFrame(series, index=X.index).set_axis(X.columns, axis=1)
    if hasattr(X, "columns"):
        import narwhals.stable.v2 as nw

        frame = nw.from_native(X, eager_only=True)
        return frame.with_columns(
            nw.new_series(name, labels.tolist(), dtype, backend=frame.implementation)[code.tolist()]
            for (name, dtype), labels, code in zip(
                frame.schema.items(), categories, codes, strict=True
            )
        ).to_native()
    kept = [_in_numpy(X.dtype, labels) for labels in categories]
    columns = [labels[code] for labels, code in zip(kept, codes, strict=True)]
    return np.stack(columns, axis=1).astype(np.result_type(*kept), copy=False)


def _in_numpy(dtype: Any, labels: Array) -> Array:
    cast = labels.astype(dtype)
    return cast if (cast == labels).all() else labels


def _in_pandas(dtype: Any, labels: Array) -> Any:
    cast = pd.array(labels, dtype=dtype)
    return cast if cast.tolist() == labels.tolist() else pd.array(labels)
