"""The reference of the configuration, made from the records themselves: docs/config.md.

Run `python -m jetsmith.reference > docs/config.md` after a change of jetsmith.specs.
"""

from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from jetsmith import specs

FILES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("config/config.yaml", "The run.", specs.RunSpec),
    ("config/config.yaml: samples", "One entry a sample.", specs.SampleSpec),
    ("config/config.yaml: splits", "Fractions of the events.", specs.SplitSpec),
    ("config/config.yaml: selection", "One entry an object (`ak4`, `ak8`, `event`).", specs.SelectionSpec),
    ("config/config.yaml: partition", "Size of the skim's jobs.", specs.PartitionSpec),
    ("config/config.yaml: skim", "Reading.", specs.SkimSpec),
    ("config/config.yaml: skim: dask", "The cluster of the backend `dask`.", specs.DaskSpec),
    ("config/config.yaml: xrootd", "Files at root:// addresses.", specs.XRootDSpec),
    ("config/config.yaml: closure", "The reweighters' test.", specs.ClosureSpec),
    ("config/config.yaml: plots", "Style.", specs.PlotSpec),
    ("config/datasets.yaml", "One entry a dataset.", specs.DatasetSpec),
    ("config/datasets.yaml: simulate", "A dataset of the embedded demo.", specs.SimulateSpec),
    ("config/flavours.yaml", "One entry a class; its key is the name.", specs.ClassSpec),
    ("config/features/*.yaml", "One file a feature group; its name is the group's.", specs.FeatureGroup),
    ("config/features/*.yaml: features", "One entry a feature.", specs.FeatureSpec),
    ("config/taggers/*.yaml, config/reweighters/*.yaml", "One file a classifier.", specs.ClassifierFile),
    ("… training", "How it is trained.", specs.TrainingSpec),
    ("… discriminant", "One number from the class probabilities.", specs.DiscriminantSpec),
    ("… evaluation", "Truth in ROC curves and working points.", specs.EvaluationSpec),
)


def markdown() -> str:
    """The reference as Markdown: a table a record."""
    lines = [
        "# Configuration reference",
        "",
        "Made by `python -m jetsmith.reference > docs/config.md`; do not edit. Unknown keys are errors,",
        "and all mistakes come up at `snakemake -n`.",
    ]
    for title, text, record in FILES:
        lines += ["", f"## {title}", "", text, "", "| key | type | default | meaning |", "|---|---|---|---|"]
        lines += [_row(name, field) for name, field in record.model_fields.items()]
    return "\n".join(lines) + "\n"


def _row(name: str, field: Any) -> str:
    required = field.default is PydanticUndefined
    default = "required" if required else f"`{_short(field.default)}`"
    return f"| `{name}` | {_type(field.annotation)} | {default} | {field.description or 'See below.'} |"


def _short(default: Any) -> str:
    return "its defaults" if isinstance(default, BaseModel) else str(default if default != "" else '""')


def _type(annotation: Any) -> str:
    text = (
        getattr(annotation, "__name__", "") if not getattr(annotation, "__args__", None) else str(annotation)
    )
    for long, short in (("typing.", ""), ("jetsmith.specs.", ""), ("NoneType", "none")):
        text = text.replace(long, short)
    if "Annotated[" in text or "FieldInfo" in text:
        text = {"dict": "mapping", "tuple": "list"}.get(text.split("[")[0], text.split("[")[0])
    return f"`{text}`".replace("|", "or")


if __name__ == "__main__":
    print(markdown(), end="")
