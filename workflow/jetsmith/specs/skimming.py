"""How the skim is cut into jobs, and how it reads."""

import math
from typing import Any, Literal

from pydantic import Field

from jetsmith.strict import Record


class PartitionSpec(Record):
    """How inspect cuts a dataset into jobs."""

    target_mb: float = Field(
        20_000.0,
        ge=1e-6,
        description="Bytes a partition [MB]: by default ten minutes for LZMA files on a disk, half an hour "
        "for files that come with 10 MB/s.",
    )
    target_entries: int = Field(10_000_000, gt=0, description="Entries that cost as much.")
    at_least: int = Field(8, gt=0, description="Partitions of a dataset, unless they get too small.")
    smallest_mb: float = Field(500.0, ge=1e-6, description="What is too small [MB].")

    def n_parts(self, total_mb: float) -> int:
        """Partitions of a dataset of so many bytes."""
        few = min(self.at_least, math.ceil(total_mb / self.smallest_mb))
        return max(1, few, math.ceil(total_mb / self.target_mb))


class DaskSpec(Record):
    """The cluster that one driver job owns where `skim.backend` is `dask`."""

    cluster: str = Field(
        "distributed.LocalCluster",
        description="Class by its dotted name: `distributed.LocalCluster`, `dask_jobqueue.SLURMCluster`, "
        "`dask_jobqueue.HTCondorCluster`, or a site's own.",
    )
    options: dict[str, Any] = Field(
        {}, description="Its arguments, e.g. `{cores: 1, memory: 3GB, queue: main, walltime: '04:00:00'}`."
    )
    minimum: int = Field(1, ge=0, description="Workers that are always asked for.")
    maximum: int = Field(
        0, ge=0, description="Workers at most; 0 for one a core (LocalCluster) or one a partition (others)."
    )
    lifetime_min: int | None = Field(
        None,
        gt=0,
        description="A worker ends after so long [min]; with Slurm 90% of its walltime, which without one in "
        "`options` is that of dask-jobqueue's own configuration: 30 minutes, where nobody has changed it.",
    )
    patience_min: float = Field(
        120.0,
        gt=0,
        description="Without any worker for so long [min] the driver gives up.",
    )
    retries: int = Field(3, ge=0, description="Further runs of a partition whose worker was lost or failed.")

    @property
    def is_slurm(self) -> bool:
        """Whether workers are jobs of Slurm, whose walltimes have a form of their own."""
        return self.cluster.rpartition(".")[2] == "SLURMCluster"

    @property
    def is_local(self) -> bool:
        """Whether workers are processes of the driver's own job."""
        return self.cluster.rpartition(".")[2] == "LocalCluster"


class SkimSpec(Record):
    """How skim reads. Nothing here changes a row, so no change of it runs anything again."""

    backend: Literal["jobs", "dask"] = Field(
        "jobs",
        description="`jobs`: one Snakemake job a partition; `dask`: one job a dataset, with a cluster.",
    )
    threads: int = Field(1, gt=0, description="Processes of a job: coffea's FuturesExecutor above 1.")
    chunk_entries: int = Field(100_000, gt=0, description="Entries read at once.")
    max_loss_fraction: float = Field(0.0, ge=0, lt=1, description="Entries that may be lost, declared.")
    retries: int = Field(2, ge=0, description="Further attempts after a passing read error.")
    write_root: bool = Field(False, description="Write the rows as ROOT files, too (TTree `jets`, ZSTD).")
    dask: DaskSpec = DaskSpec()


class XRootDSpec(Record):
    """Remote files."""

    redirectors: tuple[str, ...] = Field(
        (), description="Servers (`root://host/`) that may hold a remote file, too; tried in this order."
    )
    timeout_s: int = Field(60, gt=0, description="Seconds until a request counts as failed [s].")
