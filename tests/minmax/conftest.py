"""Devices that the tests of the family run on."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


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


def real_device() -> ModuleType | None:
    """CuPy, if it finds a GPU."""
    try:
        import cupy

        return cupy if cupy.cuda.runtime.getDeviceCount() else None
    except Exception:  # no CuPy, no driver, no device: each has errors of its own
        return None


REAL = [pytest.param("gpu", marks=pytest.mark.gpu)] if real_device() else []


@pytest.fixture(params=["twins", "kernels", *REAL])
def cupy(request: pytest.FixtureRequest) -> ModuleType:
    """CuPy: played by a stand-in with the NumPy twins or the kernels, and the real one on a GPU."""
    if request.param == "gpu":
        return real_device()
    make = request.getfixturevalue("a_device")
    return make(kernels=request.param == "kernels", strict=False)


@pytest.fixture(params=["kernels", *REAL])
def cuda(request: pytest.FixtureRequest) -> ModuleType:
    """CuPy whose CUDA kernels run: on the host, where no value may be looked at, or on a GPU."""
    if request.param == "gpu":
        return real_device()
    return request.getfixturevalue("kernels_on_host")


@pytest.fixture(params=["twins", "kernels", *REAL])
def device(request: pytest.FixtureRequest) -> ModuleType:
    """As `cupy`, but no value may be looked at without a copy that is asked for."""
    if request.param == "gpu":
        return real_device()
    make = request.getfixturevalue("a_device")
    return make(kernels=request.param == "kernels", strict=True)
