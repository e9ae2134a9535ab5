"""Tables as counts: which item a row belongs to, and which categories it shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from sampkit._library import is_pandas
from sampkit._rows import Container

MISSING = ("ignore", "category", "error")


@dataclass(frozen=True)
class Relations:
    """A table, item by item."""

    items: npt.NDArray[Any]  # labels, sorted
    item_of_row: npt.NDArray[np.intp]
    names: tuple[Any, ...]  # of the variables
    matrices: tuple[Any, ...]  # CSR (items, categories) of every variable
    labels: tuple[npt.NDArray[Any] | None, ...]  # of the categories; None: numbered columns

    @classmethod
    def of(
        cls,
        container: Container,
        *,
        item: Any = None,
        on: Any = None,
        groups: Any = None,
        missing: str = "ignore",
        binarize: bool = False,
    ) -> Relations:
        """Read a table.

        Raises
        ------
        KeyError
            A frame has no such column.
        ValueError
            A missing item label or, with ``missing="error"``, any missing value; `item` without a
            frame or beside `groups`; no variable.
        """
        columns, names = _variables(container, item, on)
        labels, codes = _items(container, item, groups)
        if sp.issparse(getattr(container, "X", None)):
            matrices = [_grouped(container.X, codes, len(labels))]  # type: ignore[attr-defined]
            categories: list[Any] = [None]
        else:
            coded = [
                _categories(container, j, name, missing)
                for j, name in zip(columns, names, strict=True)
            ]
            matrices = [_counted(codes, c, (len(labels), len(u))) for c, u in coded]
            categories = [u for _, u in coded]
        if binarize:
            matrices = [_binary(m) for m in matrices]
        return cls(labels, codes, tuple(names), tuple(matrices), tuple(categories))

    def rows_of(self, items: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        """Row numbers, ascending, of some items by position."""
        chosen = np.zeros(len(self.items), dtype=bool)
        chosen[items] = True
        return np.flatnonzero(chosen[self.item_of_row])

    def kept(self, items: npt.NDArray[Any]) -> Relations:
        """Some items alone, with all categories; rows are forgotten."""
        items = np.sort(items)
        return replace(
            self,
            items=self.items[items],
            item_of_row=np.empty(0, dtype=np.intp),
            matrices=tuple(m[items] for m in self.matrices),
        )

    def met(self, before: Any) -> tuple[Any, list[int]]:
        """Categories met so far, of every variable; of counts those columns that ever had one."""
        if self.labels[0] is not None:
            return None, [len(known) for known in self.labels if known is not None]
        columns = np.unique(self.matrices[0].indices)
        columns = columns if before is None else np.union1d(before, columns)
        return columns, [len(columns)]

    def joined(self, other: Relations) -> Relations:
        """Items of two tables; counts of an item that is in both are added."""
        if other.names != self.names:
            raise ValueError(
                f"X must have the variables {str(list(self.names))[:100]} of the chunks before, "
                f"got {str(list(other.names))[:100]}."
            )
        items, codes = sorted_codes(np.concatenate([_objects(self.items), _objects(other.items)]))
        matrices, labels = [], []
        for mine, theirs, known, new in zip(
            self.matrices, other.matrices, self.labels, other.labels, strict=True
        ):
            a, b, union = _aligned(mine, theirs, known, new)
            matrices.append(_grouped(sp.vstack([a, b], format="csr"), codes, len(items)))
            labels.append(union)
        return replace(
            self,
            items=_narrowed(items, self.items, other.items),
            item_of_row=np.empty(0, dtype=np.intp),
            matrices=tuple(matrices),
            labels=tuple(labels),
        )


def sorted_codes(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    """Sorted distinct labels, and the number of every entry; -1 where it is missing.

    Labels of mixed types, which cannot be compared, are sorted as text.
    """
    import pandas as pd

    codes, uniques = pd.factorize(labels)
    uniques = _as_array(uniques)
    try:
        order = np.argsort(uniques, kind="stable")
    except TypeError:
        text = [(str(u), type(u).__name__) for u in uniques.tolist()]
        order = np.array(sorted(range(len(text)), key=text.__getitem__), dtype=np.intp)
    number = np.empty(len(order) + 1, dtype=np.intp)
    number[order] = np.arange(len(order))
    number[-1] = -1
    return uniques[order], number[codes]


def _as_array(uniques: Any) -> npt.NDArray[Any]:
    if hasattr(uniques, "to_numpy"):
        array = uniques.to_numpy()
        return array if array.dtype.kind in "iufbmM" else array.astype(object)
    array = np.asarray(uniques)
    return array.astype(object) if array.dtype.kind in "US" else array


def _objects(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return labels if labels.dtype.kind in "iuf" else labels.astype(object)


def _narrowed(
    items: npt.NDArray[Any], a: npt.NDArray[Any], b: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Labels in the type that both tables gave them."""
    return items.astype(a.dtype) if a.dtype == b.dtype else items


def _variables(container: Container, item: Any, on: Any) -> tuple[list[int], list[Any]]:
    """Numbers and names of the columns that are variables."""
    names = None if container.names is None else list(container.names)
    if names is None:
        if item is not None:
            raise ValueError(
                f"item names a column of a data frame, got item={str(item)[:80]!r} and an array: "
                "give the items as groups."
            )
        names = [f"x{j}" for j in range(container.n_columns)]
        if sp.issparse(getattr(container, "X", None)):
            if on is not None:
                raise ValueError(f"on must be None for a sparse matrix of counts, got {on!r}.")
            return [0], ["x"]
        wanted = range(container.n_columns) if on is None else on
        numbers = [_number(j, container.n_columns) for j in np.atleast_1d(np.asarray(wanted))]
    else:
        own = None if item is None else _position(names, item, "item")
        if on is None:
            numbers = [j for j in range(len(names)) if j != own]
        else:
            listed = isinstance(on, (list, np.ndarray)) or (
                isinstance(on, tuple) and on not in names
            )
            numbers = [_position(names, name, "on") for name in (on if listed else [on])]
    if not numbers:
        raise ValueError(f"on must name at least one column, got {on!r} of {names[:8]}.")
    return numbers, [names[j] for j in numbers]


def _position(names: list[Any], name: Any, parameter: str) -> int:
    if name not in names:
        raise KeyError(
            f"{parameter}={str(name)[:80]!r} is not a column of X; columns are {str(names)[:200]}."
        )
    return names.index(name)


def _number(j: Any, n_columns: int) -> int:
    if not isinstance(j, (int, np.integer)) or not -n_columns <= j < n_columns:
        raise ValueError(
            f"on must hold column numbers in [0, {n_columns}) for an array, got {str(j)[:80]!r}."
        )
    return int(j) % n_columns


def _items(
    container: Container, item: Any, groups: Any
) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    """Labels of the items, and the item of every row."""
    if item is not None and groups is not None:
        raise ValueError(f"items come from item or from groups, got both (item={item!r}).")
    if item is None and groups is None:
        return np.arange(container.n_rows), np.arange(container.n_rows)
    if item is not None:
        name = f"item column {str(item)[:80]!r}"
        given = _column(container, list(container.names or ()).index(item))
    else:
        name, given = "groups", _label_array(groups)
        if len(given) != container.n_rows:
            raise ValueError(
                f"groups must have one entry for each of the {container.n_rows} rows, got "
                f"{len(given)}."
            )
    labels, codes = sorted_codes(given)
    if (codes < 0).any():
        raise ValueError(
            f"{name} must not hold missing values, got NaN in row {int(np.argmax(codes < 0))}."
        )
    return labels, codes


def _label_array(groups: Any) -> Any:
    if hasattr(groups, "to_list") and not hasattr(groups, "iloc"):  # polars, pyarrow
        groups = np.array(groups.to_list(), dtype=object)
    if hasattr(groups, "iloc"):
        return groups
    array = np.asarray(groups)
    if array.ndim != 1:
        raise ValueError(f"groups must be one-dimensional, got shape {array.shape}.")
    if array.dtype.kind in "US" and not isinstance(groups, np.ndarray):
        array = np.array(groups, dtype=object)  # numbers beside words stay numbers
    return array


def _column(container: Container, j: int) -> Any:
    frame: Any = getattr(container, "X", None)
    return frame.iloc[:, j] if is_pandas(frame) else container.column(j)


def _categories(
    container: Container, j: int, name: Any, missing: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
    """The category of every row, -1 for none, and the labels."""
    import pandas as pd

    codes, uniques = pd.factorize(_column(container, j))
    labels = _as_array(uniques).astype(object)
    lacking = codes < 0
    if lacking.any():
        if missing == "error":
            raise ValueError(
                f"column {str(name)[:80]!r} of X must not hold missing values with "
                f"missing='error', got NaN in row {int(np.argmax(lacking))}."
            )
        if missing == "category":
            codes = np.where(lacking, len(labels), codes)
            labels = np.concatenate([labels, np.array([None], dtype=object)])
    return codes.astype(np.intp), labels


def _counted(
    items: npt.NDArray[np.intp], categories: npt.NDArray[np.intp], shape: tuple[int, int]
) -> Any:
    there = categories >= 0
    ones = np.ones(int(there.sum()), dtype=np.int64)
    matrix = sp.csr_array((ones, (items[there], categories[there])), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _grouped(matrix: Any, codes: npt.NDArray[np.intp], n_items: int) -> Any:
    """Rows of a matrix summed by item."""
    if n_items == matrix.shape[0] and (codes == np.arange(n_items)).all():
        return matrix
    ones = np.ones(len(codes), dtype=np.int64)
    belongs = sp.csr_array((ones, (codes, np.arange(len(codes)))), shape=(n_items, len(codes)))
    return sp.csr_array(belongs @ matrix)


def _binary(matrix: Any) -> Any:
    return sp.csr_array(
        (np.minimum(matrix.data, 1), matrix.indices, matrix.indptr), shape=matrix.shape
    )


def _aligned(mine: Any, theirs: Any, known: Any, new: Any) -> tuple[Any, Any, Any]:
    """Two matrices on the union of their categories."""
    if known is None:
        width = max(mine.shape[1], theirs.shape[1])
        a, b = sp.csr_array(mine, copy=True), sp.csr_array(theirs, copy=True)
        a.resize((a.shape[0], width))
        b.resize((b.shape[0], width))
        return a, b, None
    place = {label: i for i, label in enumerate(known)}
    columns = np.array([place.setdefault(label, len(place)) for label in new], dtype=np.intp)
    union = np.empty(len(place), dtype=object)
    union[:] = list(place)
    a, b = mine.tocoo(), theirs.tocoo()
    return (
        sp.csr_array((a.data, (a.row, a.col)), shape=(a.shape[0], len(union))),
        sp.csr_array((b.data, (b.row, columns[b.col])), shape=(b.shape[0], len(union))),
        union,
    )
