"""Benchmark `boosted`: taggers of large jets on the same simulated jets, and the mass left alone.

One run of the workflow on a quarter of the events of `config/boosted.yaml`. Each weight of a decorrelation is
trained three times (`loss_scan`), each other tagger once.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.benchmarks import _harness as harness
from tests.benchmarks import _workflow as workflow

SCALE = 0.25  # of the events of config/boosted.yaml
SEED, SEEDS = 1, 3
SAMPLE, FLAT = "boosted", "flat"
COLUMN = "jet_softdrop_mass_gev"
SIGNAL = "hbb"
DISCO, ADVERSARY = "deep_sets_disco", "deep_sets_adversary"
EPOCHS = {"deepak8": 10, "deepak8_kinematics": 10}  # half of those of config/taggers, for time's sake
PLAIN = ("double_b", *EPOCHS)
WEIGHTS = {DISCO: (0, 5, 10, 20), ADVERSARY: (0, 2, 10)}


class Ratio(NamedTuple):
    """Background of one tagger over that of another, at the same efficiency of the signal.

    Attributes:
        above, below: Taggers.
        at: Efficiency of the signal.
        background: Class.
        least: What the ratio should be at least.
    """

    above: str
    below: str
    at: str
    background: str
    least: float

    @property
    def name(self) -> str:
        """A line of the table."""
        return f"{self.background} of {self.above} over that of {self.below}, efficiency {self.at}"

    def comparison(self) -> dict[str, Any]:
        """What `_orderings_way` is asked."""
        sides = {"better": self.above, "worse": self.below}
        of = {"signal": SIGNAL, "background": self.background}
        return {"by": f"passing_{self.at}", "how": "ratio"} | {
            side: {"name": name, **of} for side, name in sides.items()
        }


RATIOS = tuple(
    Ratio(above, below, at, background, least)
    for above, below, least in (("double_b", "deepak8", 2.0), ("deepak8_kinematics", "deepak8", 1.0))
    for background in ("qcd", "qcd_bb")
    for at in ("5e-1", "3e-1")
)


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    folder = harness.RESULTS / "boosted"
    figure = f"results/plots/loss_scan/{FLAT}/{COLUMN}"
    workflow.score(folder, files(), SEED, [f"{figure}.json"])
    asked = [ratio.comparison() for ratio in RATIOS]
    found = workflow.compare(folder, SAMPLE, asked, SEED, SIGNAL, "qcd")
    ratios = {
        ratio.name: {"wanted": ratio.least} | {key: round(value, 3) for key, value in one.items()}
        for ratio, one in zip(RATIOS, found["comparisons"], strict=True)
    }
    taggers = {
        name: {
            field: f"{one['value']:.4g} [{one['low']:.4g}, {one['high']:.4g}]" for field, one in of.items()
        }
        for name, of in found["taggers"].items()
    }
    scans = json.loads((folder / f"{figure}.json").read_text())
    return {
        "ratios": ratios,
        "taggers": taggers,
        "scans": dict(line for curve in scans["curves"] for line in _lines(curve)),
        "equal": {
            f"{one['first']} over {one['second']} at 1/JSD {one['inverse']:.3g}": one["ratio"]
            for one in scans["equal"]
        },
        "test_jets": found["test_jets"],
    }


def _lines(curve: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """Of each weight, of thresholds by bin, and what is gained."""
    points = [(f"λ = {one['weight']:g}", one) for one in curve["weights"]]
    points += [("thresholds by bin", curve["flattened"])] if curve["flattened"] else []
    for name, one in points:
        of_mass = one["left"][0]
        yield (
            f"{curve['tagger']}, {name}",
            {
                **_ends("rejection", one["rejection"]),
                **_ends("inverse_jsd", of_mass["inverse"]),
                "by_chance": of_mass["by_chance"],
                **(_ends("correlation", of_mass["correlation"]) if of_mass["correlation"] else {}),
            },
        )
    if curve["gain"]:
        gain = curve["gain"]
        yield (
            f"{curve['tagger']}, gain at λ = {gain['weight']:g}",
            {
                **_ends("rejection", gain["kept"]),
                **_ends("inverse_jsd", gain["inverse"]),
            },
        )


def _ends(name: str, of: Mapping[str, float]) -> dict[str, float]:
    return {name: of["value"], f"{name}_low": of["low"], f"{name}_high": of["high"]}


def files() -> dict[str, Any]:
    """What the run has beside the checkout's configuration."""
    wanted = {
        key: value
        for key, value in workflow.shipped("boosted").items()
        if key in ("selection", "samples", "working_points", "calibration")
    }
    flat = {"datasets": ["higgs_bb_flat", "qcd_flat", "qcd_flat_bb"], "normalise": "flat"}
    wanted["samples"] = {SAMPLE: wanted["samples"][SAMPLE], FLAT: flat}
    wanted |= {
        "title": "Boosted jets",
        "simulation_scale": SCALE,
        "splits": {"train": 0.45, "validation": 0.1, "calibration": 0.1, "test": 0.35},
        "taggers": dict.fromkeys(PLAIN, SAMPLE) | dict.fromkeys(WEIGHTS, FLAT),
        "bundles": False,
        "explain": {"enabled": False},
    }
    found: dict[str, Any] = {"config": wanted}
    for name, epochs in EPOCHS.items():
        tagger = workflow.shipped(f"taggers/{name}")
        tagger["training"] |= {"epochs": epochs}
        found[f"taggers/{name}"] = tagger
    for name, weights in WEIGHTS.items():
        found[f"taggers/{name}"] = _leaving_the_mass(name, weights)
    return found


def _leaving_the_mass(name: str, weights: tuple[float, ...]) -> dict[str, Any]:
    """Deep Sets of candidates beside the inputs of double-b, whose losses know of the mass."""
    tagger = workflow.shipped("taggers/deep_double_b")
    options: dict[str, Any] = {"column": "softdropMass", "rows": ["qcd"]}
    if name == DISCO:
        options |= {"signal": ["hbb"], "background": {"qcd": 1.0}}
    else:
        options |= {"edges": tagger["decorrelate"][COLUMN]}
    loss = {"loss": "disco" if name == DISCO else "adversary", "weight": weights[-1], "options": options}
    training = {"epochs": 16, "patience": 16, "batch_size": 1024, "learning_rate": 3e-3}
    return tagger | {
        "title": f"Deep Sets, {loss['loss']}",
        "model": "deepsets",
        "inputs": {"ak8": "double_b", "ak8_candidates": "particlenet"},
        "architecture": {"constituent": [64, 64], "jet": [64, 64]},
        "side": {"ak8_beside": ["softdropMass"]},
        "losses": {"classes": {"loss": "cross_entropy"}, "mass": loss},
        "training": tagger["training"] | training,
        "loss_scan": {"loss": "mass", "weights": list(weights), "seeds": SEEDS},
    }
