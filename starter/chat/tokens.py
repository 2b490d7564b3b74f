"""The tokenizer, and chats as packed rows of token ids. The template is Llama 3.2's."""

import numpy as np

SPECIAL = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
    "<|finetune_right_pad_id|>",
]
BOS, EOS, HEADER, HEADER_END, EOT, EOM, TAG, PAD = range(8)
LENGTH = 2048
TRAINED = 1 << 15  # marks the assistant's tokens in the uint16 rows
# What stands before the tools; each follows on a line of its own, as JSON.
TOOLS = 'Functions, called with {"name": ..., "parameters": {...}}:'
CHAT_TEMPLATE = (
    "{{- bos_token }}"
    "{%- if tools %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}"
    "{%- if messages and messages[0]['role'] == 'system' %}"
    "{{- messages[0]['content'] | trim + '\n\n' }}{%- set messages = messages[1:] %}"
    "{%- endif %}"
    "{{- '" + TOOLS + "' }}"
    "{%- for tool in tools %}{{- '\n' }}{{- tool['function'] | tojson }}{%- endfor %}"
    "{{- '<|eot_id|>' }}"
    "{%- endif %}"
    "{%- for message in messages %}"
    "{%- set role = 'ipython' if message['role'] == 'tool' else message['role'] %}"
    "{{- '<|start_header_id|>' + role + '<|end_header_id|>\n\n' + (message['content'] or '') | trim }}"
    "{%- for call in message['tool_calls'] or [] %}"
    "{{- '\n' if message['content'] or not loop.first }}"
    "{{- '{\"name\": ' }}{{- call['function']['name'] | tojson }}"
    "{{- ', \"parameters\": ' }}{{- call['function']['arguments'] | tojson }}{{- '}' }}"
    "{%- endfor %}"
    "{{- '<|eot_id|>' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)
# One upper-case letter and one digit at a time: names, sums and spelling then copy and capitalise letter by letter.
PIECES = r"\n+| ?\p{Lu}| ?\p{Ll}+|\p{N}| ?[^\s\p{L}\p{N}]+|[^\S\n]+|\p{L}|\s+"


def render(messages):
    """The same text as the chat template makes."""
    parts = ["<|begin_of_text|>"]
    for m in messages:
        role = "ipython" if m["role"] == "tool" else m["role"]
        parts.append(f"<|start_header_id|>{role}<|end_header_id|>\n\n{m['content'].strip()}<|eot_id|>")
    return "".join(parts)


def train_tokenizer(texts, size):
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PIECES), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    roles = ["system", "user", "assistant", "ipython"] * 3000  # so that each role is one token
    tokenizer.train_from_iterator(
        roles + texts,
        trainers.BpeTrainer(
            vocab_size=size, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", BOS)],
    )
    return tokenizer


def encode(tokenizer, chats, assistant):
    """Token arrays, the assistant's tokens marked with TRAINED."""
    rows = []
    for encoding in tokenizer.encode_batch([render(chat) for chat in chats], add_special_tokens=False):
        ids = np.array(encoding.ids, dtype=np.uint16)[: LENGTH + 1]
        marked = np.zeros(len(ids), dtype=bool)
        for at in np.flatnonzero(ids == HEADER):
            if at + 3 < len(ids) and ids[at + 1] == assistant:
                ends = np.flatnonzero(ids[at:] == EOT)
                marked[at + 3 : at + ends[0] + 1 if len(ends) else len(ids)] = True
        rows.append(ids | (marked.astype(np.uint16) * TRAINED))
    return rows


def pack(arrays):
    """Whole chats into rows of LENGTH + 1 tokens, first fit by falling length; the rest is padding."""
    rows, room = [], []
    for ids in sorted(arrays, key=len, reverse=True):
        for i in range(max(0, len(rows) - 60), len(rows)):
            if room[i] >= len(ids):
                rows[i].append(ids)
                room[i] -= len(ids)
                break
        else:
            rows.append([ids])
            room.append(LENGTH + 1 - len(ids))
    out = np.full((len(rows), LENGTH + 1), PAD, dtype=np.uint16)
    for i, parts in enumerate(rows):
        joined = np.concatenate(parts)
        out[i, : len(joined)] = joined
    return out
