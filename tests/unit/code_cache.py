"""What provenance keeps of the code that it has read."""

from jetsmith import provenance


def forget() -> None:
    """Read all code anew: a test has edited it, or put a little package in the place of the real one."""
    for cached in vars(provenance).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
