"""The base of all records: strict, frozen, and as YAML and JSON write things; types of names and numbers."""

import re
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema

LONGEST = 64  # letters of a name: files are called after up to three of them and a few words, and take 255
_PERIODIC = re.compile(r"(.+?)\1{19}$")  # Snakemake's sign of a rule that reads what it writes


def _apart(name: str) -> str:
    if (found := _PERIODIC.search(name)) is not None:
        raise ValueError(
            f"ends in `{found[1]}` twenty times or more, which Snakemake takes for an endless recursion of "
            "rules; give another name"
        )
    return name


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=LONGEST), AfterValidator(_apart)]
Label = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=LONGEST), AfterValidator(_apart)]


def _single(number: float) -> float:
    if 0 < abs(number) < 1e-37:
        raise ValueError("in single precision this is 0; write 0, or a number that is not so small")
    if abs(number) > 3e38:
        raise ValueError("in single precision this is infinite; give a number from -3e38 to 3e38")
    return number


# What ends in a column of features or in a parameter of XGBoost is single precision. No `Field(ge=…)` here:
# of two bounds of a kind pydantic keeps the first, and one that a key adds would not hold.
Single = Annotated[float, AfterValidator(_single)]
Positive = Annotated[Single, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


def _as_in_yaml(schema: Any) -> Any:
    """A schema of pydantic whose tuples take lists, what is in them strict still; integers have 64 bits."""
    if isinstance(schema, list):
        return [_as_in_yaml(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    adapted = {key: _as_in_yaml(value) for key, value in schema.items()}
    match schema.get("type"):
        case "tuple":
            adapted["strict"] = False
        case "int" if not {"le", "lt"} & schema.keys():
            adapted["le"] = 2**63 - 1
    return adapted


class Record(BaseModel):
    """A frozen record that refuses unknown keys, and values that are not what they are taken for.

    `3.0` or `"3"` is no integer, `true` no number, infinity no finite one. Integers pass for floats, and
    lists for tuples, since YAML and JSON know no others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema: CoreSchema = _as_in_yaml(handler(source))
        return schema


def seen_as(kind: type[BaseModel], record: BaseModel) -> dict[str, Any]:
    """A record as plain values, of them those that `kind`, a record that it extends, has; at every depth."""
    found: dict[str, Any] = _adapter(kind).dump_python(record, mode="json")
    return found


@cache
def _adapter(kind: type[BaseModel]) -> TypeAdapter[BaseModel]:
    return TypeAdapter(kind)
