"""What the processes that this one starts know of its surroundings: their environment.

Covered: webbot's own settings and secrets stay out of every process that is not told them, and whatever is not needed to compute
out of a model's. Not covered: files and the network, which a model's process loses elsewhere (modelhost).
"""

from __future__ import annotations

from webbot.settings import PREFIX, environment, table

# What the process of a model may know of its surroundings. Everything else stays out: keys, tokens and proxies have many names.
MODEL_NAMES = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH",
    "VIRTUAL_ENV", "CONDA_PREFIX", "GLIBC_TUNABLES", "XDG_CACHE_HOME", "IMAGEIO_FFMPEG_EXE",
})
MODEL_PREFIXES = (
    "LC_", "PYTHON", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "ATEN_", "TORCH", "PYTORCH_", "CUDA_", "CUBLAS_",
    "CUDNN_", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "ROCM_", "AMD_", "VK_", "GGML_", "CT2_", "MALLOC_", "COVERAGE_",
)
SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL")


def process_environment(**changes: str) -> dict[str, str]:
    """The environment for a process that this one starts: this one's, without webbot's own settings, and with `changes`."""
    secrets = {alias for row in table() if row.metadata["secret"] for alias in row.metadata["aliases"]}
    return {name: value for name, value in environment().items() if not name.startswith(PREFIX) and name not in secrets} | changes


def model_environment(**changes: str) -> dict[str, str]:
    """The environment for the process of a model: what computing needs of this one's, and `changes`."""
    return {
        name: value for name, value in environment().items()
        if (name in MODEL_NAMES or name.startswith(MODEL_PREFIXES)) and not any(word in name.upper() for word in SECRET_WORDS)
    } | changes
