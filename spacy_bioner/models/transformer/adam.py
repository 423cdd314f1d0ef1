"""A step of thinc's Adam computed by PyTorch, which uses all threads where thinc uses one."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from thinc.optimizers import Optimizer
from torch.optim.adamw import adamw


def is_plain_adam(optimizer: Optimizer) -> bool:
    """Whether an optimizer is what `adam_step` computes: Adam, and nothing kept beside its moments."""
    adam = optimizer.b1 > 0 and optimizer.b2 > 0 and not optimizer.use_radam
    return adam and optimizer.averages is None


def adam_step(optimizer: Optimizer, key: int, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Does to weights what calling the optimizer with each of them does; their gradients are zero then.

    That is Adam (Kingma and Ba 2015) with its bias corrections in the learning rate, gradients that are cut
    to a norm each, and L2 as weight decay behind the step or as part of the gradient. Moments are kept in the
    optimizer, as tensors, so that it can't change to another kind between steps. PyTorch's kernel for all of
    it goes through memory once, which is what a step takes its time for.

    Args:
        optimizer: an optimizer for which `is_plain_adam` holds.
        key: what it tells the weights of this layer from those of others by.
        weights: them, by name; those without a gradient stay as they are.
    """
    moments: tuple[dict[Any, Any], dict[Any, Any]] = (optimizer.mom1, optimizer.mom2)
    rate, decay = float(optimizer.learn_rate), float(optimizer.L2)
    decays = decay if optimizer.L2_is_weight_decay else 0.0
    # weights, gradients and moments, by how many steps they have had
    groups: dict[int, tuple[list[Any], ...]] = defaultdict(lambda: ([], [], [], []))
    with torch.no_grad():
        for name, parameter in weights:
            gradient = parameter.grad
            if gradient is None:
                continue
            # as thinc does, unseen by autograd: nlp.update(sgd=...) comes here while a batch is under way
            weight = parameter.data
            optimizer.nr_update[key, name] += 1
            if decay and not optimizer.L2_is_weight_decay:
                gradient.add_(weight, alpha=decay)
            if optimizer.grad_clip:
                norm = float(gradient.norm())
                if norm >= optimizer.grad_clip:
                    gradient.mul_(optimizer.grad_clip / norm)
            for kept in moments:
                if (key, name) not in kept:
                    kept[key, name] = torch.zeros_like(weight)
            own = (weight, gradient, *(kept[key, name] for kept in moments))
            for members, member in zip(groups[optimizer.nr_update[key, name]], own, strict=True):
                members.append(member)
        for steps, (parameters, gradients, first, second) in groups.items():
            # AdamW decays before the step and thinc behind it, the step too
            scaled = rate * (1 - rate * decays)
            before = torch.full((len(parameters),), float(steps - 1), device=parameters[0].device)
            adamw(
                parameters,
                gradients,
                first,
                second,
                [],
                list(before.unbind()),
                fused=True,
                amsgrad=False,
                beta1=optimizer.b1,
                beta2=optimizer.b2,
                lr=scaled,
                weight_decay=rate * decays / scaled if scaled else 0.0,
                # AdamW's is beside the corrected second moment
                eps=optimizer.eps / (1 - optimizer.b2**steps) ** 0.5,
                maximize=False,
            )
            for gradient in gradients:
                gradient.zero_()
