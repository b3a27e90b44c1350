"""Stage explain: which inputs a tagger lives by, by two ways that see different things."""

from jetsmith.explaining.stage import explain

__all__ = ["explain"]
