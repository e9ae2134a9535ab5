from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sampkit.diversity._entropy import Objective
from sampkit.diversity._stop import METHODS, suggested_size

# The path that the reference prints for its demonstration table: 13 documents, 61 structures, 16
# organisms (idiap/gme-sampler v0.1.0, decimals=5, "dutopia").
DEMO = np.array([
    (2.77259, 0), (2.89793, 1.0291), (3.3234, 1.33408), (3.57149, 1.5629), (3.7073, 1.75229),
    (3.70688, 1.96591), (3.8136, 2.09647), (3.89296, 2.20116), (3.80794, 2.37203),
    (3.78291, 2.4612), (3.80167, 2.49417), (3.77233, 2.56843), (3.77669, 2.58495),
])  # fmt: skip


def test_path_of_the_reference():
    distance = Objective.of([61, 16]).distance(DEMO)
    assert distance[0] == pytest.approx(3.07868, abs=5e-6)
    assert distance[-1] == pytest.approx(0.38326, abs=5e-6)
    assert suggested_size(distance, "max") == 13
    assert suggested_size(distance, "knee") == 5
    assert (np.flatnonzero(np.diff(DEMO[:, 0]) < 0) + 2).tolist() == [6, 9, 10, 12]


def test_patience():
    distance = np.concatenate([np.linspace(1, 0.5, 11), np.full(20, 0.5)])
    assert suggested_size(distance, "patience", patience=5, threshold=0.01) == 11
    assert suggested_size(distance, "patience", patience=5, threshold=0.06) == 10
    assert suggested_size(distance[:11], "patience", patience=5, threshold=0.01) == 11
    assert suggested_size(distance, "patience", patience=100, threshold=9.0) == 31


@pytest.mark.parametrize("method", METHODS)
@given(hnp.arrays(float, st.integers(0, 30), elements=st.floats(0, 5)))
def test_sizes_are_in_range(method, distance):
    size = suggested_size(distance, method, patience=3, threshold=0.1)
    assert min(len(distance), 1) <= size <= len(distance)
    if method == "max" and len(distance):
        assert distance[size - 1] == distance.min()
    if method == "knee" and len(distance):
        assert size <= suggested_size(distance, "max")


def test_knee_of_a_straight_line_and_of_one_point():
    assert suggested_size(np.array([3.0, 2.0, 1.0]), "knee") == 1
    assert suggested_size(np.array([1.0, 2.0]), "knee") == 1
    assert suggested_size(np.array([5.0, 1.0, 0.9, 0.8]), "knee") == 2
