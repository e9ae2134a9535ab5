"""A device that can be looked through: the stand-in for CuPy, every hidden wait refused.

`build` takes the stand-in of the house (which refuses what CuPy refuses) and refuses what CuPy
allows but what makes the host wait: ``bool``, ``float``, ``int``, iteration, ``item``, a boolean
mask as index, and functions whose result has a length that depends on values. What remains is
counted as `transfers`: the explicit copy ``get``, and ``flatnonzero``, whose count the host learns.
Without `strict` all that CuPy allows is allowed.

With `compiler`, its ``RawModule`` compiles CUDA sources with the host's C++ compiler and runs them
block by block, so that the launcher and the kernels are those of a device.
"""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

HERE = Path(__file__).parent
LENGTH_DEPENDS_ON_VALUES = ("argwhere", "nonzero", "unique", "array_equal")
TYPES = {14: np.uint16, 0: np.float32}  # CUDA's numbers of bfloat16 and float32


def refusal(what: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{what} of a device array makes the host wait")

    return refuse


def build(
    stand_in: ModuleType, folder: Path, *, compiler: str | None = None, strict: bool = True
) -> ModuleType:
    """The module to be found as ``cupy``; `stand_in` is a fresh import of ``_fakecupy``."""
    module = stand_in.build()
    if strict:
        refuse_to_wait(module, stand_in.ndarray)
    if compiler is not None:
        run_kernels(module, stand_in, folder, compiler)
    return module


def refuse_to_wait(module: ModuleType, cls: type) -> None:
    module.transfers = 0
    for name in ("__bool__", "__float__", "__int__", "__index__", "__iter__"):
        setattr(cls, name, refusal(name))
    for name in ("item", "tolist", "nonzero"):
        setattr(cls, name, refusal(name))
    for name in LENGTH_DEPENDS_ON_VALUES:
        setattr(module, name, refusal(name))
    get_item, set_item, get = cls.__getitem__, cls.__setitem__, cls.get

    flatnonzero = module.flatnonzero

    def count_of_them(a: Any) -> Any:
        module.transfers += 1
        return flatnonzero(a)

    module.flatnonzero = count_of_them

    def no_mask(at: Any) -> Any:
        for part in at if isinstance(at, tuple) else (at,):
            if getattr(part, "dtype", None) == np.bool_:
                raise TypeError("a boolean mask as index makes the host wait")
        return at

    def counted(self: Any) -> np.ndarray:
        module.transfers += 1
        return get(self)

    cls.__getitem__ = lambda self, at: get_item(self, no_mask(at))
    cls.__setitem__ = lambda self, at, value: set_item(self, no_mask(at), value)
    cls.get = counted


def run_kernels(module: ModuleType, stand_in: ModuleType, folder: Path, compiler: str) -> None:
    stand_in.ndarray.data = property(lambda self: SimpleNamespace(ptr=self._host.ctypes.data))
    module.ascontiguousarray = lambda a, dtype=None: stand_in.wrap(
        np.ascontiguousarray(stand_in.unwrap(a), dtype)
    )
    module.RawModule = lambda code, options: HostModule(compiler, folder, code, options)
    module.cuda = ModuleType("cupy.cuda")
    module.cuda.runtime = SimpleNamespace(
        CUDA_R_16BF=14, CUDA_R_32F=0, memGetInfo=lambda: (1 << 30, 1 << 31)
    )
    module.cuda.Device = lambda: SimpleNamespace(synchronize=lambda: None)
    module.cuda.device = SimpleNamespace(get_cublas_handle=lambda: 1)
    module.cuda.cublas = SimpleNamespace(
        gemmEx=gemm_ex,
        CUBLAS_OP_N=0,
        CUBLAS_OP_T=1,
        CUBLAS_GEMM_DEFAULT=-1,
        CUBLAS_COMPUTE_32F=68,
        CUBLAS_COMPUTE_32F_FAST_TF32=77,
    )


class HostModule:
    """``cupy.RawModule``, by a C++ compiler of the host."""

    def __init__(self, compiler: str, folder: Path, code: str, options: tuple[str, ...]):
        self.compiler, self.folder, self.code, self.options = compiler, folder, code, options

    def get_function(self, name: str) -> Any:
        text = "\n".join([(HERE / "cuda_on_host.h").read_text(), self.code, f"LAUNCHER({name})"])
        defined = [option for option in self.options if option.startswith("-D")]
        key = hashlib.sha256("\n".join([text, *defined]).encode()).hexdigest()[:16]
        library = self.folder / f"{name}-{key}.so"
        if not library.exists():
            source = library.with_suffix(".cpp")
            source.write_text(text)
            how = ["-std=c++17", "-O1", "-ffp-contract=off", "-w", "-shared", "-fPIC", *defined]
            subprocess.run([self.compiler, *how, "-o", library, source], check=True)
        return HostKernel(ctypes.CDLL(str(library)))


class HostKernel:
    """A kernel that takes what CuPy's takes: arrays, and NumPy scalars of the very size."""

    def __init__(self, library: Any):
        self.library = library
        sizes = (ctypes.c_int * 64)()
        self.sizes = sizes[: library.argument_sizes(sizes)]

    def __call__(self, grid: Any, block: Any, args: Any) -> None:
        cells = [self._cell(arg) for arg in args]
        assert [cell.nbytes for cell in cells] == self.sizes
        pointers = (ctypes.c_void_p * len(cells))(*(cell.ctypes.data for cell in cells))
        sizes = (ctypes.c_uint * 5)(*(*grid, 1, 1)[:3], *(*block, 1)[:2])
        self.library.launch(sizes, pointers)

    @staticmethod
    def _cell(arg: Any) -> np.ndarray:
        if isinstance(arg, np.generic):
            return np.array(arg)
        assert arg.flags.c_contiguous
        return np.array(arg.data.ptr, np.uintp)


def gemm_ex(handle: Any, transa: int, transb: int, m: int, n: int, k: int, *rest: Any) -> None:
    """``cublasGemmEx`` as its manual defines it: matrices by columns, C = alpha op(A) op(B)."""
    alpha, a, a_type, lda, b, b_type, ldb, beta, c, c_type, ldc, compute, _ = rest
    assert compute == {14: 68, 0: 77}[a_type]

    def matrix(pointer: int, kind: int, rows: int, columns: int, ld: int) -> np.ndarray:
        dtype = np.dtype(TYPES[kind])
        room = (ctypes.c_char * (ld * columns * dtype.itemsize)).from_address(pointer)
        return np.frombuffer(room, dtype).reshape(columns, ld).T[:rows]

    def factor(pointer: int, kind: int, rows: int, columns: int, ld: int, flip: int) -> np.ndarray:
        x = matrix(pointer, kind, *((columns, rows) if flip else (rows, columns)), ld)
        if kind == 14:
            x = (x.astype(np.uint32) << 16).view(np.float32)
        return x.T if flip else x

    left = factor(a, a_type, m, k, lda, transa)
    right = factor(b, b_type, k, n, ldb, transb)
    one, zero = (ctypes.c_float.from_address(pointer).value for pointer in (alpha, beta))
    assert (one, zero) == (1, 0)
    matrix(c, c_type, m, n, ldc)[...] = left @ right


def install(monkeypatch: Any, module: ModuleType) -> None:
    """Let ``import cupy`` find the module during one test."""
    monkeypatch.setitem(sys.modules, "cupy", module)
    if hasattr(module, "cuda"):
        monkeypatch.setitem(sys.modules, "cupy.cuda", module.cuda)
