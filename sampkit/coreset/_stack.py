"""Parts of a table or target put together again, in the type that they came in."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sampkit._array import namespace
from sampkit._library import is_narwhals_frame, root_module


def stacked(parts: list[Any]) -> Any:
    """Rows (or entries) of all parts, which are of one type, one after another."""
    first = parts[0]
    if first is None or len(parts) == 1:
        return first
    module = root_module(first)
    if module == "pandas":
        from pandas import Index, concat

        if isinstance(first, Index):
            return first.append(parts[1:])
        return concat(parts)
    if is_narwhals_frame(first) or module in ("polars", "pyarrow"):
        import narwhals.stable.v2 as nw

        native = [nw.from_native(part, allow_series=True, eager_only=True) for part in parts]
        if isinstance(native[0], nw.Series):
            frames = [series.alias("y").to_frame() for series in native]
            return nw.concat(frames)["y"].alias(native[0].name).to_native()
        return nw.concat(native).to_native()
    if sp.issparse(first):
        return sp.vstack(parts, format=first.format)
    if isinstance(first, (list, tuple)):
        return [row for part in parts for row in part]
    xp = namespace(first)
    return xp.concatenate(parts) if xp is not np else np.concatenate(parts)
