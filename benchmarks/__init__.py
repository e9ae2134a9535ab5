"""Speed and memory against named peers, measured in one process: ``python -m benchmarks``."""
