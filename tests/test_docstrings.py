"""Every public name says what it takes, returns and shows: numpydoc's own validation."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
from numpydoc.validate import validate

import sampkit

# What has to be there: a summary, every parameter with type and description, in order and under its
# own name, returns or yields, and an example.
CHECKS = {"GL08", "SS01", "PR01", "PR02", "PR03", "PR04", "PR07", "RT01", "YD01", "EX01"}
# These take what scikit-learn's own tags take, described there.
INHERITED = {"sampkit.base.SamplerInputTags", "sampkit.base.SamplerTagsBundle"}


def public_names() -> Iterator[str]:
    for module in pkgutil.iter_modules(sampkit.__path__, "sampkit."):
        if module.name.rpartition(".")[2].startswith("_"):
            continue
        family = importlib.import_module(module.name)
        for name in getattr(family, "__all__", ()):
            thing = getattr(family, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            yield f"{module.name}.{name}"
            for method, value in vars(thing).items() if inspect.isclass(thing) else ():
                inner = getattr(value, "__func__", value)
                named = inspect.isfunction(inner) and inner.__name__ == method
                if named and not method.startswith("_"):
                    yield f"{module.name}.{name}.{method}"


@pytest.mark.parametrize("name", sorted(set(public_names())))
def test_docstring(name: str) -> None:
    checks = CHECKS - ({"PR01"} if name in INHERITED else set())
    if name.count(".") > 2 or name.startswith("sampkit.demo."):
        checks = checks - {"EX01"}  # the class shows its methods, the demo's page its command
    found = [(code, text) for code, text in validate(name)["errors"] if code in checks]
    assert not found, found
