"""Working points and efficiencies of a tagger as correctionlib schema 2, and as plain numbers.

The thresholds come from split `calibration`, the efficiencies from split `test`. A tagger with several
discriminants has a file for each; the first bears the tagger's name alone, so that one that is added later
renames nothing, and of the others `<tagger>` below is `<tagger>_<discriminant>`. The corrections:

`<tagger>_wp_values`  working_point -> threshold on the discriminant (a jet passes at or above it)
`<tagger>_eff`        working_point, flavor, abseta, pt -> efficiency in simulation
`<tagger>_eff_low`, `<tagger>_eff_high`  the ends of its statistical interval (68.3%)
`<tagger>_flat_wp_values`, `<tagger>_flat_eff`, …  the same of flat efficiency: thresholds depend on pt
`<plane>_wp_values`, `<plane>_eff`, …  of two discriminants with a cut on each; one more input, `discriminant`

|eta| outside the bins is an error, its upper edge included in the last bin; pt is clamped, and so
jets below or above all bins count in the end bins.
"""

from jetsmith.calibration.stage import calibrate

__all__ = ["calibrate"]
