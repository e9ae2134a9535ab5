"""What holds for the whole suite; set before anything imports SciPy or a BLAS."""

from __future__ import annotations

import os
from pathlib import Path

# scikit-learn's array API checks want this switch; the gallery runs without it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import pytest

import sampkit

# The same examples on every machine and in every run; `--hypothesis-profile=explore` looks further.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, print_blob=True, max_examples=1000)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that holds the project's sources."""
    return Path(__file__).resolve().parents[1]


def pytest_report_header() -> str:
    return f"sampkit: {sampkit.__version__} from {sampkit.__path__[0]}"
