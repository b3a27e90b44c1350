"""Snakemake's executor `jetsmith-htcondor`."""

try:
    from snakemake_executor_plugin_jetsmith_htcondor.executor import (
        Executor,
        ExecutorSettings,
        common_settings,
    )
except ModuleNotFoundError as error:
    if error.name not in ("htcondor2", "snakemake_executor_plugin_htcondor"):
        raise
    from jetsmith.batch.absent import common_settings, executor_without

    Executor = executor_without("htcondor")  # type: ignore[misc]

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
