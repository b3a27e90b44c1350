"""The demo's processes and the checks of what a user may get wrong."""

import subprocess
import sys

import pytest

from jetsmith.errors import ConfigError
from jetsmith.simulate import events_of_part
from jetsmith.simulation.processes import COMMON, PROCESSES, Process


def test_processes_are_light() -> None:
    """Configuration checks list the processes without loading the generator."""
    code = (
        "import sys, jetsmith.simulation.processes; print('pythia8mc' in sys.modules, 'numba' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]


def test_settings_are_assignments() -> None:
    """Pythia reads `name=value`; a missing comma in a tuple would join two of them."""
    for process in PROCESSES.values():
        for setting in (*COMMON, *process.settings):
            assert setting.count("=") == 1


@pytest.mark.parametrize(("n_events", "parts"), [(10, 3), (9, 3), (7, 4)])
def test_events_are_divided_evenly(n_events: int, parts: int) -> None:
    """No event is lost or made twice between the parts."""
    shares = [events_of_part(n_events, parts, part) for part in range(parts)]
    assert sum(shares) == n_events
    assert max(shares) - min(shares) <= 1


def test_a_part_is_never_empty() -> None:
    """A tiny simulation_scale still gives files that can be read."""
    assert events_of_part(1, 4, 3) == 1


def test_pythia_refuses_a_wrong_setting() -> None:
    """readString's return value is looked at: a misspelt setting does not pass in silence."""
    pytest.importorskip("pythia8mc")
    from jetsmith.simulation.pythia import make_generator

    with pytest.raises(ConfigError, match="NoSuch:thing=on"):
        make_generator(Process(("NoSuch:thing=on",), False, ""), 1)
