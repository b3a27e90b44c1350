"""Checks of what a dataset says of its events: keys that contradict each other; run before any job.

What its files say of the same is compared by stage inspect (`jetsmith.skimming.agreement`).
"""

from collections.abc import Iterator, Mapping

from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.datasets import (
    JETS_ALONE,
    LAYOUTS,
    RELATIVE_WEIGHTS,
    DatasetSpec,
    LeptonsSpec,
    SelectionSpec,
)

TRIGGERS = "hlt"  # which `without` leaves out, beside cuts on jets


def contradictions(spec: DatasetSpec, selection: SelectionSpec) -> Iterator[str]:
    """Keys of a dataset that cannot be true together, and what its layout does not have.

    Args:
        spec: The dataset.
        selection: Cuts on its rows.
    """
    yield from _data(spec) if spec.is_data else _simulation(spec)
    yield from _variation(spec) if spec.weight_variation and not spec.is_data else ()
    if spec.layout in JETS_ALONE:
        yield from _jets_alone(spec, selection)
    yield from _leptons(spec, spec.leptons) if spec.leptons is not None else ()
    own = LAYOUTS[spec.layout].cut if spec.layout in LAYOUTS else None
    cuts = [cut for cut in spec.without if cut != TRIGGERS]
    foreign = [cut for cut in cuts if cut != (own or cut)]
    if foreign:
        yield f"without: {', '.join(foreign)}: files of `{spec.layout}` have `{own}` alone"
    if spec.events != "z" and spec.object != "event":
        yield f"events: chooses rows of `event`, and these are of `{spec.object}`; leave it out"
    if TRIGGERS in spec.without and (spec.is_data or spec.hlt):
        why = "data have triggers, and name those that count" if spec.is_data else "`hlt` says which fired"
        yield f"without: hlt: {why}; leave it out"
    if (spec.without and spec.object == "event") or (cuts and spec.simulate is not None):
        rows = "rows of `event`" if spec.object == "event" else "simulated files"
        yield f"without: {rows} lack no cut; leave it out"


def _leptons(spec: DatasetSpec, leptons: LeptonsSpec) -> Iterator[str]:
    if spec.layout == "lhe":
        yield "leptons: LHE files have none that a detector saw; leave it out"
    if leptons.pair_mass_gev is not None and not leptons.pair_mass_gev[0] < leptons.pair_mass_gev[1]:
        low, high = leptons.pair_mass_gev
        yield f"leptons.pair_mass_gev: goes from {low:g} to {high:g} GeV; give two rising numbers"
    if leptons.transverse_mass_min_gev and set(leptons.channels).isdisjoint(("e", "mu")):
        yield "leptons.transverse_mass_min_gev: is of one lepton, and the channels have two; leave it out"
    if leptons.transverse_mass_min_gev and spec.layout == "physlite":
        yield "leptons.transverse_mass_min_gev: what is missing is not read of PHYSLITE; leave it out"
    pairs = [channel for channel in leptons.channels if channel not in ("e", "mu")]
    if not pairs and leptons.pair_mass_gev is not None:
        yield "leptons.pair_mass_gev: channels of one lepton have no mass of a pair; leave it out"
    if leptons.z_veto_gev and set(pairs) <= {"emu"}:
        yield "leptons.z_veto_gev: is of pairs of one flavour, `ee` and `mumu`; leave it out"
    if len(set(leptons.channels)) < len(leptons.channels):
        yield f"leptons.channels: name each once; got {', '.join(leptons.channels)}"


def _data(spec: DatasetSpec) -> Iterator[str]:
    for key, given, reason in (
        ("cross_section_pb", spec.cross_section_pb, "data are not weighted to a cross-section"),
        ("weight_variation", bool(spec.weight_variation), "data have no generator weights"),
        ("weights", spec.weights != "generator", "data have no generator weights, every event counts 1"),
        ("generated", spec.generated != "runs", "data were not generated"),
        ("object", spec.object == "event", "rows of `event` are made of generator particles"),
    ):
        if given:
            yield f"{key}: {reason}; leave out `is_data` or `{key}`"


def _simulation(spec: DatasetSpec) -> Iterator[str]:
    if spec.golden_json is not None:
        yield "golden_json: certified blocks are those of data; set `is_data: true`, or leave it out"
    if spec.simulate is not None and spec.weights != "generator":
        yield "weights: simulated files hold a generator weight; leave it out"


def _variation(spec: DatasetSpec) -> Iterator[str]:
    if spec.weights == "unit":
        yield "weight_variation: with `weights: unit` every event counts 1; leave out one of them"
    if spec.simulate is not None or spec.layout in (*JETS_ALONE, "physlite"):
        kind = "simulated files" if spec.simulate is not None else f"files of `{spec.layout}`"
        yield f"weight_variation: {kind} have no weights of variations that are read; leave it out"
    elif spec.layout in ("nanoaod", "pfnano") and spec.relative_weight is None:
        yield (
            f"weight_variation: files of `{spec.layout}` have no weight `{spec.weight_variation}`: name a "
            f"branch and an index, such as `LHEScaleWeight[0]`; branches: {', '.join(RELATIVE_WEIGHTS)}"
        )


def _jets_alone(spec: DatasetSpec, selection: SelectionSpec) -> Iterator[str]:
    files, obj = JETS_ALONE[spec.layout]
    for key in ("is_data", "golden_json", "hlt", "leptons"):
        if getattr(spec, key):
            yield f"{key}: {files} hold simulated jets without run and trigger; leave it out"
    if spec.cross_section_pb is not None:
        yield f"cross_section_pb: {files} do not say how many events their jets are of; leave it out"
    if spec.object != obj:
        yield f"object: {files} hold {obj.upper()} jets, no rows of `{spec.object}`"
    if spec.weights != "unit":
        yield f"weights: {files} hold no generator weight; `weights: unit` makes every jet count 1"
    if selection.jet_id and "jet_id" not in spec.without:
        yield (
            f"without: {files} cannot tell `jet_id: {selection.jet_id}` of the selection; "
            "`without: [jet_id]` leaves the cut out"
        )


def other_rows(sample: str, datasets: Mapping[str, DatasetSpec], spec: ClassifierSpec) -> Iterator[str]:
    """A sample whose rows a tagger does not read."""
    objects = {dataset.object for dataset in datasets.values()}
    if objects != {spec.object}:
        yield f"rows of sample `{sample}` are `{', '.join(objects)}`, the tagger reads `{spec.object}`"


def without_truth(spec: ClassifierSpec, datasets: Mapping[str, DatasetSpec]) -> Iterator[str]:
    """A tagger on data alone. Beside simulation data may stand: their jets get scores and nothing else."""
    if spec.role == "tagger" and all(dataset.is_data for dataset in datasets.values()):
        yield (
            f"sample `{spec.sample}` ({', '.join(datasets)}) is of data alone: no truth to train on "
            "or to be judged by; add simulation to the sample"
        )
