"""Measurements that the documentation quotes; each module is run with `python -m benchmarks.NAME`.

Results are written to benchmarks/results/NAME.json, with the versions and the machine that made them.
"""
