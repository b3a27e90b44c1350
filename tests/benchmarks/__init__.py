"""Benchmarks, one module a benchmark; `python -m tests.benchmarks NAME`. Not collected by pytest."""
