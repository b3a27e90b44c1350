"""From canonical columns to the named inputs of classifiers."""
