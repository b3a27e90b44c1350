"""Names of branches that mean the same in files of different releases."""

from collections.abc import Collection

STATIC, DYNAMIC = "Aux", "AuxDyn"


def aliased(names: Collection[str]) -> dict[str, str]:
    """Names by which branches can be asked for, and theirs.

    ATLAS stores a variable of an object in its container (`EventInfoAux.runNumber`) or by itself
    (`EventInfoAuxDyn.runNumber`). Which, differs between releases and says nothing: both names serve.
    """
    found = {name: name for name in names}
    for name in names:
        holder, _, variable = name.partition(".")
        if variable and holder.endswith(STATIC):
            found.setdefault(f"{holder.removesuffix(STATIC)}{DYNAMIC}.{variable}", name)
        elif variable and holder.endswith(DYNAMIC):
            found.setdefault(f"{holder.removesuffix(DYNAMIC)}{STATIC}.{variable}", name)
    return found
