"""Snakemake's executor `jetsmith-slurm`."""

try:
    from snakemake_executor_plugin_jetsmith_slurm.executor import Executor, ExecutorSettings, common_settings
except ModuleNotFoundError as error:
    if error.name != "snakemake_executor_plugin_slurm":
        raise
    from jetsmith.batch.absent import common_settings, executor_without

    Executor = executor_without("slurm")  # type: ignore[misc]

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
