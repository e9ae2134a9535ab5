"""A stand-in for CuPy on machines without a GPU: NumPy inside, CuPy's refusals outside.

It has the names and parameters that CuPy 14 documents and no others, so that code which leans on
NumPy fails here as it would on a device: NumPy functions refuse its arrays and its functions refuse
NumPy arrays, sorts know no kind but "stable", `lexsort` no axis, `take` no mode, reductions no
`initial` and no `where`, `repeat` no array of counts, and generators no `permutation`, `choice` or
`shuffle`. Reductions return 0-d arrays.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

REFUSAL = (
    "Implicit conversion to a NumPy array is not allowed. "
    "Please use `.get()` to construct a NumPy array explicitly."
)


def unwrap(value: Any) -> Any:
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        return type(value)(unwrap(v) for v in value)
    return value


def wrap(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray._of(np.asarray(value))
    if isinstance(value, (tuple, list)):
        return type(value)(wrap(v) for v in value)
    return value


def silent(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` without NumPy's warnings: a device computes NaN and infinity quietly."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return call


def restricted(name: str, function: Callable[..., Any], parameters: str) -> Callable[..., Any]:
    """`function` on wrapped arrays, with CuPy's parameters only."""
    names = parameters.split()

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(names):
            raise TypeError(f"cupy.{name} takes at most {len(names)} arguments, got {len(args)}")
        given = dict(zip(names, args, strict=False)) | kwargs
        unknown = given.keys() - set(names)
        if unknown:
            raise TypeError(f"cupy.{name} got an unexpected keyword argument {sorted(unknown)}")
        if given.get("kind") not in (None, "stable"):
            raise ValueError(f"cupy.{name} sorts stably only, got kind={given['kind']!r}")
        if name in ("sort", "argsort"):
            given["kind"] = "stable"
        if name == "repeat" and isinstance(given.get("repeats"), ndarray):
            raise TypeError("cupy.repeat takes an int, a list or a tuple of repeats")
        if name == "lexsort" and not isinstance(given["keys"], ndarray):
            raise TypeError("cupy.lexsort takes one array of keys (k, N)")
        result = function(
            *(unwrap(v) for v in list(given.values())[: len(args)]),
            **{k: unwrap(v) for k, v in list(given.items())[len(args) :]},
        )
        return given["out"] if given.get("out") is not None else wrap(result)

    call.__name__ = name
    return silent(call)


def elementwise(name: str) -> Callable[..., Any]:
    ufunc = getattr(np, name)

    def call(*args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind") -> Any:
        if not any(isinstance(a, ndarray) for a in args):
            raise TypeError(f"cupy.{name} needs a cupy.ndarray, got {[type(a) for a in args]}")
        given = [unwrap(a) for a in args]
        how = {"casting": casting} | ({} if dtype is None else {"dtype": dtype})
        if out is not None:
            ufunc(*given, out=unwrap(out), **how)
            return out
        return wrap(ufunc(*given, **how))

    call.__name__ = name
    return silent(call)


class ndarray:  # the name that code meets
    """A device array, as far as the calling code can tell."""

    __slots__ = ("_host",)
    __array_ufunc__ = None  # NumPy's ufuncs raise, and leave operators to this class
    __hash__ = None

    def __init__(self, shape: Any, dtype: Any = float):
        self._host = np.empty(shape, dtype)

    @classmethod
    def _of(cls, host: np.ndarray) -> ndarray:
        self = object.__new__(cls)
        self._host = host
        return self

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(REFUSAL)

    def __array_function__(self, function: Any, *rest: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} was applied to a device array")

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        return sys.modules["cupy"]

    def get(self) -> np.ndarray:
        return self._host.copy()

    def item(self) -> Any:
        return self._host.item()

    def tolist(self) -> Any:
        return self._host.tolist()

    def fill(self, value: Any) -> None:
        self._host.fill(unwrap(value))

    def sort(self, axis: int = -1) -> None:
        self._host.sort(axis=axis, kind="stable")

    def __getitem__(self, at: Any) -> ndarray:
        return wrap(self._host[unwrap(at)])

    def __setitem__(self, at: Any, value: Any) -> None:
        self._host[unwrap(at)] = unwrap(value)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (wrap(row) for row in self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __index__(self) -> int:
        return self._host.__index__()

    def __repr__(self) -> str:
        return f"fake {self._host!r}"

    def __reduce__(self) -> Any:
        return wrap, (self._host,)

    def __deepcopy__(self, memo: Any) -> ndarray:
        return wrap(self._host.copy())

    @property
    def device(self) -> str:
        return "<CUDA Device 0>"


def _operator(name: str) -> Callable[..., Any]:
    def method(self: ndarray, *other: Any) -> Any:
        result = getattr(self._host, name)(*(unwrap(o) for o in other))
        if result is NotImplemented:
            return result
        return self if name.startswith("__i") and name != "__invert__" else wrap(result)

    return silent(method)


def _method(name: str, parameters: str) -> Callable[..., Any]:
    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        return restricted(name, getattr(self._host, name), parameters)(*args, **kwargs)

    return method


OPERATORS = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift divmod"
COMPARISONS = "eq ne lt le gt ge neg pos abs invert"
PROPERTIES = "shape dtype ndim size itemsize nbytes strides flags T real"
for _name in [f"__{p}{o}__" for o in OPERATORS.split() for p in ("", "r", "i")]:
    if _name not in ("__idivmod__",):
        setattr(ndarray, _name, _operator(_name))
for _name in COMPARISONS.split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
for _name in PROPERTIES.split():
    setattr(ndarray, _name, property(lambda self, n=_name: wrap(getattr(self._host, n))))

METHODS = {
    "all": "axis out keepdims",
    "any": "axis out keepdims",
    "argmax": "axis dtype out keepdims",
    "argmin": "axis dtype out keepdims",
    "argpartition": "kth axis",
    "argsort": "axis kind",
    "astype": "dtype order casting subok copy",
    "clip": "min max out",
    "copy": "order",
    "cumsum": "axis dtype out",
    "dot": "b out",
    "flatten": "order",
    "max": "axis out keepdims",
    "mean": "axis dtype out keepdims",
    "min": "axis out keepdims",
    "nonzero": "",
    "prod": "axis dtype out keepdims",
    "ravel": "order",
    "repeat": "repeats axis",
    "round": "decimals out",
    "squeeze": "axis",
    "std": "axis dtype out ddof keepdims",
    "sum": "axis dtype out keepdims",
    "swapaxes": "axis1 axis2",
    "take": "indices axis out",
    "var": "axis dtype out ddof keepdims",
    "view": "dtype",
}
for _name, _parameters in METHODS.items():
    setattr(ndarray, _name, _method(_name, _parameters))
ndarray.reshape = lambda self, *shape, order="C": wrap(self._host.reshape(*shape, order=order))
ndarray.transpose = lambda self, *axes: wrap(self._host.transpose(*axes))

FUNCTIONS = {
    "all": "a axis out keepdims",
    "any": "a axis out keepdims",
    "argmax": "a axis dtype out keepdims",
    "argmin": "a axis dtype out keepdims",
    "argpartition": "a kth axis",
    "argsort": "a axis kind",
    "argwhere": "a",
    "array_equal": "a1 a2 equal_nan",
    "average": "a axis weights returned",
    "bincount": "x weights minlength",
    "broadcast_to": "array shape",
    "clip": "a a_min a_max out",
    "column_stack": "tup",
    "concatenate": "tup axis out",
    "count_nonzero": "a axis",
    "cumsum": "a axis dtype out",
    "diff": "a n axis prepend append",
    "dot": "a b out",
    "expand_dims": "a axis",
    "flatnonzero": "a",
    "hstack": "tup dtype casting",
    "isin": "element test_elements assume_unique invert",
    "lexsort": "keys",
    "matmul": "x1 x2 out",
    "max": "a axis out keepdims",
    "mean": "a axis dtype out keepdims",
    "median": "a axis out overwrite_input keepdims",
    "min": "a axis out keepdims",
    "moveaxis": "a source destination",
    "nan_to_num": "x copy nan posinf neginf",
    "nonzero": "a",
    "outer": "a b",
    "partition": "a kth axis",
    "prod": "a axis dtype out keepdims",
    "put_along_axis": "arr indices values axis",
    "ravel": "a order",
    "repeat": "a repeats axis",
    "reshape": "a newshape order",
    "searchsorted": "a v side sorter",
    "sort": "a axis kind",
    "split": "ary indices_or_sections axis",
    "squeeze": "a axis",
    "stack": "tup axis out dtype casting",
    "std": "a axis dtype out ddof keepdims",
    "sum": "a axis dtype out keepdims",
    "take": "a indices axis out",
    "take_along_axis": "a indices axis",
    "tile": "A reps",
    "trace": "a offset axis1 axis2 dtype out",
    "transpose": "a axes",
    "unique": "ar return_index return_inverse return_counts axis equal_nan",
    "var": "a axis dtype out ddof keepdims",
    "vstack": "tup dtype casting",
    "where": "condition x y",
}
CREATION = {
    "arange": "start stop step dtype",
    "empty": "shape dtype order",
    "empty_like": "prototype dtype order subok shape",
    "eye": "N M k dtype order",
    "full": "shape fill_value dtype order",
    "full_like": "a fill_value dtype order subok shape",
    "linspace": "start stop num endpoint retstep dtype axis",
    "ones": "shape dtype order",
    "ones_like": "a dtype order subok shape",
    "zeros": "shape dtype order",
    "zeros_like": "a dtype order subok shape",
}
UFUNCS = """
    abs absolute add arctan2 bitwise_and bitwise_or bitwise_xor cbrt ceil copysign cos divide divmod
    equal exp expm1 floor floor_divide fmax fmin frexp greater greater_equal hypot invert isfinite
    isinf isnan ldexp less less_equal log log1p log2 logical_and logical_not logical_or maximum
    minimum mod multiply negative nextafter not_equal power remainder rint sign sin sqrt square
    subtract tan tanh true_divide trunc
"""
CONSTANTS = """
    bool_ e finfo float16 float32 float64 iinfo inf int16 int32 int64 int8 integer intp nan newaxis
    pi promote_types uint16 uint32 uint64 uint8 floating dtype
"""


class Generator:
    """The methods that CuPy's Generator has; its stream is its own."""

    def __init__(self, host: np.random.Generator):
        self._host = host

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        drawn = wrap(np.asarray(self._host.random(size, dtype=dtype)))
        if out is None:
            return drawn
        out[...] = drawn
        return out

    def uniform(
        self, low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = np.float64
    ) -> Any:
        return wrap(self._host.uniform(unwrap(low), unwrap(high), size)).astype(dtype)

    def integers(
        self,
        low: int,
        high: int | None = None,
        size: Any = None,
        dtype: Any = np.int64,
        endpoint: bool = False,
    ) -> Any:
        low, high = int(low), None if high is None else int(high)  # arrays of bounds: not there
        return wrap(np.asarray(self._host.integers(low, high, size, dtype, endpoint)))

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        drawn = wrap(np.asarray(self._host.standard_normal(size, dtype=dtype)))
        if out is None:
            return drawn
        out[...] = drawn
        return out

    def exponential(self, scale: Any = 1.0, size: Any = None) -> Any:
        return wrap(np.asarray(self._host.exponential(unwrap(scale), size)))


def default_rng(seed: Any = None) -> Generator:
    if isinstance(seed, Generator):
        return seed
    return Generator(np.random.Generator(np.random.SFC64(seed)))


def asarray(a: Any, dtype: Any = None, order: Any = None, *, blocking: bool = False) -> ndarray:
    if isinstance(a, ndarray):
        return a if dtype is None or a.dtype == dtype else a.astype(dtype)
    return ndarray._of(np.array(unwrap(a) if isinstance(a, (list, tuple)) else a, dtype=dtype))


def array(object: Any, dtype: Any = None, copy: bool = True, **rest: Any) -> ndarray:
    return asarray(object, dtype).copy() if copy else asarray(object, dtype)


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None) -> np.ndarray:
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def einsum(subscripts: str, *operands: ndarray) -> ndarray:
    return wrap(np.asarray(np.einsum(subscripts, *(unwrap(o) for o in operands))))


def get_array_module(*args: Any) -> ModuleType:
    return sys.modules["cupy"] if any(isinstance(a, ndarray) for a in args) else np


def build() -> ModuleType:
    """The module to be found as ``cupy``."""
    module = ModuleType("cupy", "A stand-in for CuPy; NumPy inside.")
    module.__version__ = "14.0.0"
    for name, parameters in (FUNCTIONS | CREATION).items():
        setattr(module, name, restricted(name, getattr(np, name), parameters))
    for name in UFUNCS.split():
        setattr(module, name, elementwise(name))
    for name in CONSTANTS.split():
        setattr(module, name, getattr(np, name))
    module.amax, module.amin = module.max, module.min
    ndarray.__module__ = Generator.__module__ = "cupy"
    module.ndarray = ndarray
    module.asarray = module.ascontiguousarray = asarray
    module.array, module.asnumpy, module.einsum = array, asnumpy, einsum
    module.get_array_module = get_array_module
    module.result_type = lambda *a: np.result_type(
        *(v.dtype if isinstance(v, ndarray) else v for v in a)
    )
    module.random = ModuleType("cupy.random")
    module.random.default_rng, module.random.Generator = default_rng, Generator
    module.linalg = ModuleType("cupy.linalg")
    module.linalg.norm = restricted("norm", np.linalg.norm, "x ord axis keepdims")
    module.linalg.solve = restricted("solve", np.linalg.solve, "a b")
    module.linalg.qr = restricted("qr", np.linalg.qr, "a mode")
    return module
