"""``python -m benchmarks [family ...]``: print the tables and keep them in ``results/``.

A family is a module of this package with ``cases() -> {table: [Case, ...]}``, or with a
``main(argv)`` of its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from threadpoolctl import threadpool_info

import benchmarks
import sampkit
from benchmarks._measure import markdown, measure, with_growth

RESULTS = Path(__file__).parent / "results"


def families() -> list[str]:
    """Every benchmark file of this folder."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def environment() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "sampkit": sampkit.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": {pool["prefix"]: pool["num_threads"] for pool in threadpool_info()},
    }


def run(family: str) -> dict[str, list[dict[str, Any]]]:
    """Measure all tables of a family, printing each as it is done."""
    module = importlib.import_module(f"benchmarks.{family}")
    tables = {}
    for title, cases in module.cases().items():
        rows = []
        for case in cases:
            rows.append(measure(case))
            print(f"  {family}: {case.name}", flush=True)
        tables[title] = list(with_growth(rows))
        print(f"\n## {title}\n\n{markdown(tables[title])}\n", flush=True)
    return tables


def main(argv: Sequence[str] | None = None) -> int:
    """Run the families named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("family", nargs="*", help=f"of {', '.join(families())} (default: all)")
    chosen = parser.parse_args(argv).family or families()
    if unknown := sorted(set(chosen) - set(families())):
        parser.error(f"no such family: {', '.join(unknown)}; there are {', '.join(families())}")
    RESULTS.mkdir(exist_ok=True)
    for family in chosen:
        module = importlib.import_module(f"benchmarks.{family}")
        if hasattr(module, "main"):
            module.main([])
            continue
        tables, around = run(family), environment()
        head = ", ".join(f"{key} {value}" for key, value in around.items())
        text = [f"# {family}\n", f"Minima of alternating rounds in one process; {head}.\n"]
        text += [f"## {title}\n\n{markdown(rows)}\n" for title, rows in tables.items()]
        (RESULTS / f"{family}.md").write_text("\n".join(text))
        kept = {"environment": around, "tables": tables}
        (RESULTS / f"{family}.json").write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
