"""Stands for an executor whose plugin is not installed: Snakemake loads every executor, wanted or not."""

from typing import Any, NoReturn

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import AbstractExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


def executor_without(plugin: str) -> type[AbstractExecutor]:
    """An executor that names what is missing as soon as it is to be used."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise WorkflowError(
            f"the executor jetsmith-{plugin} needs the package snakemake-executor-plugin-{plugin}: "
            f"`make setup EXTRAS={plugin}`, or install jetsmith's extra `{plugin}`"
        )

    executor = type("Executor", (AbstractExecutor,), {"__init__": __init__})
    executor.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]  # it never comes to any of them
    return executor
