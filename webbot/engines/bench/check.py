"""Whether what is fast is also right on this device: the same greedy tokens as `generate`, the same logits, the same kernels."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from webbot.engines.bench import kernels
from webbot.engines.bench.ours import Ours
from webbot.engines.bench.subject import Subject, bring
from webbot.engines.bench.wanted import Wanted
from webbot.engines.compute import network as networks
from webbot.engines.compute.answer import Answer, Part, Step
from webbot.engines.compute.batch import lay_out
from webbot.engines.compute.cache import PagedCache

LENGTHS = (1, 7, 16, 33, 64, 100, 150, 257)  # tokens of the prompts
TOKENS = 24
TIE = 1e-3  # logits that lie closer are the same: which one is larger depends on the order of the sums
NEAR, MORE = 2e-2, 1.25  # of the largest logit; times what transformers itself is away from float32
PAGE = 16
Row = dict[str, Any]


def rows(wanted: Wanted, report: Callable[[str], None]) -> Iterator[Row]:
    """One row for each thing that is looked at: {"what", "well", "found"}."""
    threads = torch.get_num_threads()
    yield from _guarded("Kernels equal torch's operators", kernels.compare, wanted.device)
    exact = bring(dataclasses.replace(wanted, precision="float32", weights="plain"), report)
    yield from _guarded("Greedy tokens in float32", _greedy, exact)
    half = bring(dataclasses.replace(wanted, precision="bfloat16", weights="plain"), report)
    yield from _guarded("Logits in bfloat16", _logits, half)
    torch.set_num_threads(threads)  # the other side takes those that it has by itself


def _guarded(what: str, look: Callable[[Any], Iterator[Row]], given: Any) -> Iterator[Row]:
    """What cannot even run is wrong."""
    try:
        yield from look(given)
    except Exception as error:
        yield {"what": what, "well": False, "found": f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0][:300]}


def _greedy(subject: Subject) -> Iterator[Row]:
    prompts = [subject.prompts(1, length, seed=length)[0] for length in LENGTHS if length + TOKENS < subject.window]
    written, scores = zip(*(_by_generate(subject, prompt) for prompt in prompts), strict=True)
    ours = Ours(subject, len(prompts), max(LENGTHS) + 2 * TOKENS, 4 * (sum(LENGTHS) + TOKENS * len(LENGTHS)), "plain", 0)
    alone = [ours.answers([prompt], TOKENS)[0].tokens for prompt in prompts[: len(prompts) // 2]]
    yield _compared("Greedy tokens equal generate's in float32: alone", alone, written, scores)
    together = [answer.tokens for answer in ours.answers(prompts, TOKENS)]
    yield _compared("... all together, of several lengths", together, written, scores)
    again = [answer.tokens for answer in ours.answers(prompts, TOKENS)]
    yield _compared("... with prompts found in the cache", again, written, scores)


@torch.inference_mode()
def _by_generate(subject: Subject, prompt: list[int]) -> tuple[list[int], torch.Tensor]:
    """The tokens that `generate` chooses, and its logits [tokens, vocabulary] before each."""
    ids = torch.tensor([prompt], device=subject.device)
    made = subject.theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, do_sample=False,
                                   pad_token_id=0, output_logits=True, return_dict_in_generate=True)
    return made.sequences[0, len(prompt):].tolist(), torch.cat(made.logits).float()


def _compared(what: str, ours: Sequence[list[int]], theirs: Sequence[list[int]], scores: Sequence[torch.Tensor]) -> Row:
    """Where two tokens are equally likely either may come; what follows then is another text."""
    same, ties, wrong = 0, 0, []
    for number, own in enumerate(ours):
        place = next((place for place, pair in enumerate(zip(own, theirs[number], strict=False)) if pair[0] != pair[1]), None)
        if place is None and len(own) == len(theirs[number]):
            same += 1
        elif place is not None and scores[number][place, theirs[number][place]] - scores[number][place, own[place]] < TIE:
            ties += 1
        else:
            wrong.append(number)
    found = f"{same} of {len(ours)} texts equal" + (f", {ties} up to a tie" if ties else "")
    return {"what": what, "well": not wrong, "found": found + (f"; different: {wrong}" if wrong else "")}


@torch.inference_mode()
def _logits(subject: Subject) -> Iterator[Row]:
    """Those after each prompt's last token: read in one batch, read in two pieces, and one token after the others."""
    prompts = [subject.prompts(1, length, seed=length)[0] for length in LENGTHS[1:] if length + 1 < subject.window]
    theirs = _last(subject.theirs, prompts)
    exact = _last(copy.deepcopy(subject.theirs).float(), prompts)
    usual = _distance(theirs, exact)
    pages = [-(-len(prompt) // PAGE) for prompt in prompts]
    cache = PagedCache(subject.loaded.model.config, sum(pages), PAGE, subject.device, subject.loaded.precision)
    network = networks.make(subject.loaded.model, cache, "plain")
    answers, first = [], 0
    for prompt, count in zip(prompts, pages, strict=True):
        answers.append(Answer(prompt=prompt, limit=1, pages=list(range(first, first + count))))
        first += count

    def seen(start: Callable[[int], int]) -> torch.Tensor:
        before = [Part(each, 0, start(each.total), chooses=True) for each in answers if start(each.total)]
        after = [Part(each, start(each.total), each.total, chooses=True) for each in answers]
        if before:
            network.logits(lay_out(Step(before), PAGE, subject.device))
        return network.logits(lay_out(Step(after), PAGE, subject.device)).float()

    for how, start in (("read at once", lambda length: 0), ("read in two pieces", lambda length: length // 2),
                       ("the last token alone", lambda length: length - 1)):
        error = _distance(seen(start), exact)
        yield {"what": f"Logits in bfloat16, {how}", "well": error <= max(NEAR, MORE * usual),
               "found": f"{error:.1e} of the largest from float32; transformers is {usual:.1e} from it"}


def _last(model: Any, prompts: Sequence[list[int]]) -> torch.Tensor:
    """The logits after each prompt, as transformers computes them: [prompts, vocabulary]."""
    lines = [torch.tensor([prompt], device=model.device) for prompt in prompts]
    return torch.cat([model(line).logits[:, -1] for line in lines]).float()


def _distance(logits: torch.Tensor, exact: torch.Tensor) -> float:
    return ((logits - exact).abs().amax(-1) / exact.abs().amax(-1)).max().item()
