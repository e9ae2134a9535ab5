"""Conditions of a Gram matrix at which the ladder of `_whiten` takes its next step."""

from __future__ import annotations

GOOD = 1e-6  # reciprocal condition from which on the plain Cholesky route is exact to 1e-10
GOOD_SINGLE = 5e-3  # the same for products summed in float32, errors in float32's last digits
USABLE = 1e-13  # below it the Cholesky factor is no preconditioner any more
USABLE_SINGLE = 1e-12  # the same for rows of float32, whose last digits are no directions
