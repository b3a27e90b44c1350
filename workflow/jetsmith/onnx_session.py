"""Models as ONNX files, opened in one way: needs onnxruntime alone, as who reads a bundle has it.

A file may keep its weights in others beside it (external data), as PyTorch's exporter writes them. These are
not read: a checksum of the file says nothing of them, and another one in their place would be another model.
"""

import os
from pathlib import Path
from typing import Any

from jetsmith.errors import InputError

_FOLDER = "session.model_external_initializers_file_folder_path"  # of weights, where a model comes as bytes


def session_of(path: str | Path, threads: int = 1) -> Any:
    """The model of a file on the CPU, an `onnxruntime.InferenceSession` whose threads sleep between calls.

    Raises:
        InputError: It is not there, no ONNX file that onnxruntime reads, or not the whole model.
    """
    import onnxruntime

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(_FOLDER, os.devnull)
    options.log_severity_level = 4  # what is wrong with a file is in the error
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of whatever type onnxruntime raises: it names no base
        if "external data" in str(error).lower():
            raise InputError(
                f"{path}: keeps weights in files beside it (external data), which its checksum does not "
                'cover; write it as one file: onnx.save(onnx.load("model.onnx"), "whole.onnx")'
            ) from error
        raise InputError(f"{path}: cannot be read as ONNX: {error}") from error
