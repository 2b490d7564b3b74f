"""A sentence-embedding model in memory: texts to token ids, batches of token ids to vectors of unit length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from webbot.engines.embedding_folder import EmbeddingFolder, examine
from webbot.engines.llama.loading import LOCAL, UNUSED, check_memory, check_tokenizer, choose_device, suitable_threads, unusable
from webbot.engines.llama.machine import ran_out
from webbot.engines.processor import thread_limit
from webbot.errors import CONTEXT_EXCEEDED, BadInput, NoMemory, Problem, TooLong, Unusable

BATCH_TOKENS, BATCH_TEXTS = 4096, 64  # padded tokens and texts that are read together
MOST_TOKENS = 1 << 20


class EmbeddingModel:
    """Loads the model in `folder`. Raises Unusable with a sentence that names what is wrong.

    `limit` is the most tokens of a text, the control tokens around it included; `dimensions` the size of a vector. Computed
    in float32, so that vectors can be compared with those that other programs made of the same model.
    """

    def __init__(self, folder: Path, device: str = "auto", threads: int = 0) -> None:
        self.form = examine(folder)
        self.device = choose_device(device)
        try:
            self._read(threads)
        except Problem:
            raise
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the files are a stranger's: anything can come out of reading them
            if ran_out(error):
                raise Unusable("The embedding model does not fit the memory. Please use a smaller one, or device=cpu.") from None
            raise unusable(folder, error) from error

    def _read(self, threads: int) -> None:
        tokenizer, self.model = _load(self.form, self.device)
        torch.set_num_threads(thread_limit(threads or suitable_threads(self.model)))
        self.reader = tokenizer.backend_tokenizer
        self.reader.no_truncation()
        self.reader.no_padding()
        self.reader.encode_special_tokens = True  # control tokens in a text are the characters they are
        self.opening, self.ending = self._frame()
        self.vocabulary = self.model.get_input_embeddings().num_embeddings
        self.limit = _limit(self.form, tokenizer, self.model)
        self.dimensions = len(self.embed([self.read("a", "input")])[0])

    def read(self, text: str | Sequence[int], name: str) -> list[int]:
        """The token ids of a text (or those given) with the control tokens around them. Raises TooLong and BadInput, which name
        the parameter `name`."""
        if isinstance(text, str):
            ids = self.reader.encode(text.lower() if self.form.lowers else text, add_special_tokens=False).ids
        else:
            ids = list(text)
            wrong = next((token for token in ids if not 0 <= token < self.vocabulary), None)
            if wrong is not None:
                raise BadInput("The model has no token {token}.", token=wrong, parameter=name, code="invalid_value")
        if len(ids) + self.frame > self.limit:
            raise TooLong("The text has {count} tokens, the model reads {limit}.", count=len(ids), limit=self.limit - self.frame,
                          parameter=name, code=CONTEXT_EXCEEDED)
        return [*self.opening, *ids, *self.ending]

    @property
    def frame(self) -> int:
        """The control tokens around a text."""
        return len(self.opening) + len(self.ending)

    @torch.inference_mode()
    def embed(self, batch: Sequence[Sequence[int]]) -> torch.Tensor:
        """[texts, dimensions] in float32 on the processor, of what `read` returned."""
        lengths = torch.tensor([len(ids) for ids in batch])
        longest = int(lengths.max())
        ids = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in batch], device=self.device)
        mask = (torch.arange(longest)[None] < lengths[:, None]).long().to(self.device)
        try:
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        except (RuntimeError, MemoryError) as error:
            if ran_out(error):
                raise NoMemory("The embedding model ran out of memory. Please send less at once.") from None
            raise
        if self.form.pooling == "mean":
            vectors = (states * mask[..., None]).sum(1) / lengths[:, None].to(self.device)
        elif self.form.pooling == "cls":
            vectors = states[:, 0]
        else:
            vectors = states[torch.arange(len(batch)), lengths - 1]
        return torch.nn.functional.normalize(vectors, dim=1).cpu()

    def _frame(self) -> tuple[list[int], list[int]]:
        """The control tokens before and after a text."""
        plain = self.reader.encode("a", add_special_tokens=False).ids
        whole = self.reader.encode("a").ids
        for start in range(len(whole) - len(plain) + 1):
            if plain and whole[start : start + len(plain)] == plain:
                return whole[:start], whole[start + len(plain) :]
        raise Unusable("The tokenizer in {folder} cannot be used for sentences.", folder=str(self.form.folder))


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The places of texts that are read together, by length, so that little is padded; the longest first."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        longest = lengths[batch[0]] if batch else 0
        if batch and (len(batch) == BATCH_TEXTS or longest * (len(batch) + 1) > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _load(form: EmbeddingFolder, device: torch.device) -> tuple[Any, Any]:
    folder = form.folder
    config = AutoConfig.from_pretrained(folder, **LOCAL)
    tokenizer = AutoTokenizer.from_pretrained(folder, **LOCAL)
    check_tokenizer(folder, tokenizer, config.vocab_size)
    check_memory(folder, lambda: AutoModel.from_config(config), device, torch.float32)
    model, found = AutoModel.from_pretrained(
        folder, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **LOCAL,
    )
    # transformers would fill them with random numbers
    missing = sorted(name for name in found["missing_keys"] if not name.startswith(UNUSED))
    if missing:
        raise Unusable("The model in {folder} lacks weights ({name}).", folder=str(folder), name=missing[0])
    return tokenizer, model.to(device).eval()


def _limit(form: EmbeddingFolder, tokenizer: Any, model: Any) -> int:
    """The most tokens of a text with its control tokens."""
    limits = [form.limit, getattr(tokenizer, "model_max_length", None), getattr(model.config, "max_position_embeddings", None)]
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None:
            limits.append(part.num_embeddings - part.padding_idx - 1)  # RoBERTa counts places from behind its padding
    return min(int(limit) for limit in (*limits, MOST_TOKENS) if limit and limit > 0)
