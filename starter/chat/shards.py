"""The corpus on its way to the model: processes that write packed rows to files, and the reader that takes them."""

import collections
import os
import time

import numpy as np
from corpus import stream
from tokens import encode, pack


def sample_texts(job):
    seed, count = job
    chats = stream(seed)
    return [m["content"] for _ in range(count) for m in next(chats)]


def write_shards(folder, worker, seed, chats_each, stop):
    """One worker: shards of packed rows until told to stop."""
    from tokenizers import Tokenizer

    os.nice(10)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assistant = tokenizer.encode("assistant", add_special_tokens=False).ids[0]
    chats, number = stream(f"{seed}/{worker}"), 0
    while not stop.is_set():
        rows = pack(encode(tokenizer, [next(chats) for _ in range(chats_each)], assistant))
        np.random.default_rng(number).shuffle(rows)
        path = folder / f"{worker:02d}-{number:05d}.npy"
        part = folder / f"{path.name}.part.npy"
        np.save(part, rows)
        part.rename(path)  # so that a reader finds only whole ones
        number += 1


class Rows:
    """All rows so far, on the device; new ones are taken first, then seen ones again."""

    def __init__(self, folder, device):
        import torch

        self.torch, self.folder, self.device = torch, folder, device
        self.blocks, self.queue, self.total = [], collections.deque(), 0
        self.generator = torch.Generator().manual_seed(1)

    def refresh(self, most=400):
        for path in sorted(self.folder.glob("??-?????.npy"), key=lambda path: path.name[-9:])[:most]:
            block = np.load(path)
            path.unlink()
            self.blocks.append(self.torch.from_numpy(block.astype(np.int32)).to(self.device))
            self.queue += [(len(self.blocks) - 1, i) for i in range(len(block))]
            self.total += len(block)

    def batch(self, size):
        torch = self.torch
        while len(self.queue) < size:
            fresh = self.total
            self.refresh()
            if self.total == fresh:
                if self.total < 4 * size:
                    time.sleep(0.2)
                    continue
                order = [(b, i) for b, block in enumerate(self.blocks) for i in range(len(block))]
                self.queue += [order[j] for j in torch.randperm(len(order), generator=self.generator)[: 20 * size].tolist()]
        by_block = {}
        for b, i in (self.queue.popleft() for _ in range(size)):
            by_block.setdefault(b, []).append(i)
        return torch.cat([self.blocks[b][torch.tensor(i, device=self.device)] for b, i in by_block.items()]).long()
