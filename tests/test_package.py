"""The package as installed: light to import, complete, and as its metadata say."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import sampkit

FAMILIES = [name for name in sampkit.__all__ if not name.startswith("__")]
PUBLIC = [
    (family, name)
    for family in FAMILIES
    for name in importlib.import_module(f"sampkit.{family}").__all__
]
# Optional, or heavy, or somebody else's: none of it comes along with a bare import.
FOREIGN = {
    "cupy", "dask", "diffusers", "distributed", "hypothesis", "imblearn", "matplotlib", "numba",
    "pandas", "polars", "pyarrow", "torch", "tqdm", "transformers",
}  # fmt: skip


def modules_after(statement: str) -> set[str]:
    """Names in ``sys.modules`` of a fresh interpreter that ran one statement."""
    code = f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_loads_nothing_but_itself():
    # The import-time budget as a fact about modules instead of about seconds.
    loaded = modules_after("import sampkit") - modules_after("import importlib")
    assert {name for name in loaded if name.split(".")[0] == "sampkit"} == {"sampkit"}
    assert not {name.split(".")[0] for name in loaded} & (FOREIGN | {"numpy", "scipy", "sklearn"})


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "testing"])
def test_families_load_no_optional_package(family):
    loaded = modules_after(f"import sampkit.{family}")
    optional = FOREIGN - {"pandas"} - _loaded_by_dependencies()
    assert not {name.split(".")[0] for name in loaded} & optional
    assert "pandas.plotting._matplotlib" not in loaded


def _loaded_by_dependencies() -> set[str]:
    """What scikit-learn and pandas themselves bring along, if installed (pyarrow, for one)."""
    return {name.split(".")[0] for name in modules_after("import sklearn.utils, pandas")}


def test_metrics_does_not_load_compose():
    assert "sampkit.compose" not in modules_after("import sampkit.metrics")


def test_coreset_does_not_load_compose():
    assert "sampkit.compose" not in modules_after("import sampkit.coreset")


def test_import_leaves_scikit_learns_routing_alone():
    code = (
        "from sklearn.utils import _metadata_requests as m\n"
        "before = list(m.METHODS), list(m.SIMPLE_METHODS)\n"
        "import sampkit\n"
        f"for name in {FAMILIES!r}: getattr(sampkit, name)\n"
        "assert before == (list(m.METHODS), list(m.SIMPLE_METHODS))"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_families_are_attributes_and_listed():
    assert set(FAMILIES) <= set(dir(sampkit))
    for family in FAMILIES:
        assert inspect.ismodule(getattr(sampkit, family))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sampkit.nothing


def test_every_public_subpackage_is_announced():
    home = Path(sampkit.__path__[0])
    found = {path.parent.name for path in home.glob("*/__init__.py")}
    found |= {path.stem for path in home.glob("*.py")}
    assert {name for name in found if not name.startswith("_")} == set(FAMILIES)


@pytest.mark.parametrize(("family", "name"), PUBLIC, ids=".".join)
def test_public_name_resolves_and_is_documented(family, name):
    module = importlib.import_module(f"sampkit.{family}")
    try:
        thing = getattr(module, name)
    except (ImportError, AttributeError):  # the latter of modules that failed at their collection
        if importlib.util.find_spec("torch") is not None:
            raise
        pytest.skip("needs PyTorch")
    if inspect.isclass(thing) or inspect.isroutine(thing):
        assert inspect.getdoc(thing)


def test_version_is_the_metadata_version():
    assert metadata.version("sampkit") == sampkit.__version__


def test_core_dependencies_are_four():
    required = [r for r in metadata.requires("sampkit") if "extra ==" not in r]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in required}
    assert names == {"numpy", "scipy", "scikit-learn", "pandas"}


def test_lower_bounds_are_what_the_oldest_environment_installs(checkout):
    pinned = dict(
        line.split("==")
        for line in (checkout / "constraints-oldest.txt").read_text().splitlines()
        if "==" in line
    )
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *map(extras.get, ("dask", "plot", "demo", "test", "bench"))]
    for bound in (r for bounds in lists for r in bounds if not r.startswith("sampkit[")):
        name, version = re.match(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", bound).groups()
        assert f"{pinned[name]}.".startswith(f"{version}."), bound


def test_extras():
    extras = set(metadata.metadata("sampkit").get_all("Provides-Extra"))
    assert {
        "gpu",
        "torch",
        "diffusion",
        "diffusers",
        "fast",
        "dask",
        "plot",
        "demo",
        "docs",
        "test",
        "bench",
        "all",
    } <= extras


def test_licence_and_types_are_declared():
    assert metadata.metadata("sampkit")["License-Expression"] == "BSD-3-Clause"
    assert (Path(sampkit.__path__[0]) / "py.typed").is_file()


def test_installation_is_complete(checkout):
    # A module or data file that the wheel leaves behind is missing here.
    def files(home: Path) -> set[Path]:
        inside = (path.relative_to(home) for path in home.rglob("*") if path.is_file())
        return {path for path in inside if "__pycache__" not in path.parts}

    assert files(Path(sampkit.__path__[0])) == files(checkout / "sampkit")


def test_the_installed_package_is_the_one_imported(checkout):
    origin = json.loads(metadata.distribution("sampkit").read_text("direct_url.json"))
    editable = origin.get("dir_info", {}).get("editable", False)
    assert Path(sampkit.__path__[0]).is_relative_to(checkout / "sampkit") == editable
