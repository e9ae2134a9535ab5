"""Devices that the tests of the family run on."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gpu: runs on CuPy and a GPU, where there is one")


def fresh(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where kernels compiled for the host are kept during a run."""
    return tmp_path_factory.mktemp("kernels")


def cxx() -> str | None:
    return shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


@pytest.fixture
def glass(monkeypatch: pytest.MonkeyPatch, built: Path) -> ModuleType:
    """CuPy without a GPU and without hidden waits for the host; the NumPy twins do the work."""
    tools = fresh(HERE / "_glass.py")
    module = tools.build(fresh(HERE.parent / "_fakecupy.py"), built)
    tools.install(monkeypatch, module)
    return module


@pytest.fixture
def kernels_on_host(monkeypatch: pytest.MonkeyPatch, built: Path) -> ModuleType:
    """The same, but the CUDA kernels do the work, compiled for the host."""
    compiler = cxx()
    if compiler is None:
        pytest.skip("no C++ compiler on the path to run the kernels with")
    from sampkit.minmax import _cuda

    tools = fresh(HERE / "_glass.py")
    module = tools.build(fresh(HERE.parent / "_fakecupy.py"), built, compiler=compiler)
    tools.install(monkeypatch, module)
    monkeypatch.setattr(_cuda, "THREADS", 32)
    _cuda._kernel.cache_clear()
    yield module
    _cuda._kernel.cache_clear()
