"""The only reader and writer of stage files."""

from jetsmith.io.atomic import atomic_directory, atomic_file, explained, move, scratch_directory
from jetsmith.io.checksums import check_files, check_folder, folder_checksums, read_sealed, write_sealed
from jetsmith.io.identity import IDENTITY, identity_writer, read_identity
from jetsmith.io.json_files import json_checksum, read_json, write_json
from jetsmith.io.png import NUMBERS, read_png
from jetsmith.io.records import Stored, plain, read_record, write_record
from jetsmith.io.rows import (
    column_names,
    column_types,
    count_rows,
    iterate_rows,
    read_rows,
    uncompressed_bytes,
    write_root,
    write_rows,
)
from jetsmith.io.types import BoolArray, FloatArray, IntArray

__all__ = [
    "IDENTITY",
    "NUMBERS",
    "BoolArray",
    "FloatArray",
    "IntArray",
    "Stored",
    "atomic_directory",
    "atomic_file",
    "check_files",
    "check_folder",
    "column_names",
    "column_types",
    "count_rows",
    "explained",
    "folder_checksums",
    "identity_writer",
    "iterate_rows",
    "json_checksum",
    "move",
    "plain",
    "read_identity",
    "read_json",
    "read_png",
    "read_record",
    "read_rows",
    "read_sealed",
    "scratch_directory",
    "uncompressed_bytes",
    "write_json",
    "write_record",
    "write_root",
    "write_rows",
    "write_sealed",
]
