"""The model folder in Hugging Face's format."""

import json

from network import build, masks
from tokens import BOS, CHAT_TEMPLATE, EOS, EOT, LENGTH, PAD, SPECIAL


def save(torch, weights, size, tokenizer, out):
    """Writes the model folder. Returns the largest difference of logits between the training model and Hugging Face's."""
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    out.mkdir(parents=True, exist_ok=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIAL[BOS],
        eos_token=SPECIAL[EOT],
        pad_token=SPECIAL[PAD],
        clean_up_tokenization_spaces=False,
        model_max_length=LENGTH,
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(out)
    path = out / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}, indent=2))
    config = LlamaConfig(
        vocab_size=size["vocabulary"],
        hidden_size=size["hidden"],
        intermediate_size=size["inner"],
        num_hidden_layers=size["layers"],
        num_attention_heads=size["heads"],
        num_key_value_heads=size["kv_heads"],
        head_dim=size["hidden"] // size["heads"],
        max_position_embeddings=LENGTH,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=BOS,
        eos_token_id=[EOS, EOT],
        pad_token_id=PAD,
        rope_theta=size["theta"],
        rope_parameters={"rope_type": "default", "rope_theta": size["theta"]},
        attention_bias=False,
    )
    model = LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict({k: v.float().cpu() for k, v in weights.items()}, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    model.generation_config = GenerationConfig(
        bos_token_id=BOS, eos_token_id=[EOS, EOT], pad_token_id=PAD, do_sample=True, temperature=0.6, top_p=0.9
    )
    with torch.no_grad():  # the plain model and Hugging Face's must agree
        x = torch.arange(100, 164)[None]
        plain = build(torch, size, "cpu", "sdpa")
        plain.load_state_dict({k: v.float().cpu() for k, v in weights.items()})
        difference = (plain(x, masks(torch, "sdpa")(x)) - model.eval()(x).logits).abs().max().item()
    assert difference < 1e-2, difference
    model.to(torch.bfloat16).save_pretrained(out, max_shard_size="14MB")
    for file in out.iterdir():
        file.chmod(0o644)
    return difference
