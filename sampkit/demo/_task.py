"""What a task of the demo is: objects that describe, an engine (:mod:`._run`) that runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Verdict = Literal["better", "worse", "unclear", "same"]


def _silent(label: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Context:
    """What the engine hands to a task.

    Parameters
    ----------
    seed : int, default=0
        Seed of everything random in the task.
    quick : bool, default=False
        Ask for a version of a second or two: fewer rows and folds, figures that prove nothing.
        The test-suite runs every task this way.
    advance : callable, default: does nothing
        Called with a few words after each of the task's ``steps``.

    Examples
    --------
    >>> from sampkit.demo import Context
    >>> Context(seed=7).quick
    False
    """

    seed: int = 0
    quick: bool = False
    advance: Callable[[str], None] = _silent


@dataclass(frozen=True)
class Row:
    """One line of the table of what was gained.

    Parameters
    ----------
    what : str
        The quantity and to what it belongs, e.g. ``"rare-class recall, decision tree"``.
    before, after : float
        Without the method and with it.
    better : {"higher", "lower"}
        The direction that is a gain.
    seconds : float or None, default=None
        Time that the method itself took (not the model around it); None where it has no
        meaning of its own.
    error : float or None, default=None
        Standard error of ``after - before``. A change within two of them counts as unclear.
    spec : str, default=".3f"
        Format specification of the numbers.
    unit : str, default=""
        Written behind the numbers.
    compare : {"difference", "ratio"}, default="difference"
        How the change is put: ``after - before``, or how many times better.

    Examples
    --------
    >>> from sampkit.demo import Row
    >>> row = Row("recall", before=0.5, after=0.62, better="higher", error=0.02)
    >>> row.change, row.verdict
    ('+0.120', 'better')
    >>> Row("fit time", 1.2, 0.1, "lower", unit="s", compare="ratio").change
    '12.0x'
    """

    what: str
    before: float
    after: float
    better: Literal["higher", "lower"]
    seconds: float | None = None
    error: float | None = None
    spec: str = ".3f"
    unit: str = ""
    compare: Literal["difference", "ratio"] = "difference"

    def number(self, value: float) -> str:
        """Format `value` as this row's numbers are, unit behind.

        Parameters
        ----------
        value : float
            Any value of the row's quantity.

        Returns
        -------
        str
            For instance ``"0.081 s"``.
        """
        return f"{value:{self.spec}} {self.unit}".rstrip()

    @property
    def change(self) -> str:
        """The change as text: signed difference, or the factor of the gain."""
        if self.compare == "difference":
            return f"{self.after - self.before:+{self.spec}}"
        top, bottom = (
            (self.after, self.before) if self.better == "higher" else (self.before, self.after)
        )
        return f"{top / bottom:.1f}x" if bottom else "-"

    @property
    def verdict(self) -> Verdict:
        """Whether the change is a gain, a loss, none, or too small for its error to tell."""
        change = self.after - self.before
        if change == 0:
            return "same"
        if abs(change) <= 2 * (self.error or 0.0):
            return "unclear"
        return "better" if (change > 0) == (self.better == "higher") else "worse"


@dataclass(frozen=True)
class Picture:
    """A figure of the report, drawn only when there is a report to put it in.

    Parameters
    ----------
    caption : str
        One or two sentences: what is shown and what to see in it.
    alt : str
        What the picture shows, for those who do not see it.
    draw : callable
        Takes nothing, returns a :class:`matplotlib.figure.Figure`.
    """

    caption: str
    alt: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class TaskResult:
    """What a task found.

    Parameters
    ----------
    rows : tuple of Row
        The table; the first row is the task's headline.
    text : str, default=""
        What the figures say, and what they do not; blank lines separate paragraphs.
    pictures : tuple of Picture, default=()
        The report's figures.
    data : str, default=""
        The data, their source and licence, in a sentence.
    """

    rows: tuple[Row, ...]
    text: str = ""
    pictures: tuple[Picture, ...] = ()
    data: str = ""


@dataclass(frozen=True)
class Task:
    """A short real task of one family, ``TASK`` of a file in ``sampkit/demo/tasks``.

    Parameters
    ----------
    family : str
        Name of the family; the file's name.
    title : str
        A few words.
    question : str
        The one sentence that the task answers.
    run : callable
        Takes a :class:`Context`, returns a :class:`TaskResult`. Everything but this package is
        imported inside it, so that listing the tasks costs nothing.
    steps : int, default=1
        How often it calls ``context.advance``, for the progress bar.
    code : str, default=""
        The few lines with which a reader does the same at home; runs as it stands.
    order : int, default=50
        Place in the report; equal ones are sorted by family.
    requires : tuple of str, default=()
        Modules beyond the package's own dependencies. Where one is missing the task is skipped.
    extra : str, default=""
        The extra of the package that installs them.

    Examples
    --------
    >>> from sampkit.demo import Context, Row, Task, TaskResult
    >>> def halve(context):
    ...     return TaskResult(rows=(Row("size", 2.0, 1.0, "lower"),))
    >>> task = Task("halving", "Half of it", "How much is left of two?", halve)
    >>> task.run(Context()).rows[0].change
    '-1.000'
    >>> task = Task("x", "X", "?", halve, requires=("no_such_module",), extra="diffusion")
    >>> task.lacks
    'needs no_such_module: pip install sampkit[diffusion]'
    """

    family: str
    title: str
    question: str
    run: Callable[[Context], TaskResult]
    steps: int = 1
    code: str = ""
    order: int = 50
    requires: tuple[str, ...] = ()
    extra: str = ""

    @property
    def lacks(self) -> str:
        """What is missing on this machine and how to get it, in a line; empty if nothing is."""
        missing = ", ".join(module for module in self.requires if not _is_there(module))
        return f"needs {missing}: pip install sampkit[{self.extra}]" if missing else ""


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # an import hook may refuse a module by raising
        return False
