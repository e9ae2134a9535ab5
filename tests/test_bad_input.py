"""Bad calls: each is refused with the stated exception, which names what was wrong and its value.

One line a call. The runner checks besides that a message of our own has fewer than 400 characters
and that what was passed in is afterwards what it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestNeighbors
from sklearn.tree import DecisionTreeClassifier

from sampkit.base import check_generator, sampling_targets
from sampkit.combine import SMOTEENN, SMOTETomek, SMOTEUnder
from sampkit.compose import ResampledClassifier, ResampledRegressor, sampling_roc
from sampkit.metrics import (
    SamplingROCDisplay,
    optimal_operating_point,
    roc_auc_points,
    roc_convex_hull,
)
from sampkit.neighbors import knn
from sampkit.over_sampling import (
    ADASYN,
    SMOTE,
    SMOTEN,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
    ResamplingDisplay,
    allocate_seeds,
    interpolate,
    nominal_vote,
    over_percent,
    vdm_tables,
)
from sampkit.testing._same import difference, snapshot
from sampkit.under_sampling import (
    EditedNearestNeighbours,
    RandomUnderSampler,
    TomekLinks,
    under_percent,
)

RNG = np.random.default_rng(0)
N = 30
X = RNG.normal(size=(N, 3))
Y = np.repeat([0, 1], [20, 10])
Y3 = np.repeat([0, 1, 2], [15, 8, 7])
NAN = np.where(np.arange(N * 3).reshape(N, 3) == 40, np.nan, X)
INF = np.where(np.isnan(NAN), np.inf, NAN)
TEXT = np.array([["a", "b"]] * N, dtype=object)
MIXED = pd.DataFrame({"size": X[:, 0], "colour": ["red", "blue", "green"] * 10})
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
FPR, TPR = [0.1, 0.2, 0.3], [0.5, 0.6, 0.9]
LONG = "x" * 1000
TABLES = (np.ndarray, list, dict, pd.DataFrame, pd.Series)


@dataclass(frozen=True)
class Bad:
    """A call and what must come of it."""

    call: Callable[..., Any]
    args: tuple[Any, ...]
    message: str
    error: type[Exception] = ValueError
    options: dict[str, Any] = field(default_factory=dict)
    theirs: bool = False  # the text is scikit-learn's own, or holds one of its own


def resample(sampler: Any, message: str, X: Any = X, y: Any = Y, **options: Any) -> Bad:
    keys = ("error", "theirs")
    told = {key: options.pop(key) for key in keys if key in options}
    return Bad(sampler.fit_resample, (X, y), message, options=options, **told)


def parameter(sampler: Any, name: str, message: str, X: Any = X) -> Bad:
    """A constructor parameter of a wrong kind or range."""
    return resample(sampler, f"The '{name}' parameter of .* must be .*{message}", X, theirs=True)


TABLE = {
    # --- base
    "generator: word": Bad(check_generator, ("seed",), "random_state must be .* got 'seed'"),
    "generator: negative": Bad(check_generator, (-1,), "random_state must be .* got '-1'"),
    "generator: float": Bad(check_generator, (1.5,), "random_state must be .* got '1.5'"),
    "generator: long": Bad(check_generator, (LONG,), "random_state must be .* got 'xxx"),
    "targets: kind": Bad(
        sampling_targets, ("auto", Y, "more"), "kind must be one of .* got 'more'"
    ),
    "targets: word": Bad(
        sampling_targets,
        ("most", Y, "over-sampling"),
        "'sampling_strategy' is a string, .* Got 'most'",
    ),
    "targets: majority": Bad(
        sampling_targets,
        ("majority", Y, "over-sampling"),
        "'majority' cannot be used with over-sampler",
    ),
    "targets: minority": Bad(
        sampling_targets,
        ("minority", Y, "under-sampling"),
        "'minority' cannot be used with under-sampler",
    ),
    "targets: unknown class": Bad(
        sampling_targets, ({7: 30}, Y, "over-sampling"), "target class 7 is/are not present"
    ),
    "targets: too few": Bad(
        sampling_targets, ({1: 5}, Y, "over-sampling"), "there is 10 samples and 5 .* class 1"
    ),
    "targets: too many": Bad(
        sampling_targets, ({1: 11}, Y, "under-sampling"), "there is 10 samples and 11 .* class 1"
    ),
    "targets: negative": Bad(
        sampling_targets, ({1: -2}, Y, "under-sampling"), "cannot be negative.*-2 for class 1"
    ),
    "targets: half a row": Bad(
        sampling_targets,
        ({1: 11.5}, Y, "over-sampling"),
        "must be an integer, got 11.5 for class 1",
    ),
    "targets: ratio of 3": Bad(
        sampling_targets, (0.5, Y3, "over-sampling"), "float only .* binary, got 0.5 with 3 classes"
    ),
    "targets: ratio of 0": Bad(
        sampling_targets, (0.0, Y, "over-sampling"), r"range \(0, 1\], got 0.0"
    ),
    "targets: ratio above 1": Bad(
        sampling_targets, (1.5, Y, "under-sampling"), r"range \(0, 1\], got 1.5"
    ),
    "targets: ratio too small": Bad(
        sampling_targets, (0.3, Y, "over-sampling"), "required to remove samples .*0.3 asks for 6"
    ),
    "targets: ratio too small to remove": Bad(
        sampling_targets, (0.3, Y, "under-sampling"), "generate new sample .*0.3 asks for 33"
    ),
    "targets: list": Bad(
        sampling_targets, ([1], Y, "over-sampling"), r"cannot be a list .* got \[1\]"
    ),
    "targets: dict for cleaning": Bad(
        sampling_targets, ({1: 2}, Y, "clean-sampling"), "dict for cleaning methods"
    ),
    "targets: ratio for cleaning": Bad(
        sampling_targets, (0.5, Y, "clean-sampling"), "sampling ratio, got sampling_strategy=0.5"
    ),
    "targets: callable": Bad(
        sampling_targets, (len, Y, "over-sampling"), "must return a dict .* got 30"
    ),
    "targets: nothing": Bad(
        sampling_targets, (None, Y, "over-sampling"), "sampling_strategy must be .* got None"
    ),
    "targets: one class": Bad(
        sampling_targets, ("auto", np.zeros(5), "over-sampling"), "more than 1 class. Got 1 class"
    ),
    "propagate: before": Bad(
        SMOTE().propagate, (Y,), "SMOTE instance is not fitted yet", NotFittedError, theirs=True
    ),
    "propagate: length": Bad(
        lambda w: fitted().propagate(w), (X[:7, 0],), "each of the 30 rows .* got 7"
    ),
    "propagate: how": Bad(
        lambda w: fitted().propagate(w, how="copy"), (Y,), "how must be 'interpolate' .* got 'copy'"
    ),
    "propagate: one value": Bad(
        lambda w: fitted().propagate(w), (5.0,), "values must have one entry per row, got 5.0"
    ),
    # --- X
    "X: times": resample(
        SMOTE(), "X must hold numbers, got dtype datetime64", np.full((N, 2), np.datetime64("2026"))
    ),
    "X: NaN": resample(SMOTE(), "Input X contains NaN", NAN, theirs=True),
    "X: infinity": resample(ADASYN(), "Input X contains infinity", INF, theirs=True),
    "X: sparse NaN": resample(SMOTE(), "Input X contains NaN", sp.csr_array(NAN), theirs=True),
    "X: sparse frame with NaN": resample(
        SMOTE(), "Input X contains NaN", pd.DataFrame(NAN).astype(pd.SparseDtype(float, 0.0))
    ),
    "X: strings": resample(SMOTE(), "could not convert string to float: 'a'", TEXT, theirs=True),
    "X: column of words": resample(
        SMOTE(), r"Column 'colour' of X has dtype .* SMOTENC\(categorical_features", MIXED
    ),
    "X: column of a long name": resample(
        TomekLinks(), "Column 'xxx", MIXED.rename(columns={"colour": LONG})
    ),
    "X: complex": resample(SMOTE(), "Complex data not supported", X + 1j, theirs=True),
    "X: one dimension": resample(SMOTE(), "Expected 2D array, got 1D", X[:, 0], theirs=True),
    "X: three dimensions": resample(SMOTE(), "Found array with dim 3", X[None], theirs=True),
    "X: Series": resample(SMOTE(), "Expected 2D array.*Series of 30", FRAME["a"]),
    "X: no rows": resample(RandomUnderSampler(), "0 sample.*shape=", X[:0], Y[:0], theirs=True),
    "X: no columns": resample(RandomUnderSampler(), "0 feature.*shape=", X[:, :0], theirs=True),
    "X: empty frame": resample(SMOTE(), "0 sample.*shape=", FRAME[:0], Y[:0]),
    "X: frame without columns": resample(SMOTE(), "0 feature.*shape=", FRAME[[]]),
    "X: ragged": resample(SMOTE(), "inhomogeneous", [[1.0, 2.0], [3.0]], [0, 1], theirs=True),
    "X: mixed names": resample(
        SMOTE(),
        "string names",
        FRAME.set_axis(["a", 1, "c"], axis=1),
        error=TypeError,
        theirs=True,
    ),
    "X: length": resample(SMOTENC([0]), "inconsistent numbers .*X has 29 rows, y has 30", X[:-1]),
    "X: length of a list": resample(
        RandomOverSampler(), "X has 30 rows, y has 2", X.tolist(), [0, 1]
    ),
    # --- y
    "y: None": resample(SMOTE(), "requires y to be passed, but the target y is None", y=None),
    "y: continuous": resample(SMOTE(), "Unknown label type", y=X[:, 0], theirs=True),
    "y: complex": resample(SMOTE(), "Complex data not supported: y has dtype complex128", y=Y + 1j),
    "y: NaN": resample(SMOTE(), "Input y contains NaN", y=np.where(Y, np.nan, 0.0), theirs=True),
    "y: None among words": resample(SMOTE(), "y contains NaN", y=[None] * 10 + ["a", "b"] * 10),
    "y: NA in an array": resample(
        SMOTE(), "y contains NaN", y=np.array([pd.NA] + ["a"] * 14 + ["b"] * 15, dtype=object)
    ),
    "y: words and numbers": resample(
        SMOTE(),
        r"y must hold labels of one type, got \['int', 'str'\]",
        y=np.array(["a"] * 15 + [1] * 15, dtype=object),
        error=TypeError,
    ),
    "y: NA": resample(
        SMOTE(), "y contains NaN", y=pd.Series([None] * 10 + [0, 1] * 10, dtype="Int64")
    ),
    "y: two labels a row": resample(
        SMOTE(), "Multilabel.* Row 0 of y", y=np.ones((N, 2), dtype=int)
    ),
    "y: two outputs": resample(SMOTE(), r"multioutput.*\(30, 2\)", y=np.column_stack([Y, Y3])),
    "y: three dimensions": resample(SMOTE(), "dim 3", y=Y[:, None, None], theirs=True),
    "y: one class": resample(SMOTE(), "more than 1 class. Got 1 class", y=np.zeros(N, dtype=int)),
    "y: one class for SMOTEUnder": resample(
        SMOTEUnder(), "more than 1 class. Got 1 class", y=np.zeros(N, dtype=int)
    ),
    # --- parameters
    "SMOTE: k_neighbors=0": parameter(SMOTE(k_neighbors=0), "k_neighbors", "Got 0"),
    "SMOTE: k_neighbors=1.5": parameter(SMOTE(k_neighbors=1.5), "k_neighbors", "Got 1.5"),
    "SMOTE: k_neighbors=many": parameter(SMOTE(k_neighbors="many"), "k_neighbors", "Got 'many'"),
    "SMOTE: gap": parameter(SMOTE(gap="row"), "gap", "Got 'row'"),
    "SMOTE: allocation": parameter(SMOTE(allocation="even"), "allocation", "Got 'even'"),
    "SMOTE: random_state": parameter(SMOTE(random_state="x"), "random_state", "Got 'x'"),
    "SMOTE: strategy": parameter(SMOTE(sampling_strategy=2.0), "sampling_strategy", "Got 2.0"),
    "SMOTE: too few rows": resample(
        SMOTE(k_neighbors=10), "n_neighbors = 11, n_samples_fit = 10: class 1 has 10 rows"
    ),
    "SMOTE: one row": resample(
        SMOTE(k_neighbors="auto"),
        "k_neighbors='auto' needs at least 2 rows .*class 1 has 1",
        y=[0] * 29 + [1],
    ),
    "SMOTE: searcher": resample(
        SMOTE(k_neighbors=NearestNeighbors(n_neighbors=1)), "k_neighbors|k = 0|n_neighbors=1"
    ),
    "SMOTE: constraint on no column": resample(
        SMOTE(constraints={"d": "integer"}), "constraints: there is no column 'd'", FRAME
    ),
    "SMOTE: constraint on column 3": resample(
        SMOTE(constraints={3: "integer"}), "constraints: column 3 does not exist"
    ),
    "SMOTE: constraint of no kind": resample(
        SMOTE(constraints={0: "positive"}), r"constraints\[0\] must be .* got 'positive'"
    ),
    "SMOTE: constraint with no value": resample(
        SMOTE(constraints={0: (2, 1)}), r"constraints\[0\] leaves no value: low=2.0, high=1.0"
    ),
    "SMOTE: constraint with no whole number": resample(
        SMOTE(constraints={0: ["integer", (0.2, 0.8)]}), r"constraints\[0\] leaves no whole number"
    ),
    "SMOTE: constraint with a long value": resample(
        SMOTE(constraints={0: LONG}), r"constraints\[0\] must be"
    ),
    "SMOTE: seed_weights length": resample(
        SMOTE(),
        r"seed_weights must have .* 30 rows, got shape \(3,\)",
        seed_weights=[1.0, 2.0, 3.0],
    ),
    "SMOTE: seed_weights negative": resample(
        SMOTE(), "seed_weights must be finite and >= 0, got -1.0", seed_weights=-np.ones(N)
    ),
    "SMOTE: seed_weights NaN": resample(
        SMOTE(),
        "seed_weights must be finite.*1 not finite",
        seed_weights=np.append(np.ones(29), np.nan),
    ),
    "SMOTE: seed_weights zero": resample(
        SMOTE(), "seed_weights must be positive .* class 1", seed_weights=1.0 - Y
    ),
    "SMOTE: seed_weights words": resample(
        SMOTE(), "seed_weights must be numbers, got .*'a'", seed_weights=["a"] * N
    ),
    "iter_synthetic: batch": Bad(
        SMOTE().iter_synthetic, (X, Y), "batch must be an integer >= 1, got 0", options={"batch": 0}
    ),
    "SMOTENC: nothing nominal": resample(SMOTENC([]), "not designed to work only with numerical"),
    "SMOTENC: all nominal": resample(
        SMOTENC([0, 1, 2]), "not designed to work only with categorical"
    ),
    "SMOTENC: one column": resample(SMOTENC([0]), "n_features=1", X[:, :1]),
    "SMOTENC: column 3": resample(SMOTENC([3]), r"all features must be in \[0, 3\), got 3"),
    "SMOTENC: column -1": resample(SMOTENC([-1]), r"must be in \[0, 3\), got -1"),
    "SMOTENC: no such name": resample(
        SMOTENC(["shape"]), "categorical_features: there is no column 'shape'", MIXED
    ),
    "SMOTENC: a long name": resample(SMOTENC([LONG]), "there is no column 'xxx", MIXED),
    "SMOTENC: short mask": resample(
        SMOTENC([True, False]), "categorical_features as a mask .* 3 columns, got 2"
    ),
    "SMOTENC: auto on an array": resample(SMOTENC("auto"), "categorical_features='auto'"),
    "SMOTENC: a word": parameter(SMOTENC("all"), "categorical_features", "Got 'all'"),
    "SMOTENC: a number": parameter(SMOTENC(3), "categorical_features", "Got 3"),
    "SMOTENC: NaN in numbers": resample(
        SMOTENC(["colour"]), "Input X contains NaN", MIXED.assign(size=NAN[:, 1]), theirs=True
    ),
    "SMOTENC: words in numbers": resample(
        SMOTENC(["size"]), "Column 'colour' of X has dtype", MIXED
    ),
    "SMOTEN: too few rows": resample(SMOTEN(k_neighbors=10), "class 1 has 10 rows", TEXT),
    "BorderlineSMOTE: kind": parameter(BorderlineSMOTE(kind="b-3"), "kind", "Got 'b-3'"),
    "BorderlineSMOTE: m_neighbors": parameter(
        BorderlineSMOTE(m_neighbors=0), "m_neighbors", "Got 0"
    ),
    "BorderlineSMOTE: table too small": resample(
        BorderlineSMOTE(m_neighbors=30), "the table has 30 rows, m_neighbors=30 needs 31"
    ),
    "SVMSMOTE: out_step": parameter(SVMSMOTE(out_step=2.0), "out_step", "Got 2.0"),
    "SVMSMOTE: no support": resample(
        SVMSMOTE(svm_estimator=DecisionTreeClassifier()),
        "`support_` fitted attribute.*DecisionTreeClassifier",
        error=RuntimeError,
    ),
    "SVMSMOTE: estimator": parameter(SVMSMOTE(svm_estimator=3), "svm_estimator", "Got 3"),
    "KMeansSMOTE: no cluster": resample(
        KMeansSMOTE(cluster_balance_threshold=2.0),
        "No clusters found .* class 1.*cluster_balance_threshold",
        error=RuntimeError,
    ),
    "KMeansSMOTE: threshold": parameter(
        KMeansSMOTE(cluster_balance_threshold=-1), "cluster_balance_threshold", "Got -1"
    ),
    "KMeansSMOTE: exponent": parameter(
        KMeansSMOTE(density_exponent="high"), "density_exponent", "Got 'high'"
    ),
    "KMeansSMOTE: clusters": parameter(
        KMeansSMOTE(kmeans_estimator=0), "kmeans_estimator", "Got 0"
    ),
    "ADASYN: n_neighbors": parameter(ADASYN(n_neighbors=0), "n_neighbors", "Got 0"),
    "ADASYN: nothing is hard": resample(
        ADASYN(n_neighbors=3),
        "Not any neigbours belong to the majority class.*class 1",
        X + 100 * Y[:, None],
        error=RuntimeError,
    ),
    "ADASYN: nothing to make": resample(
        ADASYN(sampling_strategy={1: 10 + 1}), "No samples will be generated .*class 1: 1 rows"
    ),
    "RandomOverSampler: shrinkage": parameter(
        RandomOverSampler(shrinkage=-1.0), "shrinkage", "Got -1.0"
    ),
    "RandomOverSampler: shrinkage of a class": resample(
        RandomOverSampler(shrinkage={1: -0.5}), "needs to be >= 0. Got -0.5 for class 1"
    ),
    "RandomOverSampler: shrinkage of no class": resample(
        RandomOverSampler(shrinkage={0: 1.0}), r"missing classes are: \[1\]"
    ),
    "RandomOverSampler: shrinkage of words": resample(
        RandomOverSampler(shrinkage=1.0),
        "shrinkage is not None, X .* only numerical.*'colour'",
        MIXED,
    ),
    "RandomUnderSampler: replacement": parameter(
        RandomUnderSampler(replacement="yes"), "replacement", "Got 'yes'"
    ),
    "RandomUnderSampler: strategy": parameter(
        RandomUnderSampler(sampling_strategy="minority"), "sampling_strategy", "Got 'minority'"
    ),
    "EditedNearestNeighbours: kind_sel": parameter(
        EditedNearestNeighbours(kind_sel="most"), "kind_sel", "Got 'most'"
    ),
    "EditedNearestNeighbours: table too small": resample(
        EditedNearestNeighbours(n_neighbors=30), "n_samples_fit = 30: .*n_neighbors=30"
    ),
    "TomekLinks: unknown class": resample(
        TomekLinks(sampling_strategy=[5]), "target class 5 is/are not present"
    ),
    "SMOTEENN: smote": parameter(SMOTEENN(smote=RandomOverSampler()), "smote", "Got RandomOver"),
    "SMOTEENN: nominal smote": resample(SMOTEENN(smote=SMOTENC([0])), "smote must .* got SMOTENC"),
    "SMOTETomek: tomek": parameter(SMOTETomek(tomek=Ridge()), "tomek", "Got Ridge"),
    "SMOTETomek: tomek without indices": resample(
        SMOTETomek(tomek=SMOTE()), "tomek must .*sample_indices_.* got SMOTE"
    ),
    "SMOTEUnder: over": parameter(SMOTEUnder(over=-1), "over", "Got -1"),
    "SMOTEUnder: under": parameter(SMOTEUnder(under=0), "under", "Got 0"),
    "SMOTEUnder: minority": resample(SMOTEUnder(minority=9), "target class 9 is/are not present"),
    # --- functions of over- and under-sampling
    "over_percent: negative": Bad(over_percent, (-5,), r"N must be a number >= 0 .* got -5"),
    "over_percent: word": Bad(over_percent, ("2",), "N must be a number >= 0 .* got '2'"),
    "under_percent: zero": Bad(under_percent, (0,), "U must be a number > 0 .* got 0"),
    "under_percent: infinite": Bad(under_percent, (np.inf,), "U must be a number > 0 .* got inf"),
    "allocate_seeds: n": Bad(allocate_seeds, (0, 3, RNG), "n must be an integer >= 1, got 0"),
    "allocate_seeds: m": Bad(allocate_seeds, (3, -1, RNG), "m must be an integer >= 0, got -1"),
    "allocate_seeds: allocation": Bad(
        allocate_seeds, (3, 3, RNG, "even"), "allocation must be .* got 'even'"
    ),
    "allocate_seeds: rng": Bad(allocate_seeds, (3, 4, 0.5), "rng must be .*Generator.* got '0.5'"),
    "allocate_seeds: weights": Bad(
        allocate_seeds,
        (3, 3, RNG, "random", [1.0, -1.0, 0.0]),
        "weights must be 3 .* smallest -1.0",
    ),
    "interpolate: shape": Bad(interpolate, (X[0], [0], [1], [0.5]), "X must be two-dim.*X.ndim=1"),
    "interpolate: seed": Bad(
        interpolate, (X, [30], [1], [0.5]), r"seed must hold .*\[0, 30\).* 30"
    ),
    "interpolate: neighbor": Bad(interpolate, (X, [0], [-1], [0.5]), "neighbor must hold .*-1"),
    "interpolate: fractions": Bad(interpolate, (X, [0.5], [1], [0.5]), "seed must be .* float64"),
    "interpolate: gap": Bad(
        interpolate, (X, [0, 1], [1, 2], [0.5]), r"one entry .* 2 new rows, got .*\(1,\)"
    ),
    "interpolate: out": Bad(
        interpolate,
        (X, [0], [1], [0.5]),
        r"out must have shape \(1, 3\) .* got \(2, 3\)",
        options={"out": np.empty((2, 3))},
    ),
    "interpolate: out beside sparse X": Bad(
        interpolate,
        (sp.csr_array(X), [0], [1], [0.5]),
        "out must be None where X is sparse, got ndarray",
        options={"out": np.empty((1, 3))},
    ),
    "nominal_vote: fractions": Bad(
        nominal_vote, ([[1], [2]], [[0.9, 0.2]], RNG), "neighbors must hold row .* float64"
    ),
    "nominal_vote: shapes": Bad(
        nominal_vote, ([1, 2], [[0]], RNG), r"codes must be \(n, columns\).*\(2,\)"
    ),
    "nominal_vote: rng": Bad(nominal_vote, ([[1], [2]], [[0, 1]], "x"), "rng must be .* got 'x'"),
    "nominal_vote: row": Bad(
        nominal_vote, ([[1], [2]], [[0, 5]], RNG), r"neighbors must hold .*\[0, 2\).* 5"
    ),
    "vdm_tables: shape": Bad(
        vdm_tables, ([[0], [1]], [0, 1], [2, 2]), r"codes must be .*\(2, 2\).* got \(2, 1\)"
    ),
    "vdm_tables: level": Bad(
        vdm_tables, ([[0], [5]], [0, 1], [2]), r"codes .*column 0 .*\[0, 2\).* 5"
    ),
    # --- neighbors
    "knn: k=0": Bad(knn, (X, 0), "k must be a whole number >= 1, got 0"),
    "knn: k=2.5": Bad(knn, (X, 2.5), "k must be a whole number >= 1, got 2.5"),
    "knn: k too large": Bad(knn, (X, 30), "k = 30 neighbours .* only 29 of the 30 rows"),
    "knn: method": Bad(knn, (X, 1), "method must be .* got 'ball'", options={"method": "ball"}),
    "knn: tree of sparse": Bad(
        knn, (sp.csr_array(X), 1), "method 'tree' needs dense X", options={"method": "tree"}
    ),
    "knn: NaN": Bad(knn, (NAN, 1), "X must be finite.*NaN"),
    "knn: words": Bad(knn, (TEXT, 1), "could not convert string to float: 'a'"),
    "knn: query row": Bad(knn, (X, 1), r"query .*\[0, 30\), got 40", options={"query": [3, 40]}),
    "knn: query columns": Bad(
        knn, (X, 1), "query must have the 3 columns of X, got 2", options={"query": X[:2, :2]}
    ),
    "knn: exclude": Bad(
        knn,
        (X, 1),
        "exclude must hold one row .* 1 for 2",
        options={"query": X[:2], "exclude": [0]},
    ),
    # --- metrics
    "hull: rate above 1": Bad(
        roc_convex_hull, ([0.1, 1.5], [0, 1]), r"fpr .* got 1.5 at position 1"
    ),
    "hull: NaN": Bad(roc_convex_hull, (FPR, [0.1, np.nan, 1]), r"tpr .* got nan at position 1"),
    "hull: lengths": Bad(roc_convex_hull, (FPR, [0.5]), "equal lengths, got 3 and 1"),
    "hull: nothing": Bad(roc_convex_hull, ([], []), r"fpr must be .* got shape \(0,\)"),
    "auc: two dimensions": Bad(
        roc_auc_points, ([FPR], [TPR]), r"fpr must be .* got shape \(1, 3\)"
    ),
    "auc: words": Bad(roc_auc_points, (["a"], [0.5]), "could not convert string to float: 'a'"),
    "optimum: prevalence": Bad(
        optimal_operating_point,
        (FPR, TPR),
        r"prevalence must be in \[0, 1\], got 1.5",
        options={"prevalence": 1.5},
    ),
    "optimum: cost_fp": Bad(
        optimal_operating_point,
        (FPR, TPR),
        "cost_fp must be .* got -1",
        options={"prevalence": 0.5, "cost_fp": -1},
    ),
    "display: feature number": Bad(
        ResamplingDisplay.from_estimator,
        (SMOTE(), X, Y),
        r"features: column 3 does not exist, all features must be in \[0, 3\)",
        options={"features": (0, 3)},
    ),
    "display: feature name": Bad(
        ResamplingDisplay.from_estimator,
        (SMOTE(), FRAME, Y),
        "features: there is no column 'z'; the columns are ",
        options={"features": ("a", "z")},
    ),
    "display: columns": Bad(SamplingROCDisplay, (FRAME,), r"frame must have .* missing: \['over'"),
    # --- compose
    "classifier: sampler": Bad(
        ResampledClassifier(LogisticRegression(), sampler=Ridge()).fit,
        (X, Y),
        "The 'sampler' parameter of ResampledClassifier must be .*Got Ridge",
        theirs=True,
    ),
    "classifier: sampler class": Bad(
        ResampledClassifier(LogisticRegression(), sampler=SMOTE).fit,
        (X, Y),
        r"sampler must be an instance, got the class SMOTE: write SMOTE\(\)",
        TypeError,
    ),
    "classifier: estimator": Bad(
        ResampledClassifier(3).fit, (X, Y), "The 'estimator' parameter .*Got 3", theirs=True
    ),
    "classifier: y": Bad(
        ResampledClassifier(LogisticRegression(), SMOTE()).fit, (X, None), "the target y is None"
    ),
    "classifier: prior_correction": Bad(
        ResampledClassifier(Ridge(), SMOTE(), prior_correction=True).fit,
        (X, Y),
        "prior_correction=True needs .* got Ridge",
    ),
    "classifier: before fit": Bad(
        ResampledClassifier(LogisticRegression()).predict,
        (X,),
        "not fitted yet",
        NotFittedError,
        theirs=True,
    ),
    "regressor: sampler": Bad(
        ResampledRegressor(Ridge(), sampler="SMOTE").fit,
        (X, X[:, 0]),
        "The 'sampler' parameter of ResampledRegressor must be .*Got 'SMOTE'",
        theirs=True,
    ),
    "sweep: over": Bad(
        sampling_roc, (Ridge(), X, Y), r"over must be .* got \(-1,\)", options={"over": (-1,)}
    ),
    "sweep: under": Bad(
        sampling_roc, (Ridge(), X, Y), r"under must be .* got \(0,\)", options={"under": (0,)}
    ),
    "sweep: classes": Bad(sampling_roc, (Ridge(), X, Y3), "y must have two classes, got 3"),
    "sweep: pos_label": Bad(
        sampling_roc, (Ridge(), X, Y), r"pos_label must be .* got 2", options={"pos_label": 2}
    ),
    "sweep: folds": Bad(
        sampling_roc, (LogisticRegression(), X, Y), "cv|n_splits", options={"cv": 25}, theirs=True
    ),
}


def fitted():
    sampler = SMOTE(random_state=0)
    sampler.fit_resample(X, Y)
    return sampler


def test_there_are_enough_of_them():
    assert len(TABLE) >= 60


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.filterwarnings("ignore:Passing a sparse matrix")
@pytest.mark.parametrize("name", list(TABLE))
def test_bad_call(name):
    bad = TABLE[name]
    given = [
        v for v in (*bad.args, *bad.options.values()) if isinstance(v, TABLES) or sp.issparse(v)
    ]
    before = [snapshot(value) for value in given]
    with pytest.raises(bad.error, match=rf"(?s){bad.message}") as caught:
        bad.call(*bad.args, **bad.options)
    assert bad.theirs or len(str(caught.value)) < 400
    for was, value in zip(before, given, strict=True):
        assert difference(was, value) is None
