"""Which datasets have events in common: by their name, or by a file that both read, under any path."""

import itertools
import os
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from jetsmith import remote
from jetsmith.specs.datasets import DatasetSpec, LeptonsSpec

_INFINITE = float("inf")
_OF_LEPTONS = ("pt_min_gev", "abseta_max", "isolation_max")  # how many an event has


def identities(paths: Mapping[str, Iterable[str]]) -> dict[str, Hashable]:
    """What each file is, by its path: links lead to one, and so do addresses of replicas.

    Args:
        paths: Files of each dataset.
    """
    return {path: _identity(path) for path in dict.fromkeys(itertools.chain.from_iterable(paths.values()))}


def _identity(path: str) -> Hashable:
    try:
        status = os.stat(path)
    except OSError:  # an address, which has the logical name of the file in it, or is taken as it stands
        return _logical(path)
    # Not by the inode alone: file systems that make inodes up may give one number twice.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _logical(path: str) -> str:
    """CMS' name of a file, `/store/…`, whatever a site has before it: `/eos/cms`, `/pnfs/desy.de/cms/tier2`.

    Where no part of that has `cms` in it, or one is `user`, it is somebody's folder, and the address counts.
    """
    before, found, name = path.partition("://")[2].partition(remote.LOGICAL)
    parts = before.strip("/").split("/")[1:]  # behind the server
    is_site = not parts or (any("cms" in part for part in parts) and "user" not in parts)
    return remote.LOGICAL + name if found and is_site else path


@dataclass(frozen=True)
class SameEvents:
    """Who asks whether samples are of other events asks here.

    Attributes:
        datasets: Those of the run.
        files: Path of each file of a dataset, by what it is; none where it is simulated, which other names
            make other events.
    """

    datasets: Mapping[str, DatasetSpec]
    files: Mapping[str, Mapping[Hashable, str]]

    def shared(self, some: Iterable[str], others: Collection[str]) -> list[str]:
        """Datasets with events that others have, too, for messages: with both names and the file.

        Two that read a file are of other events where no event passes the `leptons` of both.

        Args:
            some: Names of datasets.
            others: Names of others, which may be the same.

        Returns:
            A text each that begins with its name, in their order; none where there is no such event.
        """
        return [text for name in some if (text := self._of(name, others))]

    def are_copies(self, some: Iterable[str], others: Iterable[str]) -> bool:
        """Whether datasets are others under other names: the same files, read alike."""

        def read(names: Iterable[str]) -> list[tuple[list[str], str]]:
            return sorted(
                (
                    sorted(map(str, self.files[name])) or [name],
                    repr(self.datasets[name].model_dump(exclude={"files"})),
                )
                for name in names
            )

        return read(some) == read(others)

    def _of(self, name: str, others: Collection[str]) -> str:
        if name in others:
            return name
        for other in others:
            both = self.files[name].keys() & self.files[other].keys()
            if both and not _apart(self.datasets[name].leptons, self.datasets[other].leptons):
                path, also = min((self.files[name][file], self.files[other][file]) for file in both)
                return f"{name} (its {path} is {f'{also} of' if also != path else 'also in'} {other})"
        return ""


def _apart(one: LeptonsSpec | None, other: LeptonsSpec | None) -> bool:
    """Whether no event has the leptons of both: those of other channels, or pairs of other masses."""
    if one is None or other is None or any(getattr(one, k) != getattr(other, k) for k in _OF_LEPTONS):
        return False
    common = set(one.channels) & set(other.channels)
    return not any(
        max(low, least) < min(high, most)
        for channel in common
        for low, high in _masses(one, channel)
        for least, most in _masses(other, channel)
    )


def _masses(spec: LeptonsSpec, channel: str) -> Iterator[tuple[float, float]]:
    """Ranges of the mass of two leptons [GeV] that pass; all of one lepton, which has none."""
    from jetsmith.sources.leptons import Z_MASS_GEV  # a plan need not wait for all that reads files

    low, high = (spec.pair_mass_gev if channel in ("ee", "emu", "mumu") else None) or (0.0, _INFINITE)
    if channel in ("ee", "mumu") and spec.z_veto_gev:
        yield low, min(high, Z_MASS_GEV - spec.z_veto_gev)
        yield max(low, Z_MASS_GEV + spec.z_veto_gev), high
    else:
        yield low, high
