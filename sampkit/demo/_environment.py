"""Where and how a run took place, for whoever wants to repeat it."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "matplotlib", "torch")


@dataclass(frozen=True)
class Environment:
    """A run's circumstances.

    Parameters
    ----------
    command : str
        What to type to repeat the run.
    seed : int
        Its seed.
    seconds : float
        Wall-clock time of the whole run.
    started : datetime
        When it began.
    versions : tuple of (str, str)
        Names and versions: sampkit, Python, packages, system, processors.
    """

    command: str
    seed: int
    seconds: float
    started: datetime
    versions: tuple[tuple[str, str], ...] = field(default_factory=lambda: collect_versions())


def collect_versions() -> tuple[tuple[str, str], ...]:
    """Return names and versions of what the figures depend on.

    Returns
    -------
    tuple of (str, str)
        A package that is missing is said to be so.
    """
    from sampkit import __version__

    def installed(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "not installed"

    return (
        ("sampkit", __version__),
        ("Python", platform.python_version()),
        *((package, installed(package)) for package in PACKAGES),
        ("system", f"{platform.system()} {platform.machine()}"),
        (
            "processors",
            str(
                len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            ),
        ),
    )


def repeat_command(families: Sequence[str], seed: int) -> str:
    """Return the command that runs `families` with `seed` again.

    Parameters
    ----------
    families : sequence of str
        Empty for all.
    seed : int
        The seed.

    Returns
    -------
    str
        Quoted for a shell.
    """
    return shlex.join(["python", "-m", "sampkit", "demo", *families, "--seed", str(seed)])
