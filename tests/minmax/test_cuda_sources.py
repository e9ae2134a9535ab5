"""The CUDA sources without a device: compiled to PTX, and their elements run as plain C.

The PTX check needs the wheel ``nvidia-cuda-nvrtc-cu12`` (about 90 MB, no driver), the other one a C
compiler; each is skipped, with that reason, where what it needs is missing.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sampkit.minmax import _cuda
from sampkit.minmax import _kernels as kernels

VARIANTS = [
    ("moves.cu", {"real": real, "vec": vec, "screen16": screen16, "bounded": bounded})
    for real, vec, screen16, bounded in itertools.product(
        ["float", "double"], [1, 4], [False, True], [False, True]
    )
    if not (screen16 and real == "double")
]
VARIANTS += [
    ("pairs.cu", {"real": real, "bounded": bounded})
    for real, bounded in itertools.product(["float", "double"], [False, True])
]
VARIANTS += [("rounding.cu", {"real": "float"})]
ENTRIES = {
    "moves.cu": {"powers", "try_move", "try_pairs"},
    "pairs.cu": {"pair_filter"},
    "rounding.cu": {"round_bfloat16", "square_bfloat16"},
}


@pytest.fixture(scope="module")
def nvrtc():
    try:
        spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        spec = None
    found = [
        library
        for place in (spec.submodule_search_locations or [] if spec else [])
        for library in (Path(place) / "lib").glob("libnvrtc.so*")
    ]
    if not found:
        pytest.skip("the wheel nvidia-cuda-nvrtc-cu12 is not installed")
    return ctypes.CDLL(str(found[0]))


def compiled(nvrtc, text, options):
    """The PTX of a source and the compiler's log."""
    program = ctypes.c_void_p()
    assert (
        nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"x.cu", 0, None, None) == 0
    )
    told = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    status = nvrtc.nvrtcCompileProgram(program, len(options), told)
    answers = []
    for what in ("ProgramLog", "PTX"):
        size = ctypes.c_size_t()
        getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        room = ctypes.create_string_buffer(size.value)
        getattr(nvrtc, f"nvrtcGet{what}")(program, room)
        answers.append(room.value.decode())
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    log, ptx = answers
    return (ptx if status == 0 else None), log


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=str)
def test_the_sources_compile_without_a_warning(nvrtc, name, variant, architecture):
    compute = architecture.replace("sm", "compute")
    options = [*_cuda.options(**variant), f"--gpu-architecture={compute}"]
    ptx, log = compiled(nvrtc, _cuda.source(name), options)
    assert ptx is not None, log
    assert log.strip() == ""
    assert f".target {architecture}" in ptx
    assert set(re.findall(r"\.entry (\w+)", ptx)) == ENTRIES[name]
    assert "fma." not in ptx  # elements are those of the twins
    if name == "moves.cu" and variant["vec"] == 4:
        wide = "v4.f32" if variant["real"] == "float" else "v2.f64"
        assert f"ld.global.{wide}" in ptx.replace(".nc", "")
        assert f"st.global.{wide}" in ptx


def test_an_error_in_a_source_is_reported(nvrtc):
    text = _cuda.source("moves.cu").replace("even * z", "even * zz")
    ptx, log = compiled(nvrtc, text, list(_cuda.options("float")))
    assert ptx is None
    assert '"zz" is undefined' in log


DRIVER = """
void run(const REAL *r, const REAL *hi, const REAL *lo, int p, int n,
         REAL *far, REAL *beyond, REAL *even, unsigned short *half, float *back)
{
    for (int i = 0; i < n; ++i) {
        far[i] = violation(r[i], hi[i], lo[i]);
        beyond[i] = excess(r[i], hi[i], lo[i]);
        even[i] = even_power(r[i], p);
        half[i] = to_bfloat16((float)r[i]);
        back[i] = from_bfloat16(half[i]);
    }
}
"""


@pytest.fixture(scope="module", params=["float", "double"])
def elements(request, tmp_path_factory):
    """The elements compiled as C: NumPy's dtype, and a function of (r, hi, lo, p)."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler on the path")
    folder = tmp_path_factory.mktemp("elements")
    path = Path(_cuda.__file__).with_name("elements.h")
    (folder / "elements.c").write_text(path.read_text() + DRIVER)
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-O2"]
    how = [*strict, f"-DREAL={request.param}", "-shared", "-fPIC", "-o", folder / "elements.so"]
    subprocess.run([compiler, *how, folder / "elements.c"], check=True)
    library = ctypes.CDLL(str(folder / "elements.so"))
    dtype = np.float32 if request.param == "float" else np.float64

    def run(r, hi, lo, p):
        out = [np.empty(len(r), kind) for kind in (dtype, dtype, dtype, np.uint16, np.float32)]
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (r, hi, lo, *out)]
        library.run(*pointers[:3], ctypes.c_int(p), ctypes.c_int(len(r)), *pointers[3:])
        return out

    return dtype, run


@pytest.mark.parametrize("p", [2, 4, 8, 16, 32, 64, 128])
def test_elements_in_c_are_those_of_the_twins(elements, p):
    dtype, run = elements
    rng = np.random.default_rng(p)
    r = np.concatenate([rng.standard_normal(500), [0.0, -0.0, 1.0, -1.0, 1e-30, 1e30]])
    r = r.astype(dtype)
    h = rng.uniform(-0.5, 1, len(r)).astype(dtype)
    none = np.full(len(r), np.inf, dtype)
    for hi, lo in [(h, h), (h, none), (none, h), (none, none)]:
        far, beyond, even, *_ = run(r, hi, lo, p)
        assert_array_equal(far, np.maximum(r - hi, -r - lo))
        assert_array_equal(beyond, kernels._excess(np, r, (hi, lo)))
        with np.errstate(over="ignore", under="ignore"):
            assert_array_equal(even, kernels._even_power(np, r, p - 2))


def test_bfloat16_in_c_rounds_to_nearest_and_ties_to_even(elements):
    dtype, run = elements
    bits = {  # of the float32 and of what it is rounded to
        0x3F800000: 0x3F800000,
        0x3F807FFF: 0x3F800000,
        0x3F808000: 0x3F800000,  # halfway, to even
        0x3F808001: 0x3F810000,
        0x3F818000: 0x3F820000,  # halfway, to even
        0xBF818000: 0xBF820000,
        0x7F7FFFFF: 0x7F800000,  # the largest, to infinity
        0x7F800000: 0x7F800000,
        0x00018000: 0x00020000,  # subnormal
        0x80000000: 0x80000000,
    }
    r, rounded = (np.array(list(side), "u4").view("f4") for side in (bits, bits.values()))
    h = np.zeros(len(r), dtype)
    *_, back = run(r.astype(dtype), h, h, 2)
    assert_array_equal(back.view("u4"), rounded.view("u4"))
