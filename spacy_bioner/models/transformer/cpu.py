"""Fast copies of an encoder for prediction on the CPU: their precision and operations."""

import inspect
import platform
from copy import deepcopy
from typing import Any

import torch

try:
    from transformers.initialization import no_init_weights  # where transformers 5 has it
except ImportError:
    from transformers.modeling_utils import no_init_weights


def for_prediction(model: Any, dtype: torch.dtype) -> Any:
    """Makes a copy of a model of transformers that computes the same, faster.

    Args:
        model: the model, with weights in float32.
        dtype: what to compute in.

    Returns:
        The copy, on the same device, which can't be trained, saved or moved; or the model itself where no
        copy would be faster.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    if dtype == torch.float32 and not (on_cpu and _can_pack(dtype)):
        return model
    if on_cpu:
        # attention written out is up to twice as fast in 16 bits as PyTorch's own on a CPU, slower in 32
        fused = dtype == torch.float32 and bool(getattr(model, "_supports_sdpa", False))
        copied = with_attention(model, "sdpa" if fused else "eager").to(dtype)
    else:
        copied = deepcopy(model).to(dtype)
    if on_cpu and _can_pack(dtype):
        _pack(copied)
    return copied.eval().requires_grad_(False)


def with_attention(model: Any, implementation: str) -> Any:
    """A copy of a model with another implementation of attention.

    Args:
        model: the model.
        implementation: transformers' name: "eager" for matrix products, "sdpa" for PyTorch's fused one.
    """
    config = type(model.config).from_dict(model.config.to_dict())
    config._attn_implementation = implementation
    with no_init_weights():
        copied = type(model)(config, **no_pooler(type(model)))
    copied.load_state_dict(model.state_dict(), strict=False)
    return copied


def no_pooler(kind: type) -> dict[str, bool]:
    """Leaves out the layer on top of the first piece, where a kind of model has it: nobody listens to it."""
    return {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(kind).parameters else {}


class PackedLinear(torch.nn.Module):
    """A linear layer whose weights lie as oneDNN's matrix products want them.

    PyTorch's own lays them so anew at every call in 16 bits, and in float32 leaves products to MKL, which on
    processors that aren't Intel's is less than half as fast.
    """

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., inputs) to (..., outputs)."""
        y: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return y


def _pack(module: torch.nn.Module) -> None:
    """Puts `PackedLinear` in the place of every linear layer in a module."""
    for name, child in module.named_children():
        if type(child) is torch.nn.Linear:
            setattr(module, name, PackedLinear(child))
        else:
            _pack(child)


def _can_pack(dtype: torch.dtype) -> bool:
    """Whether there is oneDNN for such weights here."""
    operations = torch.ops.mkldnn
    if not torch.backends.mkldnn.is_available() or platform.machine() not in ("x86_64", "AMD64"):
        return False
    # of PyTorch's own compiler, and in no documentation: other releases may lack them
    if not all(hasattr(operations, name) for name in ("_linear_pointwise", "_reorder_linear_weight")):
        return False
    if dtype == torch.float32:
        return True
    supported = "_is_mkldnn_bf16_supported" if dtype == torch.bfloat16 else "_is_mkldnn_fp16_supported"
    return hasattr(operations, supported) and bool(getattr(operations, supported)())
