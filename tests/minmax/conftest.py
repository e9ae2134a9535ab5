"""Devices that the tests of the family run on."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
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


@pytest.fixture
def a_device(monkeypatch: pytest.MonkeyPatch, built: Path) -> Iterator[Callable[..., ModuleType]]:
    """Make ``import cupy`` find a device: ``a_device(kernels=..., strict=...)``."""
    from sampkit.minmax import _cuda

    tools = fresh(HERE / "_glass.py")

    def make(*, kernels: bool, strict: bool) -> ModuleType:
        compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
        if kernels and compiler is None:
            pytest.skip("no C++ compiler on the path to run the kernels with")
        module = tools.build(
            fresh(HERE.parent / "_fakecupy.py"),
            built,
            compiler=compiler if kernels else None,
            strict=strict,
        )
        tools.install(monkeypatch, module)
        monkeypatch.setattr(_cuda, "THREADS", 32)
        return module

    _cuda._kernel.cache_clear()
    yield make
    _cuda._kernel.cache_clear()


@pytest.fixture
def glass(a_device: Callable[..., ModuleType]) -> ModuleType:
    """CuPy without a GPU and without hidden waits for the host; the NumPy twins do the work."""
    return a_device(kernels=False, strict=True)


@pytest.fixture
def kernels_on_host(a_device: Callable[..., ModuleType]) -> ModuleType:
    """The same, but the CUDA kernels do the work, compiled for the host."""
    return a_device(kernels=True, strict=True)


@pytest.fixture(params=["twins", "kernels", pytest.param("gpu", marks=pytest.mark.gpu)])
def cupy(request: pytest.FixtureRequest) -> ModuleType:
    """CuPy: played by a stand-in with the NumPy twins or the kernels, and the real one on a GPU."""
    if request.param == "gpu":
        return request.getfixturevalue("gpu")
    make = request.getfixturevalue("a_device")
    return make(kernels=request.param == "kernels", strict=False)


@pytest.fixture
def gpu() -> ModuleType:
    """The real CuPy, if it finds a device."""
    module = pytest.importorskip("cupy", exc_type=ImportError)
    try:
        devices = module.cuda.runtime.getDeviceCount()
    except Exception as error:  # no driver, or one too old: each has errors of its own
        pytest.skip(f"CuPy finds no device: {error}")
    if not devices:
        pytest.skip("CuPy finds no device")
    return module
