"""What the parametric detector can do, and the detectors by name. Light: configuration checks import it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Detector:
    """What the detector can do. Lengths in cm, momenta in GeV.

    The resolutions are those of a silicon tracker such as the CMS phase-1 one.
    """

    field_tesla: float = 3.8
    abseta_max: float = 2.5
    calorimeter_abseta_max: float = 4.7
    pt_min_gev: float = 0.5
    efficiency: float = 0.95
    d0_constant_cm: float = 14e-4
    d0_scattering_cm: float = 90e-4
    dz_constant_cm: float = 28e-4
    dz_scattering_cm: float = 100e-4
    primary_xy_cm: float = 8e-4
    primary_z_cm: float = 12e-4
    layers_cm: tuple[float, ...] = (2.2, 2.9, 6.8, 10.9, 16.0)
    # ASSUME tails of the resolution, as (fraction, factor): pattern errors are not simulated.
    wide_tail: tuple[float, float] = (0.07, 2.5)
    far_tail: tuple[float, float] = (0.008, 8.0)
    fake_fraction: float = 0.004
    # ASSUME one number for the material: nuclear interactions of hadrons, conversions of photons.
    nuclear_fraction: float = 0.04
    conversion_fraction: float = 0.05
    # ASSUME means an event: further vertices, and soft particles that the removal of pile-up leaves over.
    pile_up_vertices: float = 25.0
    pile_up_tracks: float = 25.0
    pile_up_neutrals: float = 25.0
    # ASSUME close pairs of tracks share merged clusters, and with them one displacement: the source of
    # fake vertices. An effective knob that was tuned to a mistag rate, not physics.
    crowd_probability: float = 0.30
    crowd_delta_r: float = 0.04
    crowd_cm: float = 90e-4
    # ASSUME particle identification: efficiency of each lepton, and hadrons taken for it.
    electron_efficiency: float = 0.85
    muon_efficiency: float = 0.95
    fake_electron_fraction: float = 0.004
    fake_muon_fraction: float = 0.003

    def plain(self) -> dict[str, Any]:
        """All numbers by name, as JSON has them."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_plain(cls, numbers: Mapping[str, Any]) -> Self:
        """What `plain` gave."""
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in numbers.items()
        }
        return cls(**given)


DETECTORS = {
    "nominal": Detector(),
    # ASSUME the detector of pseudo-data: a tracker whose simulation does not know of its misalignment (impact
    # parameters are measured a fifth worse, and their tails hold more), its dead channels (4% of the tracks
    # are missing) and the losses of its sensors (more fakes, more merged clusters). Track errors are those of
    # the resolution, as in the nominal one. Tuned: b jets pass a medium working point 0.93 times as often.
    "worse_tracker": Detector(
        efficiency=0.915,
        d0_constant_cm=16.8e-4,
        d0_scattering_cm=108e-4,
        dz_constant_cm=33.6e-4,
        dz_scattering_cm=120e-4,
        wide_tail=(0.10, 2.5),
        far_tail=(0.010, 8.0),
        fake_fraction=0.006,
        crowd_probability=0.36,
    ),
    # ASSUME twice as many collisions at once, of which the removal leaves over the same share.
    "more_pile_up": Detector(pile_up_vertices=50.0, pile_up_tracks=50.0, pile_up_neutrals=50.0),
}
