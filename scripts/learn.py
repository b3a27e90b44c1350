"""Learn the efficiencies of one tagger's working points."""

from jetsmith.calibration.axes import axes_of
from jetsmith.job import job
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.features import Inputs, raw_specs
from jetsmith.specs.learned import NetworkSpec
from jetsmith.specs.run import EfficienciesSpec

with job(snakemake):
    from jetsmith.calibration.learned import learn  # a job without ONNX says which extra it lacks

    learn(
        name=snakemake.wildcards.learned,
        spec=JudgedSpec(**snakemake.params.spec),
        features=[Inputs(**inputs) for inputs in snakemake.params.features],
        closes_in=[Inputs(**inputs) for inputs in snakemake.params.closes_in],
        raw=raw_specs(snakemake.params.raw),
        axes=axes_of(*(snakemake.params[name] for name in ("pt_bins_gev", "abseta_bins", "third_bins"))),
        settings=EfficienciesSpec(**snakemake.params.settings),
        network=NetworkSpec(**snakemake.params.network),
        seed=snakemake.params.seed,
        **{**snakemake.input, **snakemake.output},
    )
