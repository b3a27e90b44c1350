"""Event weights from scale factors and efficiencies. Needs numpy, awkward and correctionlib alone.

    weigh = FixedWorkingPoints(
        "btagging.json.gz", "efficiencies.json", tagger="deepJet", working_points=("L", "M"), year="2018"
    )
    found = weigh(jets.pt, jets.eta, jets.hadronFlavour, jets.btagDeepFlavB)
    found.nominal, found.up["btag_heavy_correlated"], found.down["btag_light_uncorrelated_2018"]
    found.counts["n_pt_beyond_scale_factors"]

    weigh = Shape("btagging.json.gz", tagger="deepJet", year="2018")

    found = LearnedEfficiencies("by_jet.onnx")(jets.hadronFlavour, {"ak4": {"jet_pt": jets.pt, …}})
    tags = tag_probabilities(found.efficiency["M"], 2)  # of 0, 1, and 2 or more; needs onnxruntime, too
    weigh = FixedWorkingPoints("btagging.json.gz", LearnedEfficiencies("by_jet.onnx"), …)

Scale factors are files as CMS' BTV group publishes them; efficiencies are what the rule `calibrate` writes,
or another correctionlib file with the same axes. docs/event_weights.md says what is done where.
"""

from jetsmith.errors import InputError
from jetsmith.event_weights.fixed import FixedWorkingPoints
from jetsmith.event_weights.learned import LearnedEfficiencies, tag_probabilities
from jetsmith.event_weights.shape import Shape
from jetsmith.event_weights.weights import Weights

__all__ = [
    "FixedWorkingPoints",
    "InputError",
    "LearnedEfficiencies",
    "Shape",
    "Weights",
    "tag_probabilities",
]
