"""The only reader and writer of stage files."""

from jetsmith.io.atomic import atomic_directory, atomic_file
from jetsmith.io.identity import IDENTITY, identity_writer, read_identity
from jetsmith.io.json_files import read_json, write_json
from jetsmith.io.packed import Packed, Ragged, read_packed, write_packed
from jetsmith.io.rows import column_names, count_rows, read_rows, write_root, write_rows
from jetsmith.io.types import BoolArray, FloatArray, IntArray

__all__ = [
    "IDENTITY",
    "BoolArray",
    "FloatArray",
    "IntArray",
    "Packed",
    "Ragged",
    "atomic_directory",
    "atomic_file",
    "column_names",
    "count_rows",
    "identity_writer",
    "read_identity",
    "read_json",
    "read_packed",
    "read_rows",
    "write_json",
    "write_packed",
    "write_root",
    "write_rows",
]
