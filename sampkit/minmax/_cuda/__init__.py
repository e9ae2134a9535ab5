"""The CUDA kernels of the search and how they are launched; nothing here runs without CuPy.

The sources lie beside this file: ``elements.h`` (what happens to one number, plain C) goes before
``moves.cu``, ``pairs.cu`` or ``rounding.cu``. CuPy compiles a source once for each set of
`options` and keeps the binary. Contraction to fused multiply-adds is switched off: elements are
those of the NumPy twins bit by bit, and only sums over rows are taken in another order.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sampkit.minmax._kernels import Batch, Bounds

THREADS = 256
BLOCKS_WANTED = 2048  # about what fills the largest devices twice; more work goes into each
ROUNDS = 8  # vectors that one thread handles at most
FIRST_CAPACITY = 1 << 20  # surviving pairs to make room for before their number is known
TILE, WARPS = 32, 8  # as in pairs.cu
NULL = np.uintp(0)


def source(name: str) -> str:
    """The text that is compiled for ``moves.cu``, ``pairs.cu`` or ``rounding.cu``."""
    here = resources.files(__package__)
    return "\n".join(here.joinpath(part).read_text("utf-8") for part in ("elements.h", name))


def options(
    real: str, *, vec: int = 1, screen16: bool = False, bounded: bool = False
) -> tuple[str, ...]:
    """What the compiler is told for one variant of a source."""
    named = {"VEC": vec, "SCREEN16": int(screen16), "BOUNDED": int(bounded), "THREADS": THREADS}
    defined = [f"-DREAL={real}", *(f"-D{name}={value}" for name, value in named.items())]
    return ("--std=c++17", "--fmad=false", *defined)


@functools.cache
def _kernel(name: str, function: str, told: tuple[str, ...]) -> Any:
    import cupy

    return cupy.RawModule(code=source(name), options=told).get_function(function)


def _real(dtype: Any) -> str:
    return "float" if dtype == np.float32 else "double"


def powers(xp: Any, state: Batch, invt: Any, p: int, *, todo: Any, bounds: Bounds) -> Any:
    """`sampkit.minmax._kernels.powers` on a device."""
    run = _Pass(xp, state.n_states, [state.R, state.z1, state.w], bounds)
    invt = xp.ascontiguousarray(invt, dtype=state.R.dtype)
    mask = NULL if todo is None else xp.ascontiguousarray(todo)
    numbers = (np.int32(p), np.int32(state.n_states))
    run.launch("powers", (state.R, state.at, invt, mask), numbers, (state.z1, state.w))
    return run.sum


def try_move(
    xp: Any, state: Batch, AT: Any, j: Any, delta: Any, invt: Any, p: int, *, bounds: Bounds
) -> tuple[Any, Any]:
    """`sampkit.minmax._kernels.try_move` on a device."""
    dtype = state.R.dtype
    AT, delta, invt = (xp.ascontiguousarray(array, dtype=dtype) for array in (AT, delta, invt))
    run = _Pass(xp, state.n_states, [state.R, state.z1, state.w, AT], bounds)
    j = xp.ascontiguousarray(j, dtype=np.int32)
    numbers = (np.int32(p), np.int32(state.n_states))
    first = (state.R, state.at, AT, j, delta, invt)
    run.launch("try_move", first, numbers, (state.z1, state.w))
    return run.sum, run.top


class _Pass:
    """How one pass over `count` times m residuals is cut into blocks, and room for its totals."""

    def __init__(self, xp: Any, count: int, read: list[Any], bounds: Bounds):
        dtype, self.m = read[0].dtype, read[0].shape[-1]
        self.count = count
        self.bounds = [xp.ascontiguousarray(side, dtype=dtype) for side in bounds or ()]
        aligned = all(array.data.ptr % 16 == 0 for array in [*read, *self.bounds])
        vec = 4 if self.m % 4 == 0 and aligned else 1
        self.step = vec * THREADS * self._rounds(vec * THREADS)
        self.chunks = -(-self.m // self.step)
        self.sum, self.top = (xp.empty(count, dtype) for _ in range(2))
        self.part_sum = xp.empty((count, self.chunks), np.float64)
        self.part_largest = xp.empty((count, self.chunks), dtype)
        self.arrived = xp.zeros(count, np.uint32)
        screen16 = any(array.dtype == np.uint16 for array in read)
        self.told = options(_real(dtype), vec=vec, screen16=screen16, bounded=bool(self.bounds))

    def _rounds(self, width: int) -> int:
        blocks = self.count * -(-self.m // width)
        return max(min(ROUNDS, blocks // BLOCKS_WANTED), 1)

    def launch(self, function: str, first: tuple[Any, ...], then: tuple[Any, ...] = (),
               powers: tuple[Any, ...] = ()) -> None:  # fmt: skip
        """Run a kernel: its own arguments, bounds, numbers, sizes, powers, totals."""
        if self.count == 0:
            return
        sizes = (np.int64(self.m), np.int32(self.chunks), np.int64(self.step))
        totals = (self.part_sum, self.part_largest, self.arrived, self.sum, self.top)
        _kernel("moves.cu", function, self.told)(
            (self.count * self.chunks,),
            (THREADS,),
            (*first, *(self.bounds or (NULL, NULL)), *then, *sizes, *powers, *totals),
        )


def pair_filter(
    xp: Any, RK: Any, DK: Any, t: Any, *, apart: int, bounds: Bounds
) -> tuple[Any, Any]:
    """Codes (state n + i) n + j and bounds of the pairs that survive, in no order."""
    dtype = RK.dtype
    RK, DK, t = (xp.ascontiguousarray(array, dtype=dtype) for array in (RK, DK, t))
    sides = [xp.ascontiguousarray(side, dtype=dtype) for side in bounds or ()]
    states, n, K = DK.shape
    kernel = _kernel("pairs.cu", "pair_filter", options(_real(dtype), bounded=bool(sides)))
    capacity = min(states * n * (n - 1) // 2, FIRST_CAPACITY)
    tiles = -(-n // TILE)
    while True:
        code, bound = xp.empty(capacity, np.int64), xp.empty(capacity, dtype)
        count = xp.zeros(1, np.uint64)
        if capacity:
            kernel(
                (tiles, tiles, states),
                (TILE, WARPS),
                (
                    *(RK, DK, *(sides or (NULL, NULL)), t),
                    *(np.int32(n), np.int32(K), np.int32(apart)),
                    *(np.uint64(capacity), count, code, bound),
                ),
            )
        found = int(count.get()[0])  # waits for the kernel
        if found <= capacity:
            return code[:found], bound[:found]
        capacity = found  # more than there was room for: once more, with room for all


def try_pairs(
    xp: Any, R: Any, AT: Any, state: Any, pair: Any, step: Any, *, bounds: Bounds
) -> tuple[Any, Any]:
    """`sampkit.minmax._kernels.try_pairs` on a device."""
    R, AT = xp.ascontiguousarray(R), xp.ascontiguousarray(AT, dtype=R.dtype)
    state = xp.ascontiguousarray(state, dtype=np.int32)
    pair, step = xp.ascontiguousarray(pair, dtype=np.int32), xp.ascontiguousarray(step, R.dtype)
    run = _Pass(xp, len(state), [R, AT], bounds)
    run.launch("try_pairs", (R, AT, state, pair[0], pair[1], step[0], step[1]))
    return run.top, run.sum


def to_bfloat16(xp: Any, x: Any) -> Any:
    """`x` rounded to bfloat16, as 16-bit integers."""
    return _rounded(xp, "round_bfloat16", xp.ascontiguousarray(x, dtype=np.float32))


def _rounded(xp: Any, function: str, x: Any) -> Any:
    y = xp.empty(x.shape, np.uint16)
    if x.size:
        blocks = min(-(-x.size // THREADS), 16 * BLOCKS_WANTED)
        kernel = _kernel("rounding.cu", function, options("float"))
        kernel((blocks,), (THREADS,), (x, y, np.int64(x.size)))
    return y


def screen(xp: Any, state: Batch, AT_J: Any, squared_J: Any) -> tuple[Any, Any]:
    """`sampkit.minmax._kernels.screen` on tensor cores: reduced factors, float32 sums."""
    if squared_J is None:
        if AT_J.dtype == np.uint16:
            squared_J = _rounded(xp, "square_bfloat16", xp.ascontiguousarray(AT_J))
        else:
            squared_J = AT_J * AT_J
    return _product(xp, state.z1, AT_J), _product(xp, state.w, squared_J)


def _product(xp: Any, left: Any, right: Any) -> Any:
    """``left @ right.T`` as float32; bfloat16 factors, or float32 ones that count as TF32."""
    from cupy.cuda import cublas, device, runtime

    (rows, m), columns = left.shape, right.shape[0]
    left, right = xp.ascontiguousarray(left), xp.ascontiguousarray(right)
    result = xp.empty((rows, columns), np.float32)
    if left.dtype == np.uint16:
        factor, compute = runtime.CUDA_R_16BF, cublas.CUBLAS_COMPUTE_32F
    else:
        factor, compute = runtime.CUDA_R_32F, cublas.CUBLAS_COMPUTE_32F_FAST_TF32
    one, zero = np.array(1, np.float32), np.array(0, np.float32)
    # cuBLAS counts by columns: what it writes as (columns, rows) reads as (rows, columns) here
    cublas.gemmEx(
        device.get_cublas_handle(),
        *(cublas.CUBLAS_OP_T, cublas.CUBLAS_OP_N, columns, rows, m),
        one.ctypes.data,
        *(right.data.ptr, factor, m),
        *(left.data.ptr, factor, m),
        zero.ctypes.data,
        *(result.data.ptr, runtime.CUDA_R_32F, columns),
        *(compute, cublas.CUBLAS_GEMM_DEFAULT),
    )
    return result
