"""Targets on Dask workers: the answer of one process, and what is known survives a lost worker."""

from __future__ import annotations

import os
import signal
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sampkit.minmax import minmax_search

distributed = pytest.importorskip("distributed")

LEVELS = np.linspace(-1, 1, 5)


def problem(m=120, n=16, k=8):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((m, n))
    return A, A @ rng.uniform(-1, 1, (n, k))


@pytest.fixture(scope="module")
def cluster():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None
        ) as cluster:
            yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2)
        yield client


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ["dense", "small", "sparse"])
def test_same_answer_as_in_one_process(client, engine):
    A, B = problem()
    options = {"rng": 3, "max_iter": 2, "population": 4, "engine": engine}
    one = minmax_search(A, B, LEVELS, **options)
    two = minmax_search(A, B, LEVELS, client=client, **options)
    assert_array_equal(one.index, two.index)
    np.testing.assert_allclose(one.lower_bound, two.lower_bound, rtol=1e-9, atol=1e-12)
    assert two.status == one.status
    assert two.n_accepted == one.n_accepted
    assert np.isfinite(two.objective).all()


@pytest.mark.filterwarnings("ignore")
def test_frozen_weighted_one_sided_targets(client):
    A, B = problem(k=5)
    rng = np.random.default_rng(1)
    options = {
        "rng": 3,
        "max_iter": 1,
        "row_weight": rng.uniform(0.5, 2, len(A)),
        "tolerance": 0.1,
        "side": "upper",
        "minimize_slack": True,
        "frozen": rng.random((5, 16)) < 0.2,
        "start": rng.uniform(-1, 1, (5, 16)),
    }
    one = minmax_search(A, B, LEVELS, **options)
    two = minmax_search(A, B, LEVELS, client=client, **options)
    assert_array_equal(one.x, two.x)


@pytest.mark.filterwarnings("ignore")
def test_time_limit_and_callback_are_for_the_whole_call(client):
    A, B = problem()
    found = minmax_search(A, B, LEVELS, client=client, time_limit=1.0, rng=0)
    assert found.status == "time_limit"
    seen = []

    def callback(seconds, objective):
        seen.append(objective)
        return len(seen) > 10

    stopped = minmax_search(A, B, LEVELS, client=client, time_limit=60, rng=0, callback=callback)
    assert stopped.status == "interrupted"
    assert stopped.seconds < 60
    objectives = [objective for _, objective in stopped.history]
    assert (np.diff(objectives) < 0).all()


@pytest.mark.filterwarnings("ignore")
def test_a_lost_worker_costs_no_progress(client, cluster):
    # one block, so that it is known which worker has it; the worker is killed once it has sent
    # an incumbent, and the block is run again on the other one
    A, B = problem(m=300, n=60, k=2)
    options = {"rng": 3, "max_iter": 30, "population": 8}
    known, killed = [], []

    def callback(seconds, objective):
        known.append(objective)
        if not killed and known[0] > objective:
            busy = [name for name, tasks in client.processing().items() if tasks]
            workers = {worker.worker_address: worker.pid for worker in cluster.workers.values()}
            if busy and workers.get(busy[0]):
                os.kill(workers[busy[0]], signal.SIGKILL)
                killed.append((busy[0], objective))
        return False

    one = minmax_search(A, B, LEVELS, **options)
    two = minmax_search(A, B, LEVELS, client=client, callback=callback, **options)
    assert killed
    assert (np.diff(known) <= 1e-12).all()  # what was known then is not lost
    assert two.objective.mean() <= killed[0][1]
    assert_array_equal(one.index, two.index)
    until = time.monotonic() + 60
    while len(client.nthreads()) < 2 and time.monotonic() < until:  # the nanny starts another one
        time.sleep(0.1)
