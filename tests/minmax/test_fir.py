"""Fixed-point FIR filters: amplitudes, bounds, known optima."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import freqz, remez

from sampkit.minmax import fir_minmax
from sampkit.minmax._fir_grid import all_taps, check_bands, half_taps, response_matrix

LOW_PASS = ([0, 0.4, 0.5, 1], [1, 0])
BAND_PASS = ([0, 0.24, 0.4, 0.68, 0.84, 1], [0, 1, 0])

# Proved by HiGHS and by a licensed solver; taps of the third from the same source.
OPTIMA = {
    "12/4": (13, ([0, 0.4, 4 / 7, 1], [1, 0]), 4, 0.2071036172),
    "24/6": (25, LOW_PASS, 6, 0.1016473595),
    "34/8": (35, LOW_PASS, 8, 0.0300119395),
}
TAPS_34_8 = [-1, 0, 1, 1, -1, -2, 1, 3, 0, -4, -2, 5, 5, -6, -11, 6, 40, 57]


# --- the linear model ---------------------------------------------------------------------------


@given(
    numtaps=st.integers(3, 20),
    antisymmetric=st.booleans(),
    frequency=st.lists(st.floats(0, 1), min_size=1, max_size=5),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_amplitude_is_the_frequency_response_without_its_phase(
    numtaps, antisymmetric, frequency, seed
):
    half = np.random.default_rng(seed).normal(size=half_taps(numtaps, antisymmetric))
    h = all_taps(half, numtaps, antisymmetric)
    np.testing.assert_array_equal(h, -h[::-1] if antisymmetric else h[::-1])
    points = np.array(frequency)
    amplitude = response_matrix(points, numtaps, antisymmetric) @ half
    response = np.exp(-1j * np.pi * np.outer(points, np.arange(numtaps))) @ h
    phase = np.exp(-1j * np.pi * points * (numtaps - 1) / 2) * (1j if antisymmetric else 1)
    np.testing.assert_allclose(amplitude * phase, response, atol=1e-12)


def test_grid_shares_points_by_width_and_keeps_the_edges():
    grid = check_bands([0, 0.4, 4 / 7, 1], [1, 0], [1, 3], 2.0).grid(192)
    counts = np.bincount(grid.band)
    assert counts.tolist() == [int(192 * 0.4 / (0.4 + 3 / 7)), 192 - counts[0]]
    for band, (low, high) in enumerate([(0, 0.4), (4 / 7, 1)]):
        points = grid.frequency[grid.band == band]
        assert (points[0], points[-1]) == (low, high)
    assert set(grid.weight[grid.band == 1]) == {3.0}
    slope = check_bands([0, 0.5], [1, 3], None, 2.0).grid(5)
    assert slope.desired.tolist() == [1, 1.5, 2, 2.5, 3]


@pytest.mark.parametrize(
    ("numtaps", "bands", "bound", "rounded", "bits", "density"),
    [
        (13, ([0, 0.4, 4 / 7, 1], [1, 0]), 0.068086, 0.264862, 4, 16),
        (35, LOW_PASS, 0.015943, 0.032655, 8, 16),
        (45, LOW_PASS, 0.007129, 0.037056, 8, 16),
        (63, LOW_PASS, 0.001490, 0.037047, 8, 16),
        (61, BAND_PASS, 0.000071, 0.019531, 10, 16),
    ],
)
def test_linear_programme_and_its_rounding(numtaps, bands, bound, rounded, bits, density):
    # both columns: HiGHS through SciPy, prototype
    design = fir_minmax(numtaps, *bands, bits=bits, method="round", grid_density=density)
    assert design.lower_bound == pytest.approx(bound, abs=6e-7)
    assert design.ripple == pytest.approx(rounded, abs=1e-6)
    assert design.status == "rounded"


def test_the_start_is_what_remez_finds():
    h = remez(35, [0, 0.4, 0.5, 1], [1, 0], fs=2.0, grid_density=64)
    design = fir_minmax(35, *LOW_PASS, bits=24, method="round", grid_density=64)
    np.testing.assert_allclose(design.h, h, atol=2e-5)


# --- known optima -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", OPTIMA)
def test_search_finds_the_optimum(name, seed):
    numtaps, bands, bits, optimum = OPTIMA[name]
    design = fir_minmax(
        numtaps, *bands, bits=bits, rng=seed, time_limit=30,
        callback=lambda _, ripple: ripple <= optimum * (1 + 1e-9) + 1e-10,
    )  # fmt: skip
    assert design.ripple == pytest.approx(optimum, abs=1e-9)
    if name == "34/8":
        assert design.codes.tolist() == TAPS_34_8


@pytest.mark.parametrize("name", ["12/4", "24/6"])
def test_exact_proves_it(name):
    numtaps, bands, bits, optimum = OPTIMA[name]
    design = fir_minmax(numtaps, *bands, bits=bits, method="exact", time_limit=60)
    assert design.ripple == pytest.approx(optimum, abs=1e-9)
    assert design.status == "optimal"
    assert design.lower_bound == pytest.approx(optimum, rel=1e-5)


def test_search_beats_rounding_by_far():
    # the published heuristic keeps the rounded taps here
    rounded = fir_minmax(61, *BAND_PASS, bits=10, method="round")
    found = fir_minmax(
        61, *BAND_PASS, bits=10, rng=0, time_limit=60, callback=lambda _, ripple: ripple <= 0.005
    )
    assert found.ripple <= 0.005
    assert found.ripple < rounded.ripple / 3


def test_kicks_along_lattice_vectors_stay_short():
    # condition 1.5e5: lattice vectors have entries in the hundreds; HiGHS has .001577 after 40 s
    found = fir_minmax(
        101, *BAND_PASS, bits=12, grid_density=8, rng=0, time_limit=60,
        callback=lambda _, ripple: ripple <= 0.001577,
    )  # fmt: skip
    assert found.ripple <= 0.001577


# --- invariants ---------------------------------------------------------------------------------


@given(
    numtaps=st.integers(3, 17),
    bits=st.integers(2, 12),
    antisymmetric=st.booleans(),
    scale=st.sampled_from(["unit", "free"]),
    seed=st.integers(0, 100),
)
@settings(max_examples=25)
def test_invariants(numtaps, bits, antisymmetric, scale, seed):
    edges = np.sort(np.random.default_rng(seed).uniform(0.05, 0.95, 4))
    design = fir_minmax(
        numtaps, edges, [1, 0], bits=bits, weight=[1, 2], antisymmetric=antisymmetric,
        scale=scale, method="round", grid_density=8,
    )  # fmt: skip
    scale_of_codes = 2 ** (bits - 1)
    assert design.codes.min() >= -scale_of_codes
    assert design.codes.max() <= scale_of_codes - 1
    assert (design.h[: len(design.codes)] * scale_of_codes == design.codes).all()
    np.testing.assert_array_equal(design.h, (-1 if antisymmetric else 1) * design.h[::-1])
    # on the grid, from the frequency response itself
    grid = check_bands(edges, [1, 0], [1, 2], 2.0).grid((numtaps - 1) * 8)
    amplitude = design.amplitude(grid.frequency)
    error = np.abs(amplitude - grid.desired)
    assert design.ripple == pytest.approx((grid.weight * error).max(), rel=1e-12)
    assert design.ripple_per_band.tolist() == pytest.approx(
        [error[grid.band == k].max() for k in (0, 1)]
    )
    assert design.ripple_db == pytest.approx(20 * np.log10(design.ripple))
    assert design.lower_bound <= design.ripple
    assert design.ripple_dense >= design.ripple * 0.5
    if scale == "unit":
        assert design.gain == 1


def test_ripple_is_signed():
    # a stop band that swings below zero counts with its sign in the dense ripple, too
    design = fir_minmax(35, *LOW_PASS, bits=8, method="round")
    _, response = freqz(design.h, worN=np.pi * np.linspace(0.5, 1, 4001))
    assert np.abs(response).max() <= design.ripple_dense * (1 + 1e-6)
    assert design.amplitude(np.linspace(0.5, 1, 4001)).min() < 0


def test_one_more_bit_never_hurts_the_optimum():
    ripples = [
        fir_minmax(9, [0, 0.3, 0.6, 1], [1, 0], bits=bits, method="exact", time_limit=60).ripple
        for bits in (3, 4, 5)
    ]
    assert ripples[0] >= ripples[1] >= ripples[2]


def test_high_pass_is_the_mirrored_low_pass():
    # equal band widths, so that both grids mirror each other
    low = fir_minmax(11, [0, 0.4, 0.6, 1], [1, 0], bits=5, method="exact", time_limit=60)
    high = fir_minmax(11, [0, 0.4, 0.6, 1], [0, 1], bits=5, method="exact", time_limit=60)
    assert high.ripple == pytest.approx(low.ripple, rel=1e-9)


def test_units_of_frequency_change_nothing():
    small = fir_minmax(25, *LOW_PASS, bits=6, method="round")
    large = fir_minmax(25, [0, 9600, 12000, 24000], [1, 0], bits=6, method="round", fs=48000)
    assert (small.codes == large.codes).all()
    np.testing.assert_allclose(small.amplitude([0.1, 0.7]), large.amplitude([2400, 16800]))


def test_weights_shift_the_error():
    bound = fir_minmax(25, *LOW_PASS, bits=12, weight=[1, 10], method="round").lower_bound
    design = fir_minmax(
        25, *LOW_PASS, bits=12, weight=[1, 10], rng=0, time_limit=20,
        callback=lambda _, ripple: ripple < 1.1 * bound,
    )  # fmt: skip
    passband, stopband = design.ripple_per_band
    assert 5 * stopband < passband < 11 * stopband


def test_free_gain_is_never_worse_than_gain_one():
    for numtaps, bands, bits in ((13, ([0, 0.4, 4 / 7, 1], [1, 0]), 4), (63, LOW_PASS, 10)):
        unit = fir_minmax(numtaps, *bands, bits=bits, method="round")
        free = fir_minmax(numtaps, *bands, bits=bits, method="round", scale="free")
        assert free.ripple <= unit.ripple
        assert 0.5 <= free.gain <= 1
        assert free.lower_bound <= free.ripple


def test_hilbert_transformer_and_differentiator():
    hilbert = fir_minmax(31, [0.1, 0.9], [1], bits=12, antisymmetric=True, method="round")
    assert len(hilbert.codes) == 15
    assert hilbert.h[15] == 0
    assert hilbert.ripple < 0.01
    ramp = fir_minmax(32, [0, 0.9], lambda f: f / 2, bits=12, antisymmetric=True, method="round")
    assert ramp.ripple < 0.02
    np.testing.assert_allclose(ramp.amplitude([0.2, 0.6]), [0.1, 0.3], atol=0.01)


def test_many_bits_use_a_window():
    design = fir_minmax(13, [0, 0.4, 4 / 7, 1], [1, 0], bits=24, rng=0, time_limit=0.5)
    assert design.ripple == pytest.approx(design.lower_bound, rel=1e-4)
    assert np.abs(design.codes).max() < 2**23


def test_history_falls_and_the_callback_stops():
    ripples = []
    design = fir_minmax(
        35, *LOW_PASS, bits=8, rng=0, time_limit=20,
        callback=lambda _, ripple: ripples.append(ripple) or ripple < 0.0326,
    )  # fmt: skip
    found = [value for _, value in design.history]
    assert (np.diff(found) < 0).all()
    assert found[-1] == pytest.approx(design.ripple)
    assert ripples


BAD = {
    "numtaps": ({"numtaps": 2}, "numtaps must be an int >= 3, got 2"),
    "bits small": ({"bits": 1}, "bits must be an int in 2..32, got 1"),
    "bits large": ({"bits": 33}, "bits must be an int in 2..32, got 33"),
    "bands descending": ({"bands": [0, 0.5, 0.4, 1]}, "bands must increase within"),
    "bands empty": ({"bands": [0, 0, 0.4, 1]}, "bands must increase within"),
    "bands beyond": ({"bands": [0, 0.4, 0.5, 1.1]}, "bands must increase within"),
    "bands odd": ({"bands": [0, 0.4, 0.5]}, "bands must be pairs of edges, got 3"),
    "desired": ({"desired": [1, 0, 1]}, "desired must be a callable or 2 finite numbers"),
    "weight zero": ({"weight": [1, 0]}, "weight must be 2 numbers > 0"),
    "weight length": ({"weight": [1]}, "weight must be 2 numbers > 0"),
    "fs": ({"fs": 0}, "fs must be > 0, got 0"),
    "density": ({"grid_density": 0}, "grid_density must be an int >= 1"),
    "scale": ({"scale": "any"}, "scale must be 'unit' or 'free', got 'any'"),
    "method": ({"method": "milp"}, "method must be one of"),
    "time": ({"time_limit": 0}, "time_limit must be > 0, got 0"),
    "type II": ({"numtaps": 14, "desired": [0, 1]}, "desired must be 0 at frequency fs/2"),
    "type III low": ({"antisymmetric": True}, "desired must be 0 at frequency 0 for a filter of"),
    "type III high": (
        {"antisymmetric": True, "desired": [0, 1]}, "at frequency fs/2 for a filter of type III"
    ),
    "type IV": ({"numtaps": 14, "antisymmetric": True}, "at frequency 0 for a filter of type IV"),
    "callable": ({"desired": lambda f: f * np.nan}, "desired must return finite numbers"),
    "rng": ({"rng": -1}, "rng must be None, an int >= 0"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_input(change, message):
    arguments = {"numtaps": 13, "bands": [0, 0.4, 0.6, 1], "desired": [1, 0], "bits": 6} | change
    first = [arguments.pop(name) for name in ("numtaps", "bands", "desired")]
    with pytest.raises(ValueError, match=message):
        fir_minmax(*first, **arguments)
