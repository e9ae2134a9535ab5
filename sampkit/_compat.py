"""scikit-learn's experimental callbacks, or silence where they are missing.

The only module that imports :mod:`sklearn.callback`.  An estimator that reports its progress
derives from `CallbackSupportMixin` and speaks to the context of ``_init_callback_context`` as
scikit-learn documents it; should that interface move, the stand-ins below keep every ``fit``
working, mute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["CallbackSupportMixin", "with_callbacks"]

Method = TypeVar("Method", bound=Callable[..., Any])


class _SilentContext:
    """A node of the task tree that nobody listens to, its own child at every depth."""

    def subcontext(self, **_: Any) -> _SilentContext:
        return self

    def call_on_fit_task_begin(self, **_: Any) -> _SilentContext:
        return self

    def call_on_fit_task_end(self, **_: Any) -> bool:
        return False

    @contextmanager
    def propagate_callback_context(self, sub_estimator: Any) -> Iterator[None]:
        yield


class _SilentMixin:
    """No ``set_callbacks`` here: to set what would never be called must fail, not pass."""

    def _init_callback_context(self, **_: Any) -> _SilentContext:
        return _SilentContext()


def _as_it_is(method: Method) -> Method:
    return method


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:
    CallbackSupportMixin, with_callbacks = _SilentMixin, _as_it_is
