"""ONNX models, opened."""

from pathlib import Path

import onnxruntime


def open_model(file: str | Path, threads: int) -> onnxruntime.InferenceSession:
    """A model on the CPU, whose threads sleep between calls."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
