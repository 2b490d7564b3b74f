"""Goes on training a saved model, on a processor: chats with functions and, so that nothing is forgotten, of the old corpus.

No packing: chats of similar length come together, so that short ones cost little. AdamW for everything, a low learning rate.
"""

import json
import time

import numpy as np
from export import save
from network import build
from tokens import BOS, PAD, TRAINED, encode
from tools import stream

LOOK_AHEAD = 96  # chats that are sorted by length at a time
PADDED = 2304  # tokens of a batch, padding included


def batches(chats, tokenizer, assistant, shuffled):
    """Endless batches of token rows, padded to the longest."""
    while True:
        rows = sorted(encode(tokenizer, [next(chats) for _ in range(LOOK_AHEAD)], assistant), key=len)
        found, batch = [], []
        for row in rows:
            if batch and len(row) * (len(batch) + 1) > PADDED:
                found.append(batch)
                batch = []
            batch.append(row)
        found.append(batch)
        for number in shuffled.permutation(len(found)):
            padded = np.full((len(found[number]), max(map(len, found[number]))), PAD, dtype=np.int64)
            for place, row in enumerate(found[number]):
                padded[place, : len(row)] = row
            yield padded


def split(torch, batch, user_weight):
    tokens, marked = batch & (TRAINED - 1), batch[:, 1:] >= TRAINED
    y = tokens[:, 1:]
    return tokens[:, :-1], y, marked.float() + user_weight * (~marked & (y != PAD) & (y != BOS)).float()


def go_on(o, size, began, say):
    """Trains `o.resume` until `o.minutes` are over and saves the result in `o.out`. Returns the report."""
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    torch.manual_seed(0)
    torch.set_num_threads(o.threads)
    tokenizer = Tokenizer.from_file(str(o.resume / "tokenizer.json"))
    assistant = tokenizer.encode("assistant", add_special_tokens=False).ids[0]
    model = build(torch, size, "cpu", "sdpa")
    weights = {}
    for file in o.resume.glob("*.safetensors"):
        weights |= load_file(file)
    model.load_state_dict({name: weights[name].float() for name in model.state_dict()})
    adam = torch.optim.AdamW(model.parameters(), lr=o.resume_lr, betas=(0.9, 0.98), weight_decay=0.0)
    source = batches(stream(f"{o.seed}/tools"), tokenizer, assistant, np.random.default_rng(0))
    first, end = time.time(), began + o.minutes * 60
    step, seen, shown, losses, log = 0, 0, time.time(), [], []
    while (progress := (time.time() - first) / (end - first)) < 1:
        for group in adam.param_groups:
            group["lr"] = o.resume_lr * min(1, (step + 1) / 20, max(0.02, (1 - progress) / 0.8))
        x, y, weight = split(torch, torch.from_numpy(next(source)), o.user_weight)
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()[None, None]
        loss = model(x.contiguous(), mask, y.contiguous(), weight)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + x.numel()
        losses.append(loss.item())
        if time.time() - shown > 60:
            say(f"step {step} loss {np.mean(losses):.4f}, {seen / (time.time() - first):.0f} tokens/s")
            log.append({"step": step, "loss": float(np.mean(losses)), "seconds": time.time() - began})
            losses, shown = [], time.time()
    difference = save(torch, model.state_dict(), size, tokenizer, o.out)
    say(f"saved after {step} steps; largest difference from the training model {difference:.1e}")
    before = json.loads((o.resume / "training.json").read_text())
    continued = {"steps": step, "tokens": seen, "seconds": round(time.time() - began), "learning_rate": o.resume_lr, "log": log}
    return {**before, "continued": [*before.get("continued", []), continued]}
