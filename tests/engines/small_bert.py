"""A tiny BERT with random weights, made on the spot, in the form of a sentence-embedding model."""

import json

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS), "tree",
         "oak", "the", "is", "a", "old", "[", "]", ".", "?"]
SIZE = 24  # dimensions
LIMIT = 40  # tokens of a text, with the two around it


def make(folder, pooling="mean", modules=("Transformer", "Pooling", "Normalize"), seed=0, **config):
    """Writes the model into `folder`, which is its name."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    words = folder / "words.txt"
    words.write_text("\n".join(WORDS))
    reader = BertWordPieceTokenizer(str(words), lowercase=True)
    BertTokenizerFast(tokenizer_object=reader._tokenizer, model_max_length=512).save_pretrained(folder)
    words.unlink()
    torch.manual_seed(seed)
    BertModel(BertConfig(
        vocab_size=len(WORDS), hidden_size=SIZE, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32,
        max_position_embeddings=64, **config,
    )).save_pretrained(folder)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": LIMIT, "do_lower_case": False}))
    (folder / "modules.json").write_text(json.dumps([
        {"idx": place, "name": str(place), "path": "" if kind == "Transformer" else f"{place}_{kind}",
         "type": f"sentence_transformers.models.{kind}"} for place, kind in enumerate(modules)
    ]))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({
        "word_embedding_dimension": SIZE, "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_lasttoken": pooling == "lasttoken",
        "pooling_mode_max_tokens": pooling == "max",
    }))
    return folder
