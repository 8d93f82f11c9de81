"""Benchmarks: our work and its rivals', measured in turns in one run.

`python -m benchmarks` (`make bench`) prints all rows and writes `results.md`; `--quick` takes less
than a minute. Nothing here is asserted: an aim that is missed is marked.
"""
