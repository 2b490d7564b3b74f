"""A tiny model with random weights of each architecture that webbot computes, and steps over it that mix everything."""

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from webbot.engines.compute.answer import Answer, Part, Step
from webbot.engines.compute.attention import ATTENTION
from webbot.engines.compute.batch import lay_out
from webbot.engines.compute.cache import PagedCache

SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 96, "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}
WITH_HEAD_SIZE = ("qwen3", "qwen3_moe", "gemma", "gemma3_text", "hunyuan_v1_dense", "ministral", "ministral3", "glm", "glm4",
                  "seed_oss")
OWN = {
    "mixtral": {"num_local_experts": 4}, "phimoe": {"num_local_experts": 4}, "granitemoe": {"num_local_experts": 4},
    "qwen2_moe": {"num_experts": 4, "moe_intermediate_size": 48, "shared_expert_intermediate_size": 48},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48},
    "olmoe": {"num_experts": 4, "num_experts_per_tok": 2},
    "helium": {"head_dim": 16},
    "smollm3": {"no_rope_layers": [1, 0]},
    "cohere2": {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 128},
    "exaone4": {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 128},
    "gemma3_text": {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 128, "query_pre_attn_scalar": 16},
    "granite": {"embedding_multiplier": 2.0, "residual_multiplier": 0.5, "attention_multiplier": 0.2, "logits_scaling": 3.0},
}


def config(kind, **changes):
    more = {"head_dim": 32} if kind in WITH_HEAD_SIZE else {}
    return AutoConfig.for_model(kind, **{**SIZES, **more, **OWN.get(kind, {}), **changes})


def model(kind, dtype=torch.float32, **changes):
    """With transformers' own attention; weights large enough that every part of a layer shows in the logits."""
    torch.manual_seed(3)
    made = AutoModelForCausalLM.from_config(config(kind, **changes), attn_implementation="eager").eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(0, 0.15) if weight.dim() > 1 else weight.add_(torch.randn_like(weight) * 0.3)
    return made.to(dtype)


def texts(count=4, length=48, vocabulary=96):
    return torch.randint(3, vocabulary, (count, length), generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def expected(made, ids):
    """What transformers computes for whole texts: the logits and the hidden numbers."""
    said = made(ids, use_cache=False, output_hidden_states=True)
    return said.logits, made.base_model(ids, use_cache=False).last_hidden_state


def cache(made, pages=64, size=4):
    """A cache whose memory is all NaN."""
    made.set_attn_implementation(ATTENTION)
    weight = next(made.parameters())
    held = PagedCache(made.config, pages, size, weight.device, weight.dtype)
    held.pool.fill_(float("nan"))
    return held


def answers(ids):
    """Texts as answers: the pages of the first two follow one another, the others' lie anywhere."""
    scattered = torch.randperm(40, generator=torch.Generator().manual_seed(2)).add(24).tolist()
    pages = [list(range(12)), list(range(12, 24)), scattered[:12], scattered[12:24]]
    return [Answer(prompt=text.tolist(), limit=1, pages=held) for text, held in zip(ids, pages, strict=True)]


# (answer, start, stop, guessed tokens, chooses): pieces of prompts, single tokens, drafts and whole texts, alone and mixed.
STEPS = (
    ((0, 0, 17, 0, False), (2, 0, 5, 0, False)),
    ((0, 17, 31, 0, True), (1, 0, 20, 0, False), (2, 5, 6, 0, True)),
    ((2, 6, 7, 4, True), (1, 20, 21, 0, True), (3, 0, 9, 0, False), (0, 31, 32, 0, True)),
    ((0, 32, 33, 0, True), (1, 21, 22, 0, True), (2, 9, 10, 0, True)),
    ((2, 10, 33, 0, True),),
    ((0, 33, 34, 0, True),),
    ((2, 33, 34, 0, True),),
    ((1, 22, 23, 6, True), (3, 9, 48, 0, True)),
)


def batches(all_answers, size=4):
    """Yields each step laid out for the model, with the (answer, place) of its samples and of its tokens."""
    for parts in STEPS:
        step = Step([
            Part(all_answers[number], start, stop, tuple(all_answers[number].prompt[stop : stop + guessed]), chooses)
            for number, start, stop, guessed, chooses in parts
        ])
        samples = [(number, place) for number, _, stop, guessed, chooses in parts if chooses
                   for place in range(stop - 1, stop + guessed)]
        tokens = [(number, place) for number, start, stop, guessed, _ in parts for place in range(start, stop + guessed)]
        yield lay_out(step, size, torch.device("cpu")), samples, tokens


def difference(numbers, places, whole):
    """The largest one between what was computed for these places and the numbers of whole texts; what is no number is far off."""
    wanted = torch.stack([whole[number, place] for number, place in places])
    return (numbers.float() - wanted.float()).abs().nan_to_num(float("inf")).max().item()
