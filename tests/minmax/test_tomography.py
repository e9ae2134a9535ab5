"""Projector, real-valued and discrete reconstruction.

Figures marked "prototype" were measured with a throwaway implementation of the same description,
the picture and its noise being given by their seeds; those of SIRT and DART are deterministic.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from sampkit.minmax import (
    DiscreteTomography,
    make_ellipse_phantom,
    parallel_beam_matrix,
    reconstruct_discrete,
    sart,
    sirt,
)


def problem(seed: int, n_levels: int, amplitude: float = 500.0, size: int = 64, angles: int = 32):
    levels = np.linspace(0, 255, n_levels)
    picture = levels[make_ellipse_phantom(size, n_levels, seed)]
    A = parallel_beam_matrix(size, angles, size)
    noise = np.random.default_rng(100 + seed).uniform(-amplitude, amplitude, A.shape[0])
    return A, A @ picture.ravel() + noise, levels, picture


def error(result, picture) -> float:
    return float(np.abs(result.image - picture).mean())


# --- projector ----------------------------------------------------------------------------------


def test_projector_at_right_angles():
    A = parallel_beam_matrix(4, 2, 4)
    sinogram = (A @ np.arange(16.0)).reshape(2, 4)
    assert sinogram.tolist() == [[24, 28, 32, 36], [54, 38, 22, 6]]


@pytest.mark.parametrize("angle", [0.3, 1.0, 2.2, 3.0])
def test_projector_against_a_ray_by_hand(angle):
    size, detectors = 7, 9
    A = parallel_beam_matrix(size, 1, detectors, angles=[angle]).toarray()
    cos, sin, middle = np.cos(angle), np.sin(angle), (size - 1) / 2
    expected = np.zeros_like(A)
    for d in range(detectors):
        u = d - (detectors - 1) / 2
        for k in range(size):
            if abs(cos) >= abs(sin):
                position = (u - (middle - k) * sin) / cos + middle
            else:
                position = middle - (u - (k - middle) * cos) / sin
            low = int(np.floor(position))
            for beside, weight in ((low, 1 - position + low), (low + 1, position - low)):
                if 0 <= beside < size:
                    pixel = k * size + beside if abs(cos) >= abs(sin) else beside * size + k
                    expected[d, pixel] += weight / max(abs(cos), abs(sin))
    np.testing.assert_allclose(A, expected, atol=1e-12)


@given(size=st.integers(1, 12), angle=st.floats(0, np.pi))
@settings(max_examples=30)
def test_rays_are_as_long_as_their_path(size, angle):
    A = parallel_beam_matrix(size, 1, 2 * size + 3, angles=[angle])
    path = 1 / max(abs(np.cos(angle)), abs(np.sin(angle)))
    lengths = A.sum(axis=1)
    assert lengths.max() <= size * path * (1 + 1e-12)
    # the ray through the centre meets every line of pixels inside the picture
    assert lengths[size + 1] == pytest.approx(size * path)
    assert (A.data > 0).all()
    assert A.has_sorted_indices


def test_phantom_is_the_published_recipe():
    index = make_ellipse_phantom(64, 2, 0)
    assert (255.0 * index).mean() == pytest.approx(35.24, abs=0.005)  # prototype
    assert np.linspace(0, 255, 4)[make_ellipse_phantom(64, 4, 1)].mean() == pytest.approx(
        49.10, abs=0.005
    )
    assert np.linspace(0, 255, 4)[make_ellipse_phantom(64, 4, 2)].mean() == pytest.approx(
        47.40, abs=0.005
    )
    assert make_ellipse_phantom(8, 3, n_ellipses=0).max() == 0


# --- SIRT and SART ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "n_levels", "rounded"), [(0, 2, 0.498), (1, 4, 8.446), (2, 4, 6.744)]
)
def test_rounded_sirt(seed, n_levels, rounded):
    A, b, levels, picture = problem(seed, n_levels)
    result = reconstruct_discrete(A, b, levels, shape=picture.shape, method="round")
    assert error(result, picture) == pytest.approx(rounded, abs=0.001)  # prototype
    x = sirt(A, b, 300, bounds=(0, 255))
    nearest = np.abs(x[:, None] - levels).argmin(axis=1)
    assert (nearest == result.index.ravel()).all()


def test_sirt_solves_a_consistent_system_in_the_weighted_norm():
    rng = np.random.default_rng(0)
    A = np.vstack([np.eye(5)] * 6) + rng.uniform(0, 0.1, (30, 5))
    x = rng.normal(size=5)
    np.testing.assert_allclose(sirt(A, A @ x, 300), x, atol=1e-6)
    np.testing.assert_allclose(sart(A, A @ x, 100, block_size=7), x, atol=1e-6)


def test_sirt_of_one_block_is_sart():
    A, b, _, _ = problem(0, 2)
    np.testing.assert_allclose(
        sirt(A, b, 5, bounds=(0, 255)), sart(A, b, 5, block_size=len(b), bounds=(0, 255))
    )


def test_sirt_mask_keeps_what_it_masks():
    A, b, _, picture = problem(0, 2)
    mask = np.random.default_rng(0).random(picture.size) < 0.5
    x0 = picture.ravel()
    x = sirt(A, b, 10, x0=x0, mask=mask)
    assert (x[~mask] == x0[~mask]).all()
    assert (x[mask] != x0[mask]).any()
    sub = sirt(A.tocsc()[:, mask], b - A @ np.where(mask, 0, x0), 10, x0=x0[mask])
    np.testing.assert_allclose(x[mask], sub)


def test_sirt_survives_empty_rows_and_columns():
    A = sp.csr_array(np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 2.0]]))
    assert sirt(A, [1.0, 5.0, 4.0], 50).round(6).tolist() == [1, 0, 2]


# --- discrete reconstruction --------------------------------------------------------------------


def test_phantom_of_two_levels_is_recovered_exactly():
    A, b, levels, picture = problem(0, 2)
    result = reconstruct_discrete(A, b, levels, shape=picture.shape)
    assert (result.image == picture).all()
    assert result.status == "converged"


@pytest.mark.parametrize(("seed", "dart"), [(1, 4.939), (2, 6.184)])
def test_four_levels_against_dart(seed, dart):
    A, b, levels, picture = problem(seed, 4)
    ours = error(reconstruct_discrete(A, b, levels, shape=picture.shape), picture)
    theirs = reconstruct_discrete(A, b, levels, shape=picture.shape, method="dart", rng=0)
    assert error(theirs, picture) == pytest.approx(dart, abs=0.001)  # prototype, the same stream
    assert ours <= 1.9
    assert ours <= 0.5 * error(theirs, picture)


def test_the_trap_without_a_prior_noise_is_fitted():
    A, b, levels, picture = problem(1, 4)
    pure = reconstruct_discrete(A, b, levels, shape=picture.shape, smooth=0)
    rounded = reconstruct_discrete(A, b, levels, shape=picture.shape, method="round")
    truth = np.abs(A @ picture.ravel() - b).max()
    assert error(pure, picture) > error(rounded, picture)
    assert pure.objective < rounded.objective
    assert pure.objective < 1.1 * truth


def test_noise_amplitude_is_estimated():
    A, b, levels, picture = problem(1, 4)
    result = reconstruct_discrete(A, b, levels, shape=picture.shape)
    assert 450 <= result.noise_amplitude <= 620  # up to a fifth too large: 500 is true
    given_one = reconstruct_discrete(A, b, levels, shape=picture.shape, noise_amplitude=500)
    assert given_one.noise_amplitude == 500
    sigma = 500 / np.sqrt(3)
    clean = A @ picture.ravel()
    bell = clean + np.random.default_rng(1).normal(0, sigma, len(b))
    result = reconstruct_discrete(A, bell, levels, shape=picture.shape, noise="gaussian")
    assert 0.7 * sigma <= result.noise_amplitude <= 1.1 * sigma


def test_gaussian_noise_prefers_the_square():
    A, _, levels, picture = problem(1, 4)
    clean = A @ picture.ravel()
    b = clean + np.random.default_rng(1).normal(0, 500 / np.sqrt(3), len(clean))
    square = reconstruct_discrete(A, b, levels, shape=picture.shape, noise="gaussian")
    eighth = reconstruct_discrete(A, b, levels, shape=picture.shape, noise="uniform")
    assert error(square, picture) < error(eighth, picture)


def test_noiseless_sinogram_is_met_exactly():
    A, _, levels, picture = problem(0, 2)
    result = reconstruct_discrete(A, A @ picture.ravel(), levels, shape=picture.shape)
    assert result.objective <= 1e-9 * np.abs(A @ picture.ravel()).max()
    assert (result.image == picture).all()
    empty = reconstruct_discrete(A, np.zeros(A.shape[0]), levels, shape=picture.shape)
    assert empty.objective == 0
    assert not empty.image.any()


@given(seed=st.integers(0, 1000), p=st.sampled_from([2, 4, 8]), smooth=st.sampled_from([0.0, 0.5]))
@settings(max_examples=15)
def test_invariants(seed, p, smooth):
    rng = np.random.default_rng(seed)
    levels = np.sort(rng.choice(50, size=3, replace=False)).astype(float)
    picture = levels[make_ellipse_phantom(12, 3, seed)]
    A = parallel_beam_matrix(12, 6, 13)
    b = A @ picture.ravel() + rng.uniform(-5, 5, A.shape[0])
    copies = A.copy(), b.copy()
    result = reconstruct_discrete(A, b, levels, shape=(12, 12), p=p, smooth=smooth)
    assert np.isin(result.image, levels).all()
    assert (levels[result.index] == result.image).all()
    assert result.objective == pytest.approx(np.abs(A @ result.image.ravel() - b).max(), rel=1e-12)
    potentials = [value for _, value in result.history]
    assert (np.diff(potentials) <= 0).all()
    assert np.diff([seconds for seconds, _ in result.history]).min(initial=0) >= 0
    assert (copies[0] != A).nnz == 0
    assert (b == copies[1]).all()
    assert (result.margin >= -1e-6).all()  # a local optimum: no single move helps


def test_margin_is_the_rise_of_the_potential():
    levels = np.array([0.0, 1.0, 3.0])
    picture = levels[make_ellipse_phantom(8, 3, 3)]
    A = parallel_beam_matrix(8, 6, 9)
    b = A @ picture.ravel() + np.random.default_rng(0).uniform(-0.5, 0.5, A.shape[0])
    result = reconstruct_discrete(A, b, levels, shape=(8, 8), noise_amplitude=0.5, smooth=1.0)

    def potential(index):
        jumps = sum(np.abs(np.diff(index, axis=axis)).sum() for axis in (0, 1))
        return (((A @ levels[index].ravel() - b) / 0.5) ** 8).sum() + jumps

    for place in np.ndindex(8, 8):
        rises = []
        for step in (-1, 1):
            moved = result.index.copy()
            moved[place] += step
            if 0 <= moved[place] < 3:
                rises.append(potential(moved) - potential(result.index))
        assert result.margin[place] == pytest.approx(min(rises), rel=1e-6, abs=1e-6)


def test_prior_in_three_dimensions():
    rng = np.random.default_rng(0)
    picture = np.zeros((4, 4, 4))
    picture[1:3, 1:3, :2] = 1
    A = sp.random_array((60, 64), density=0.2, rng=rng, format="csr")
    b = A @ picture.ravel() + rng.uniform(-0.01, 0.01, 60)
    result = reconstruct_discrete(A, b, [0, 1], shape=(4, 4, 4), smooth=0.2)
    assert result.image.shape == (4, 4, 4)
    assert (result.image == picture).all()


def test_time_limit_and_callback_stop_with_what_is_there():
    A, b, levels, picture = problem(1, 4)
    result = reconstruct_discrete(A, b, levels, shape=picture.shape, time_limit=1e-9)
    assert result.status == "time_limit"
    assert np.isin(result.image, levels).all()
    calls = []

    def stop(seconds, potential):
        calls.append((seconds, potential))
        return len(calls) == 2

    result = reconstruct_discrete(A, b, levels, shape=picture.shape, callback=stop)
    assert result.status == "stopped"
    assert len(calls) == 2


def test_an_interrupt_returns_the_picture_reached():
    A, b, levels, picture = problem(1, 4)

    def interrupt(seconds, potential):
        raise KeyboardInterrupt

    result = reconstruct_discrete(
        A, b, levels, shape=picture.shape, noise_amplitude=500, callback=interrupt
    )
    start = reconstruct_discrete(A, b, levels, shape=picture.shape, method="round")
    assert result.status == "interrupted"
    assert error(result, picture) < error(start, picture)  # one sweep was done
    assert result.objective == np.abs(A @ result.image.ravel() - b).max()


def test_start_of_ones_own():
    A, b, levels, picture = problem(1, 4)
    result = reconstruct_discrete(A, b, levels, shape=picture.shape, method="round", start=picture)
    assert (result.image == picture).all()


# --- estimator ----------------------------------------------------------------------------------


@parametrize_with_checks([DiscreteTomography([0, 1], smooth=0)])
def test_estimator_checks(estimator, check):
    check(estimator)


def test_estimator_is_the_function():
    A, b, levels, picture = problem(0, 2)
    model = DiscreteTomography(levels, picture.shape).fit(A, b)
    result = reconstruct_discrete(A, b, levels, shape=picture.shape)
    assert (model.image_ == result.image).all()
    assert model.noise_amplitude_ == result.noise_amplitude
    np.testing.assert_allclose(model.predict(A), A @ result.image.ravel())
    assert model.score(A, b) > 0.9


BAD = {
    "prior without shape": ({"shape": None}, "shape must be given"),
    "shape of another size": ({"shape": (3, 3)}, "shape must have 16 pixels"),
    "levels descending": ({"levels": [1, 0]}, "levels must be strictly ascending"),
    "levels equal": ({"levels": [0, 0, 1]}, "levels must be strictly ascending"),
    "no levels": ({"levels": []}, "levels must be a list of finite numbers"),
    "levels not finite": ({"levels": [0, np.inf]}, "levels must be a list of finite numbers"),
    "negative smooth": ({"smooth": -1}, r"smooth must be >= 0, got -1"),
    "negative amplitude": ({"noise_amplitude": -2}, "noise_amplitude must be >= 0 or None, got -2"),
    "method": ({"method": "art"}, "method must be one of"),
    "noise": ({"noise": "pink"}, "noise must be 'uniform' or 'gaussian', got 'pink'"),
    "p": ({"p": 3}, "p must be a power of two in 2..128, got 3"),
    "time": ({"time_limit": 0}, "time_limit must be > 0 or None, got 0"),
    "start": ({"start": [1.0]}, "start must be 16 finite numbers"),
    "b of another length": ({"b": np.zeros(3)}, "b must have one value for each of the 8 rows"),
    "b not finite": ({"b": np.full(8, np.nan)}, "b contains NaN"),
    "dart in 3 axes": ({"method": "dart", "shape": (4, 2, 2)}, "shape must have two axes"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_input(change, message):
    A = parallel_beam_matrix(4, 2, 4)
    arguments = {"A": A, "b": np.zeros(8), "levels": [0, 1], "shape": (4, 4)} | change
    first = [arguments.pop(name) for name in ("A", "b", "levels")]
    with pytest.raises(ValueError, match=message):
        reconstruct_discrete(*first, **arguments)


BAD_CALLS = {
    "size": (lambda: parallel_beam_matrix(0, 1, 1), "size must be an int >= 1, got 0"),
    "angles": (lambda: parallel_beam_matrix(2, 2, 2, angles=[0]), "angles must be 2 finite"),
    "phantom": (lambda: make_ellipse_phantom(4, 0), "n_levels must be an int >= 1, got 0"),
    "n_iter": (lambda: sirt(np.eye(2), [1, 1], -1), "n_iter must be an int >= 0, got -1"),
    "bounds": (lambda: sirt(np.eye(2), [1, 1], bounds=(1, 0)), "bounds must be"),
    "x0": (lambda: sirt(np.eye(2), [1, 1], x0=[1]), "x0 must be 2 finite numbers"),
    "mask": (lambda: sirt(np.eye(2), [1, 1], mask=[1, 0]), "mask must be boolean"),
    "block": (lambda: sart(np.eye(2), [1, 1], block_size=0), "block_size must be an int >= 1"),
}


@pytest.mark.parametrize(("call", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_calls(call, message):
    with pytest.raises(ValueError, match=message):
        call()
