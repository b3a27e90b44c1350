"""Checks of a tagger's or reweighter's file against what it names; run before any job."""

from pathlib import Path

from jetsmith import plugs
from jetsmith.errors import ConfigError
from jetsmith.specs import ClassifierSpec


def check_options(spec: ClassifierSpec, options: plugs.Options, path: Path) -> None:
    """The backend reads such inputs, and its options go together with classes and inputs."""
    backend = plugs.find("classifiers", spec.backend, f"{path}: backend", "backend")
    sequences = [inputs.group for inputs in spec.inputs if inputs.kind == "sequence"]
    if sequences and not backend.SEQUENCES:
        others = [n for n in plugs.names("classifiers") if plugs.find("classifiers", n, "", "").SEQUENCES]
        raise ConfigError(
            f"{path}: inputs: {', '.join(sequences)} is a sequence; backend `{spec.backend}` reads flat "
            f"features alone. Give summaries of it, or choose a backend that reads sequences: "
            f"{', '.join(others)}"
        )
    problems = list(options.misfits(spec))
    if problems:
        raise ConfigError("\n".join(f"{path}: architecture.{problem}" for problem in problems))
