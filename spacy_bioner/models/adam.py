"""A step of thinc's Adam, computed by PyTorch: on all threads, where thinc has one."""

from collections.abc import Iterable
from typing import Any

import torch
from thinc.optimizers import Optimizer


def is_plain_adam(optimizer: Optimizer) -> bool:
    """Whether an optimizer is what `adam_step` computes: Adam, and nothing kept beside its moments."""
    adam = optimizer.b1 > 0 and optimizer.b2 > 0 and not optimizer.use_radam
    return adam and optimizer.averages is None


def adam_step(optimizer: Optimizer, key: int, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Does to weights what calling the optimizer with each of them does; their gradients are zero then.

    That is Adam (Kingma and Ba 2015) with its bias corrections in the learning rate, gradients that are cut
    to a norm each, and L2 as weight decay behind the step or as part of the gradient. Moments are kept in the
    optimizer, as tensors, so that it can't change to another kind between steps.

    Args:
        optimizer: an optimizer for which `is_plain_adam` holds.
        key: what it tells the weights of this layer from those of others by.
        weights: them, by name; those without a gradient stay as they are.
    """
    moments: tuple[dict[Any, Any], dict[Any, Any]] = (optimizer.mom1, optimizer.mom2)
    rate, decay = float(optimizer.learn_rate), float(optimizer.L2)
    with torch.no_grad():
        for name, parameter in weights:
            gradient = parameter.grad
            if gradient is None:
                continue
            # as thinc does, unseen by autograd: nlp.update(sgd=...) comes here while a batch is under way
            weight = parameter.data
            optimizer.nr_update[key, name] += 1
            steps = optimizer.nr_update[key, name]
            if decay and not optimizer.L2_is_weight_decay:
                gradient.add_(weight, alpha=decay)
            if optimizer.grad_clip:
                norm = float(gradient.norm())
                if norm >= optimizer.grad_clip:
                    gradient.mul_(optimizer.grad_clip / norm)
            first, second = (kept.setdefault((key, name), torch.zeros_like(weight)) for kept in moments)
            first.lerp_(gradient, 1 - optimizer.b1)
            second.mul_(optimizer.b2).addcmul_(gradient, gradient, value=1 - optimizer.b2)
            corrected = rate * (1 - optimizer.b2**steps) ** 0.5 / (1 - optimizer.b1**steps)
            # the gradient has done its work: its memory takes the divisor
            torch.sqrt(second, out=gradient).add_(optimizer.eps)
            weight.addcdiv_(first, gradient, value=-corrected)
            if decay and optimizer.L2_is_weight_decay:
                weight.mul_(1 - rate * decay)
            gradient.zero_()
