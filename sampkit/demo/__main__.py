"""The command line: ``sampkit``, ``python -m sampkit``, ``python -m sampkit.demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import perf_counter

from sampkit import __version__

from ._environment import Environment, repeat_command
from ._picture import can_draw, render_picture
from ._progress import Progress
from ._report import write_report
from ._run import Outcome, available_families, load_tasks, run_tasks
from ._table import format_seconds, format_table
from ._task import Context, Task

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
WORD = "demo"  # `sampkit` alone is `sampkit demo`


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tasks, print what was gained, write the report.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; None takes the process's own.

    Returns
    -------
    int
        0; 1 if a task failed; 2 for wrong usage or a report that cannot be written; 130 after
        Ctrl-C.

    Examples
    --------
    >>> from sampkit.demo.__main__ import main
    >>> main(["--list"])  # doctest: +ELLIPSIS
    over_sampling ...
    0
    """
    parser = _parser()
    try:
        options = parser.parse_intermixed_args(argv)
    except SystemExit as stop:  # argparse exits; a function returns
        return int(stop.code or 0)
    families = options.families[options.families[:1] == [WORD] :]
    known = available_families()
    unknown = [family for family in families if family not in known]
    if unknown:
        print(f"sampkit: no such family: {', '.join(unknown)}", file=sys.stderr)
        print(f"There are: {', '.join(known)}", file=sys.stderr)
        return MISUSED
    tasks = load_tasks(families or known)
    if options.list:
        _print_list(tasks)
        return 0
    if options.report is not None and (problem := _unwritable(options.report)):
        print(f"sampkit: --report {options.report}: {problem}", file=sys.stderr)
        return MISUSED
    return _demo(tasks, families, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sampkit",
        usage="%(prog)s [demo] [family ...] [options]",
        description="Run a short real task of every family, or of the families named.\n"
        "Prints what was gained, before and after; writes one self-contained HTML report.",
        epilog="examples:\n"
        "  sampkit                          every family, report in ./sampkit-report.html\n"
        "  sampkit demo over_sampling       one family\n"
        "  sampkit demo --seed 1 --report again.html\n\n"
        "exit codes: 0 all done, 1 a task failed, 2 wrong usage, 130 interrupted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "families",
        nargs="*",
        metavar="family",
        help=f"one or more of: {', '.join(available_families())} (default: all)",
    )
    report = parser.add_mutually_exclusive_group()
    report.add_argument(
        "--report",
        metavar="PATH",
        type=Path,
        default=Path("sampkit-report.html"),
        help="where to write the report (default: ./sampkit-report.html)",
    )
    report.add_argument(
        "--no-report",
        dest="report",
        action="store_const",
        const=None,
        help="write no report and draw no pictures",
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="seed of everything random (default: 0)"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print the table alone: no progress, no notes"
    )
    parser.add_argument("--list", action="store_true", help="list the tasks and stop")
    parser.add_argument("--version", action="version", version=f"sampkit {__version__}")
    return parser


def _seed(text: str) -> int:
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    # 2**32 - 1 is the largest seed that scikit-learn takes.
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError(f"must be an integer in [0, 2**32 - 1], got {text!r}")
    return seed


def _print_list(tasks: Sequence[Task]) -> None:
    width = max(len(task.family) for task in tasks)
    for task in tasks:
        print(f"{task.family:{width}}  {task.title}. {task.question}")


def _unwritable(path: Path) -> str:
    """Why no report can be written there, found out before a minute of work is done."""
    target = path.expanduser()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            return "is a folder, give the name of a file"
        with target.open("a", encoding="utf-8"):
            pass
        if target.stat().st_size == 0:
            target.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _demo(tasks: Sequence[Task], families: Sequence[str], options: argparse.Namespace) -> int:
    started, began = datetime.now(), perf_counter()
    draw = options.report is not None and can_draw()
    progress = None if options.quiet else Progress(tasks)
    outcomes = run_tasks(
        tasks,
        Context(seed=options.seed),
        render=render_picture if draw else None,
        listener=progress,
    )
    if progress is not None:
        progress.close()
    print(format_table(outcomes))
    environment = Environment(
        repeat_command(families, options.seed), options.seed, perf_counter() - began, started
    )
    if options.report is not None:
        try:
            written = write_report(options.report, outcomes, environment)
        except OSError as error:
            print(f"sampkit: the report could not be written: {error}", file=sys.stderr)
            return MISUSED
        if not options.quiet:
            print(f"\nReport: {written}  ({format_seconds(environment.seconds)} in all)")
            if not draw:
                print("No pictures: matplotlib is missing; pip install sampkit[demo]")
    return _exit_code(outcomes)


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    states = {outcome.status for outcome in outcomes}
    if "interrupted" in states:
        return INTERRUPTED
    return FAILED if "failed" in states else 0


if __name__ == "__main__":
    sys.exit(main())
