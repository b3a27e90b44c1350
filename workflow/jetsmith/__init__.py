"""jetsmith: from ROOT files to calibrated jet taggers."""

from importlib.metadata import version

__version__ = version("jetsmith")
