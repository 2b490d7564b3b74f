"""Triton's kernels, together. Imports Triton."""

from webbot.engines.compute.kernels.decode import decode
from webbot.engines.compute.kernels.draw import draw
from webbot.engines.compute.kernels.gate import gate
from webbot.engines.compute.kernels.norm import rms_norm
from webbot.engines.compute.kernels.prefill import prefill
from webbot.engines.compute.kernels.rope import rope_write
from webbot.engines.compute.kernels.unpack import unpack

__all__ = ["decode", "draw", "gate", "prefill", "rms_norm", "rope_write", "unpack"]
