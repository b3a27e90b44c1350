"""Where the resolution functions of tracks come from: one source, which is there and has tracks."""

from collections.abc import Iterator, Mapping

from jetsmith.configuration.checks import local
from jetsmith.configuration.records import hint
from jetsmith.errors import refuse
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.run import RunSpec


def check_resolution(run: RunSpec, datasets: Mapping[str, DatasetSpec], source: str) -> None:
    """Key `track_resolution` of the run, beside its samples and their datasets."""
    refuse(source, _problems(run, datasets))


def _problems(run: RunSpec, datasets: Mapping[str, DatasetSpec]) -> Iterator[str]:
    spec = run.track_resolution
    if spec is None:
        return
    if (spec.sample is None) == (spec.file is None):
        yield "track_resolution: give `sample` or `file`, one of the two"
    elif spec.file is not None:
        path = local(spec.file, run.data_root)
        if not path.is_file():
            yield f"track_resolution.file: no file {path}"
    elif spec.sample not in run.samples:
        name = str(spec.sample)
        yield f"track_resolution.sample: unknown sample `{name}`{hint(name, run.samples)}"
    elif (found := datasets[run.samples[spec.sample].datasets[0]].object) != "ak4":
        yield f"track_resolution.sample: `{spec.sample}` has rows of `{found}`; take one of AK4 jets"
