"""A Llama in plain PyTorch for the training, and its attention masks. The saved model is loaded by transformers."""

import math

from tokens import BOS, LENGTH


def build(torch, size, device, backend):
    """A Llama in plain PyTorch, with the parameter names of Hugging Face's implementation."""
    import torch.nn.functional as F
    from torch import nn
    from torch.nn.attention.flex_attention import flex_attention

    hidden, layers, heads, kv_heads, inner, vocabulary = (
        size[k] for k in ("hidden", "layers", "heads", "kv_heads", "inner", "vocabulary")
    )
    width = hidden // heads

    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(hidden))

        def forward(self, x):
            y = x.float()
            return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight).to(x.dtype)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q_proj = nn.Linear(hidden, heads * width, bias=False)
            self.k_proj = nn.Linear(hidden, kv_heads * width, bias=False)
            self.v_proj = nn.Linear(hidden, kv_heads * width, bias=False)
            self.o_proj = nn.Linear(heads * width, hidden, bias=False)

        def forward(self, x, cos, sin, mask):
            b, t, _ = x.shape
            q = self.q_proj(x).view(b, t, heads, width).transpose(1, 2)
            k = self.k_proj(x).view(b, t, kv_heads, width).transpose(1, 2)
            v = self.v_proj(x).view(b, t, kv_heads, width).transpose(1, 2)

            def turn(y):
                first, second = y.chunk(2, -1)
                return (y * cos + torch.cat((-second, first), -1) * sin).to(v.dtype)

            q, k = turn(q), turn(k)
            k, v = (y.repeat_interleave(heads // kv_heads, 1) for y in (k, v))
            if backend.startswith("flex"):
                y = flex_attention(q, k, v, block_mask=mask)
            else:
                y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            return self.o_proj(y.transpose(1, 2).reshape(b, t, heads * width))

    class Mlp(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate_proj = nn.Linear(hidden, inner, bias=False)
            self.up_proj = nn.Linear(hidden, inner, bias=False)
            self.down_proj = nn.Linear(inner, hidden, bias=False)

        def forward(self, x):
            return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.self_attn, self.mlp, self.input_layernorm, self.post_attention_layernorm = Attention(), Mlp(), Norm(), Norm()

        def forward(self, x, cos, sin, mask):
            x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
            return x + self.mlp(self.post_attention_layernorm(x))

    class Body(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed_tokens = nn.Embedding(vocabulary, hidden)
            self.layers = nn.ModuleList(Block() for _ in range(layers))
            self.norm = Norm()

    class Llama(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = Body()
            angles = torch.outer(torch.arange(LENGTH).float(), 1.0 / size["theta"] ** (torch.arange(0, width, 2).float() / width))
            self.register_buffer("cos", torch.cat((angles, angles), -1).cos(), persistent=False)
            self.register_buffer("sin", torch.cat((angles, angles), -1).sin(), persistent=False)
            for name, p in self.named_parameters():
                if p.dim() == 2:
                    nn.init.normal_(
                        p, std=0.02 / math.sqrt(2 * layers) if name.endswith(("o_proj.weight", "down_proj.weight")) else 0.02
                    )

        def forward(self, x, mask, y=None, weight=None):
            t = x.shape[1]
            cos, sin = self.cos[:t], self.sin[:t]
            h = self.model.embed_tokens(x)
            h = h.bfloat16() if h.is_cuda else h
            for block in self.model.layers:
                h = block(h, cos, sin, mask)
            logits = F.linear(self.model.norm(h), self.model.embed_tokens.weight)
            if y is None:
                return logits
            loss = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction="none") * weight.flatten()
            return loss.sum() / weight.sum()

    return Llama().to(device)


def masks(torch, backend):
    """A function from token rows to an attention mask: causal, and only inside each chat."""
    if backend == "sdpa":

        def make(x):
            chat = (x == BOS).cumsum(1)
            t = x.shape[1]
            return ((chat[:, :, None] == chat[:, None, :]) & torch.ones(t, t, dtype=torch.bool, device=x.device).tril())[:, None]

        return make
    from torch.nn.attention.flex_attention import create_block_mask

    create = torch.compile(create_block_mask) if backend == "flex" else create_block_mask

    def make(x):
        chat = (x == BOS).cumsum(1)

        def rule(b, h, q, k):
            return (q >= k) & (chat[b, q] == chat[b, k])

        return create(rule, x.shape[0], None, x.shape[1], x.shape[1], device=str(x.device))

    return make
