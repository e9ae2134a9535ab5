"""Checks of a sampler as an object: what it leaves alone, and that it can be relied on."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sampkit.testing._case import Case, NotApplicableError, Run, len_of
from sampkit.testing._same import difference, flags, snapshot


def check_protocol(case: Case) -> None:
    """A pair of equally many rows comes back, and there is no ``transform``."""
    for method in ("transform", "fit_transform"):
        if hasattr(case.given, method):
            raise AssertionError(
                f"{case.name} has {method} beside fit_resample, which pipelines refuse"
            )
    run = case.base
    if run.y is None:
        if case.y is not None:
            raise AssertionError(f"{case.name} returned None for y")
    elif len_of(run.X) != len_of(run.y):
        raise AssertionError(
            f"{case.name} returned {len_of(run.X)} rows of X and {len_of(run.y)} of y"
        )


def check_input_untouched(case: Case) -> None:
    """X and y are afterwards what they were before."""
    given = {"X": snapshot(case.X), "y": snapshot(case.y)}
    before = {name: (snapshot(value), flags(value)) for name, value in given.items()}
    sampler = case.fresh()
    sampler.fit_resample(given["X"], given["y"])
    if hasattr(sampler, "fit"):
        sampler.fit(given["X"], given["y"])
    for name, value in given.items():
        was, had = before[name]
        found = difference(was, value)
        if found is None and flags(value) != had:
            found = f"flags {had} became {flags(value)}"
        if found:
            raise AssertionError(f"{case.name} changed {name}: {found}")


def check_read_only_input(case: Case) -> None:
    """Arrays that cannot be written to, such as memory maps of parallel jobs, are taken."""
    arrays = [value for value in (case.X, case.y) if isinstance(value, np.ndarray)]
    if not arrays:
        raise NotApplicableError("neither X nor y is an array")
    sampler, X, y = case.fresh(), snapshot(case.X), snapshot(case.y)
    for value in (X, y):
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    try:
        run = Run(sampler, *sampler.fit_resample(X, y))
    except ValueError as error:
        raise AssertionError(f"{case.name} fails on read-only arrays: {str(error)[:150]}") from None
    _same_result(case, case.base, run, "read-only arrays give other rows")


def check_fit_only(case: Case) -> None:
    """``fit`` returns the sampler and makes no rows."""
    sampler = case.fresh()
    if not hasattr(sampler, "fit"):
        raise NotApplicableError(f"{case.name} has no fit")
    out = sampler.fit(case.X, case.y)
    if out is not sampler:
        raise AssertionError(f"{case.name}.fit must return the sampler, got {type(out)}")


def check_params_untouched(case: Case) -> None:
    """The parameters are after ``fit_resample`` the very objects that they were before."""
    if not case.has_params:
        raise NotApplicableError(f"{case.name} has no get_params")
    sampler = case.fresh()
    before = sampler.get_params(deep=False)
    copies = {name: snapshot(value) for name, value in before.items()}
    sampler.fit_resample(case.X, case.y)
    after = sampler.get_params(deep=False)
    for name, value in before.items():
        if after[name] is not value:
            raise AssertionError(f"{case.name} replaced its parameter {name}")
        plain = isinstance(value, (np.ndarray, list, tuple, dict, str, int, float))
        if plain and difference(copies[name], value):
            raise AssertionError(f"{case.name} changed its parameter {name}")


def check_repeatable(case: Case) -> None:
    """Two copies with one seed, and one copy used twice, give the same rows."""
    _same_result(case, case.base, case.run(), "two copies with one seed give different rows")
    sampler = case.fresh()
    for _ in range(2):
        again = Run(sampler, *sampler.fit_resample(case.X, case.y))
    _same_result(case, case.base, again, "a second call of one object gives different rows")


def check_global_random_state(case: Case) -> None:
    """NumPy's global stream of random numbers neither decides nor moves."""
    state = _global_state()
    try:
        np.random.seed(1)  # noqa: NPY002
        before = _global_state()
        first = case.run()
        after = _global_state()
        np.random.seed(2)  # noqa: NPY002
        second = case.run()
    finally:
        np.random.set_state(state)  # noqa: NPY002
    if before[2:] != after[2:] or not np.array_equal(before[1], after[1]):
        raise AssertionError(f"{case.name} draws from NumPy's global random stream")
    _same_result(case, first, second, "the rows depend on NumPy's global random stream")


def _global_state() -> Any:
    return np.random.get_state(legacy=True)  # noqa: NPY002  (the one to be left alone)


def check_pickle(case: Case) -> None:
    """A pickled copy, made before or after the fit, resamples as the original."""
    for state, sampler in (("unfitted", case.fresh()), ("fitted", case.base.sampler)):
        try:
            loaded = pickle.loads(pickle.dumps(sampler))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            if "<locals>" in type(sampler).__qualname__ or type(sampler).__module__ == "__main__":
                raise NotApplicableError("a class defined in a session cannot be pickled") from None
            raise AssertionError(
                f"{state} {case.name} cannot be pickled: {str(error)[:150]}"
            ) from None
        again = Run(loaded, *loaded.fit_resample(case.X, case.y))
        _same_result(case, case.base, again, f"{state}, a pickled copy gives other rows")


def check_mismatched_lengths(case: Case) -> None:
    """X and y of different lengths are refused."""
    if case.y is None:
        raise NotApplicableError("there is no y")
    if not (isinstance(case.y, (np.ndarray, list)) or hasattr(case.y, "iloc")):
        raise NotApplicableError(f"y is a {type(case.y).__name__}")
    y = case.y.iloc[:-1] if hasattr(case.y, "iloc") else case.y[:-1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case.run(case.X, y)
    except ValueError:
        return
    except Exception as error:
        raise AssertionError(
            f"{case.name} refuses {case.n_rows} rows with {len(y)} labels by "
            f"{type(error).__name__} instead of ValueError"
        ) from None
    raise AssertionError(f"{case.name} takes {case.n_rows} rows with {len(y)} labels")


def _same_result(case: Case, first: Run, second: Run, what: str) -> None:
    for name in ("X", "y"):
        found = difference(getattr(first, name), getattr(second, name))
        if found:
            raise AssertionError(f"{case.name}: {what} ({name}: {found})")


PROTOCOL_CHECKS: dict[str, Callable[[Case], Any]] = {
    "protocol": check_protocol,
    "input_untouched": check_input_untouched,
    "repeatable": check_repeatable,
    "global_random_state": check_global_random_state,
    "read_only_input": check_read_only_input,
    "fit_only": check_fit_only,
    "params_untouched": check_params_untouched,
    "pickle": check_pickle,
    "mismatched_lengths": check_mismatched_lengths,
}
