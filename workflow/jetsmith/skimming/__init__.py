"""From ROOT files to rows: inspected, cut into partitions, skimmed, accounted."""
