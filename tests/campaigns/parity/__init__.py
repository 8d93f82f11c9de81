"""Parity: a run under `python -m runner` is a run under `python -m unittest`.

`python -m tests.campaigns.parity` (`make parity`) runs the same tests under both, each in a
process and a directory of its own, and compares tests, outcomes, messages, output, exit codes, and
what is on disk afterwards.
"""
