"""`minmax_search`: the door of the heuristic search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from sampkit._random_state import child_generators, generator_of
from sampkit.minmax._dense import Options
from sampkit.minmax._incumbent import Incumbents, Watch
from sampkit.minmax._kernels import SCREEN_DTYPES
from sampkit.minmax._polish import Counters
from sampkit.minmax._problem import Problem, as_problem, as_start, fixed
from sampkit.minmax._result import MinMaxResult
from sampkit.minmax._solve import prepare, run_engine

ENGINES = ("auto", "dense", "small", "sparse")
_SMALL_COLUMNS = 128
_SMALL_ENTRIES = 2e6


def minmax_search(
    A: Any,
    b: Any,
    levels: Any,
    *,
    start: Any = None,
    row_weight: Any = None,
    tolerance: Any = None,
    side: str = "both",
    frozen: Any = None,
    p_schedule: Sequence[int] = (4, 8, 16, 32),
    polish_rows: int = 64,
    population: int = 16,
    kick: float = 0.08,
    time_limit: float | None = None,
    max_iter: int | None = None,
    engine: str = "auto",
    screen_dtype: str | None = None,
    minimize_slack: bool = False,
    callback: Callable[[float, float], Any] | None = None,
    rng: Any = None,
    client: Any = None,
) -> MinMaxResult:
    """Pick values from finite sets so that the worst linear requirement is violated least.

    Minimises ``max_k w_k (s(a_k x - b_k) - h_k)`` over x with every x_j among its levels, where
    s(r) is ``|r|``, r or -r. A heuristic: the result comes with a lower bound, and may or may not
    be the best there is (`minmax_exact` proves it, for few variables).

    Parameters
    ----------
    A : array-like, SciPy or CuPy sparse matrix or CuPy array of shape (m, n)
        One requirement a row.
    b : array-like of shape (m,) or (m, k)
        Right-hand sides; k columns are k problems that share A, solved together.
    levels : array-like of shape (L,), (n, L) or (k, n, L), or list of n array-likes
        Allowed values, ascending; NaN pads variables that have fewer.
    start : array-like of shape (n,) or (k, n), optional
        Real values to start near. By default a solution of the continuous relaxation.
    row_weight : float or array-like of shape (m,), optional
        Weights w > 0.
    tolerance : float or array-like of shape (m,), optional
        Tolerances h >= 0: how far a row may be off without hurting.
    side : {"both", "upper", "lower"}, default="both"
        Which residuals hurt: of either sign, only ``a_k x > b_k``, or only ``a_k x < b_k``.
    frozen : array-like of bool of shape (n,) or (k, n), optional
        Variables that keep their value of `start`, which need not be a level.
    p_schedule : sequence of int, default=(4, 8, 16, 32)
        Powers of the potentials that the dense and the sparse engine descend on; powers of two in
        2..128, ascending or not.
    polish_rows : int, default=64
        Worst rows on which the dense engine tries all pairs of moves before any is evaluated.
    population : int, default=16
        Starts of every target, and children of the best in each iteration.
    kick : float, default=0.08
        Share of the variables that a kick moves by one level; a quarter of it where a child mixes
        two parents.
    time_limit : float, optional
        Seconds for the whole call, all targets together. Without it, and without `max_iter`, the
        starts are descended from and polished once.
    max_iter : int, optional
        Iterations of children (or kicks), descent and polish after the starts. Given a
        `time_limit` too, what comes first ends the search.
    engine : {"auto", "dense", "small", "sparse"}, default="auto"
        "auto" takes "sparse" for a sparse A, "small" for one target with n <= 128 and m n <= 2e6 in
        memory, else "dense".
    screen_dtype : {None, "float32", "tf32", "bfloat16"}, default=None
        Precision in which moves are screened on a GPU, None being "bfloat16"; they are always
        verified in that of the search.
    minimize_slack : bool, default=False
        Go on when all requirements are met (objective <= 0), to meet them with room to spare.
    callback : callable, optional
        ``callback(seconds, objective)``, called at every improvement and every now and then;
        True stops. With several targets the objective is their mean.
    rng : None, int, SeedSequence, Generator, RandomState or a list of k of them
        Randomness; a list gives every target its own, so that it gets the result that it would get
        alone.
    client : distributed.Client, optional
        Cuts the targets into blocks that Dask workers run. The result is that of one process with
        the same `rng`, unless a time limit ends the search. Incumbents are sent back as they are
        found; a lost worker's block is run again elsewhere.

    Returns
    -------
    MinMaxResult
        Arrays in the namespace of A. Ctrl-C ends the search, too, with what is known until then.

    Raises
    ------
    ValueError
        Levels that are empty, not finite or not strictly ascending; A and b with different numbers
        of rows, or NaN or infinity in them; row_weight <= 0; tolerance < 0; an unknown side, engine
        or screen_dtype; p not a power of two in 2..128; time_limit <= 0; a start of the wrong
        shape, or none with frozen variables; a client for arrays on a GPU.
    TypeError
        Complex A or b; A on the GPU and b in memory, or the other way round.

    See Also
    --------
    minmax_exact : Mixed-integer programme, with proof.
    minmax_lower_bound : Bounds alone.
    DiscreteChebyshevRegressor : Linear regression with coefficients from a finite set.

    Notes
    -----
    Discrete min-max violation is NP-hard (it contains combinatorial discrepancy, number partition
    and the closest vector problem in the maximum norm). Three engines: "dense" descends on
    ``sum (|r|/t)^p`` with rising p, a block of variables and a batch of states at a time, then
    takes the steepest single or pair move of the maximum itself, found exactly with pruning on the
    worst rows; "small" does the latter alone from many starts, with moves along short lattice
    vectors added; "sparse" walks the columns of a CSC matrix. Time and memory of a pass of the
    dense engine are O(k m n) and O(m n + k m).

    The dense engine works in float32 unless A is float64 and the objective is tiny beside b; the
    small one in float64. The objective is computed anew in float64.

    References
    ----------
    S. Ahmed, M. Mostajabdaveh, S. Aref, Z. Zhou, "Discrete min-max violation", arXiv:2508.13437
    (2025), which poses the problem and solves it by another heuristic.

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.minmax import minmax_search
    >>> A = np.random.default_rng(0).standard_normal((40, 12))
    >>> b = A @ np.linspace(-0.9, 0.9, 12)
    >>> result = minmax_search(A, b, np.linspace(-1, 1, 4), rng=0)
    >>> print(round(result.objective, 3), round(result.lower_bound, 3), result.status)
    1.41 0.353 local
    """
    options = checked_options(
        p_schedule, polish_rows, population, kick, max_iter, screen_dtype, time_limit
    )
    problem = as_problem(
        A, b, levels, row_weight=row_weight, tolerance=tolerance, side=side, frozen=frozen
    )
    return search(
        problem,
        as_start(start, problem),
        options,
        engine=chosen_engine(engine, problem),
        time_limit=time_limit,
        minimize_slack=minimize_slack,
        callback=callback,
        rng=rng,
        client=client,
    )


def search(
    problem: Problem,
    start: Any,
    options: Options,
    *,
    engine: str,
    time_limit: float | None,
    minimize_slack: bool,
    callback: Callable[[float, float], Any] | None,
    rng: Any,
    client: Any = None,
) -> MinMaxResult:
    """`minmax_search` of a checked problem."""
    watch = Watch(time_limit, callback)
    if client is not None and problem.xp is not np:
        raise ValueError("client must be None for arrays on a GPU: one process searches them.")
    rngs = _generators(rng, problem.k)
    problem = with_storage(problem, engine)
    work = fixed(problem, start)
    if minimize_slack:
        work = work.with_shift(max(-work.slack_bound(), 0.0))
    incumbents = Incumbents(work, watch, minimize_slack=minimize_slack)
    counters = Counters()
    prepared, options = prepare(work, start, options, engine, incumbents)
    if client is not None:
        from sampkit.minmax._blocks import solve_on

        solve_on(client, work, prepared, rngs, options, engine, incumbents, counters)
    else:
        run_engine(work, prepared, rngs, options, engine, incumbents, counters)
    return as_result(problem, start, incumbents, counters, engine, options.max_iter)


def as_result(
    problem: Problem,
    start: Any,
    incumbents: Incumbents,
    counters: Counters,
    engine: str,
    max_iter: int | None,
    status: str | None = None,
) -> MinMaxResult:
    """What the incumbents amount to, computed anew from the data."""
    xp, watch = problem.xp, incumbents.watch
    index = incumbents.index
    x = problem.levels.value(index)
    if problem.frozen is not None:
        x = np.where(problem.frozen, start, x)
    residual = problem.residual(x)
    violation = problem.rows.violation(residual)
    objective = violation.max(axis=1)
    bound = np.minimum(incumbents.bound, incumbents.objective)
    if problem.weight is not None:
        residual = residual / problem.weight
    norm = xp.sqrt((residual * residual).sum(axis=1))
    if status is None:
        status = _status(incumbents, max_iter)
    arrays = [xp.asarray(x), xp.asarray(index), violation.T, residual.T]
    numbers = [objective, norm, xp.asarray(bound)]
    if problem.single:
        arrays = [arrays[0][0], arrays[1][0], arrays[2][:, 0], arrays[3][:, 0]]
        numbers = [float(number[0]) for number in numbers]
    return MinMaxResult(
        x=arrays[0],
        index=arrays[1],
        objective=numbers[0],
        objective_per_row=arrays[2],
        residual=arrays[3],
        l2_norm=numbers[1],
        lower_bound=numbers[2],
        n_rounds=counters.rounds,
        n_accepted=counters.accepted,
        n_verified=counters.verified,
        n_pruned=counters.pruned,
        history=watch.history,
        seconds=watch.seconds,
        status=status,
        engine=engine,
    )


def _status(incumbents: Incumbents, max_iter: int | None) -> str:
    if not incumbents.open():
        return "feasible" if (incumbents.objective <= 0).all() else "bound"
    if incumbents.watch.told:
        return "interrupted"
    if incumbents.watch.left <= 0:
        return "time_limit"
    return "local" if max_iter is None else "max_iter"


def _generators(rng: Any, k: int) -> list[np.random.Generator]:
    if isinstance(rng, (list, tuple)):
        if len(rng) != k:
            raise ValueError(
                f"rng must be one source or one for each of {k} targets, got {len(rng)}."
            )
        return [generator_of(one, "rng") for one in rng]
    return child_generators(generator_of(rng, "rng"), k)


def chosen_engine(engine: str, problem: Problem) -> str:
    """The engine to run.

    Raises
    ------
    ValueError
        Unknown, or one that works on the host for data on a GPU.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(map(repr, ENGINES))}, got {engine!r}.")
    on_gpu = problem.xp is not np
    if engine == "auto":
        if problem.sparse:
            return "sparse"
        few = problem.n <= _SMALL_COLUMNS and problem.m * problem.n <= _SMALL_ENTRIES
        return "small" if few and problem.k == 1 and not on_gpu else "dense"
    able = ("dense", "sparse") if problem.sparse else ("dense",)
    if on_gpu and engine not in able:
        raise ValueError(
            f"engine must be {' or '.join(map(repr, able))} for arrays on a GPU, got {engine!r}."
        )
    return engine


def with_storage(problem: Problem, engine: str) -> Problem:
    """A as the engine wants it, dense or CSC."""
    if problem.sparse and engine != "sparse":
        return replace(problem, A=problem.A.toarray())
    if not problem.sparse and engine == "sparse":
        return replace(problem, A=sp.csc_array(problem.A))
    return problem


def checked_options(
    p_schedule: Any,
    polish_rows: Any,
    population: Any,
    kick: Any,
    max_iter: Any,
    screen_dtype: Any,
    time_limit: Any,
) -> Options:
    """Check the parameters of a search."""
    for p in (schedule := tuple(p_schedule)):
        if not _whole(p) or not 2 <= p <= 128 or p & (p - 1):
            raise ValueError(f"p_schedule must hold powers of two in 2..128, got {p!r}.")
    if not schedule:
        raise ValueError("p_schedule must hold at least one power, got none.")
    for name, value in (("polish_rows", polish_rows), ("population", population)):
        if not _whole(value) or value < 1:
            raise ValueError(f"{name} must be an int >= 1, got {value!r}.")
    if max_iter is not None and (not _whole(max_iter) or max_iter < 0):
        raise ValueError(f"max_iter must be None or an int >= 0, got {max_iter!r}.")
    if not _real(kick) or not 0 < kick <= 1:
        raise ValueError(f"kick must be in (0, 1], got {kick!r}.")
    if screen_dtype not in SCREEN_DTYPES:
        raise ValueError(
            f"screen_dtype must be one of {', '.join(map(repr, SCREEN_DTYPES))}, got "
            f"{screen_dtype!r}."
        )
    checked_time(time_limit)
    return Options(
        tuple(int(p) for p in schedule),
        int(polish_rows),
        int(population),
        float(kick),
        max_iter,
        screen_dtype,
    )


def checked_time(time_limit: Any) -> None:
    """Raise ValueError unless it is None or positive."""
    if time_limit is not None and not (_real(time_limit) and time_limit > 0):
        raise ValueError(f"time_limit must be None or > 0 seconds, got {time_limit!r}.")


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _real(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
