"""The Muon optimiser."""


class Muon:
    """Momentum with orthogonalised updates for the matrices, all of one shape at a time."""

    def __init__(self, torch, parameters, lr, decay=0.01):
        self.torch, self.lr, self.decay = torch, lr, decay
        self.groups = {}
        for p in parameters:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.momentum = {s: torch.zeros(len(g), *s, device=g[0].device) for s, g in self.groups.items()}

    def step(self, scale, momentum=0.95):
        torch = self.torch
        with torch.no_grad():
            for shape, group in self.groups.items():
                gradient, m = torch.stack([p.grad for p in group]).float(), self.momentum[shape]
                m.lerp_(gradient, 1 - momentum)
                u = gradient.lerp(m, momentum)
                u = u.bfloat16() if u.is_cuda else u
                flip = shape[0] > shape[1]
                u = u.mT if flip else u
                u = u / (u.norm(dim=(-2, -1), keepdim=True) + 1e-7)
                for _ in range(5):
                    a = u @ u.mT
                    u = 3.4445 * u + (-4.7750 * a + 2.0315 * a @ a) @ u
                u = (u.mT if flip else u).float() * max(1.0, shape[0] / shape[1]) ** 0.5
                for p, step in zip(group, u, strict=True):
                    p.mul_(1 - self.lr * scale * self.decay).add_(step, alpha=-self.lr * scale)
