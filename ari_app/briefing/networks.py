"""Neural networks in ONNX files, run on one core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ari_app.errors import ProviderError


def load(path: Path) -> Any:
    """An onnxruntime.InferenceSession; any number of streams and threads may use it at once. Raises ProviderError."""
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as error:
        raise ProviderError(f"onnxruntime can't be imported: {error}", retryable=False) from None
    settings = onnxruntime.SessionOptions()
    # The event loop's core is not for a network; a second thread would only spin beside it.
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    if not path.is_file():
        raise ProviderError(f"{path} is no file", retryable=False)
    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ProviderError(
            f"{path} can't be read as an ONNX model ({type(error).__name__})", retryable=False
        ) from None
