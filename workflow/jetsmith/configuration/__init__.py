"""The configuration: read with its lines, checked as a whole, made into records, described for people."""
