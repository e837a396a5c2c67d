"""Muon: steps of the hidden matrices along the orthogonalised momentum of their gradients.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); the scale that
makes it share AdamW's learning rate and decay: Liu et al., "Muon is Scalable for LLM Training" (2025), section 2.2.
"""

import torch
import torch.distributed as distributed

# A quintic that drives singular values from (0, 1] into about 0.7 to 1.2; its steep start at 0 is worth that spread.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
# At once in `orthogonalised`: the working set of more does not fit the caches of a CPU.
_CHUNK = 8
# Root mean square of an update of AdamW.
_UPDATE_RMS = 0.2


def orthogonalised(matrices):
    """The matrices with singular values of about one and the same singular vectors. matrices: (count, rows, columns); result: BF16."""
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalised(matrices.mT).mT
    a, b, c = _COEFFICIENTS
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


class Muon(torch.optim.Optimizer):
    """For matrices that lie between layers; embeddings, norms and biases want AdamW.

    All workers hold the same gradients, so each one orthogonalises its share of the matrices and they exchange the results.
    """

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.0, workers=1, rank=0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.workers, self.rank = workers, rank

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for parameter in group["params"]:
                by_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in by_shape.items():
                update = self._shared(self._directions(parameters, group["momentum"])).float()
                update *= _UPDATE_RMS * max(shape) ** 0.5
                for parameter, part in zip(parameters, update):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(part, alpha=group["lr"])

    def _directions(self, parameters, momentum):
        """Nesterov momentum. (count, rows, columns)"""
        result = []
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(parameter.grad, 1 - momentum)
            result.append(parameter.grad.lerp(state["momentum"], momentum))
        return torch.stack(result)

    def _shared(self, directions):
        """All of them orthogonalised, by all workers together."""
        if len(directions) % self.workers:
            raise ValueError(f"{len(directions)} matrices of a shape cannot be shared by {self.workers} workers")
        share = len(directions) // self.workers
        mine = directions[self.rank * share:(self.rank + 1) * share]
        done = torch.cat([orthogonalised(part) for part in mine.split(_CHUNK)]).contiguous()
        if self.workers == 1:
            return done
        parts = [torch.empty_like(done).view(torch.uint8) for _ in range(self.workers)]
        distributed.all_gather(parts, done.view(torch.uint8))
        return torch.cat([part.view(torch.bfloat16) for part in parts])
