"""Public names of the submodules that no package list names."""

from __future__ import annotations

import importlib
import inspect

import pytest
from numpydoc.validate import validate

CHECKS = {"GL08", "SS01", "PR01", "PR02", "PR03", "PR04", "PR07", "RT01", "YD01", "EX01"}


def public_names():
    for module in ("sampkit.subset.prune", "sampkit.subset.torch"):
        try:
            found = importlib.import_module(module)
        except ImportError:
            continue
        for name in found.__all__:
            thing = getattr(found, name)
            yield f"{module}.{name}"
            for method, value in vars(thing).items() if inspect.isclass(thing) else ():
                if inspect.isfunction(value) and not method.startswith("_"):
                    yield f"{module}.{name}.{method}"


@pytest.mark.parametrize("name", sorted(public_names()))
def test_docstring(name):
    checks = CHECKS - ({"EX01"} if name.count(".") > 3 else set())
    found = [(code, text) for code, text in validate(name)["errors"] if code in checks]
    assert not found
