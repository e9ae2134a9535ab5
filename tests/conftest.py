"""What holds for the whole suite; set before anything imports SciPy or a BLAS."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

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


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Any]:
    """A Dask cluster of two processes on this machine."""
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    with (
        dask.config.set({"distributed.worker.memory.terminate": False}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",  # any free port: None still means 8787
            memory_limit=None,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def fake_cupy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for CuPy, to be found as ``cupy`` during one test."""
    path = Path(__file__).with_name("_fakecupy.py")
    spec = importlib.util.spec_from_file_location("_fakecupy", path)
    stand_in = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stand_in)
    module = stand_in.build()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip examples that import what is not installed: some environments lack PyTorch or Dask."""
    for item in items:
        for example in item.dtest.examples if isinstance(item, pytest.DoctestItem) else ():
            named = re.match(r"(?:import|from) (\w+)", example.source)
            if named and importlib.util.find_spec(named[1]) is None:
                item.add_marker(pytest.mark.skip(reason=f"the example imports {named[1]}"))


def pytest_report_header() -> str:
    return f"sampkit: {sampkit.__version__} from {sampkit.__path__[0]}"
