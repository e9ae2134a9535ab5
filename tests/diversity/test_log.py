from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sampkit.diversity._log import LogTable, log

positive = st.floats(1e-300, 1e300)


@given(positive)
def test_within_one_unit_of_the_last_place(x):
    true = math.log(x)
    assert abs(log(x) - true) <= np.spacing(abs(true))


@given(st.integers(1, 2**62))
def test_whole_numbers(x):
    assert abs(log(x) - math.log(float(x))) <= np.spacing(math.log(float(x)))


def test_known_values():
    assert log(1.0) == 0.0
    assert log(2.0) == math.log(2.0)
    np.testing.assert_allclose(log([0.5, math.e, 1e10]), [-math.log(2), 1.0, 10 * math.log(10)])


def test_table_grows_and_stays_the_same():
    table = LogTable()
    small = table.upto(10)[:11].copy()
    large = table.upto(10_000)
    assert len(large) > 10_000
    np.testing.assert_array_equal(large[:11], small)
    assert small[0] == 0.0
    np.testing.assert_array_equal(large[1:], log(np.arange(1, len(large))))
