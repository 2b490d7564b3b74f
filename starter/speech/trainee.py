"""The network that is trained: Whisper's, over a compact vocabulary, with a phoneme loss on its encoder as a help."""

import math

import torch
import torch.nn.functional as F
from planner import PHONEME
from whisper.model import ModelDimensions, Whisper


class Trainee(torch.nn.Module):
    """Whisper with a compact vocabulary, forward passes for shorter windows, and a CTC head."""

    def __init__(self, vocabulary, state, heads, encoder_layers, decoder_layers):
        super().__init__()
        self.whisper = Whisper(
            ModelDimensions(80, 1500, state, heads, encoder_layers, len(vocabulary), 448, state, heads, decoder_layers)
        )
        self.phoneme_head = torch.nn.Linear(state, len(PHONEME) + 1)
        self.text_tokens = vocabulary.eot  # the text pieces come before the special tokens
        self.register_buffer("unused", torch.tensor(math.log(max(1, vocabulary.unused))), persistent=False)
        decoder = self.whisper.decoder
        torch.nn.init.normal_(decoder.token_embedding.weight, std=0.03)
        torch.nn.init.normal_(decoder.positional_embedding, std=0.01)
        # lift the used tokens above the zero rows at once, along the direction that layer norms remove
        lift = math.sqrt(float(self.unused) / state)
        with torch.no_grad():
            decoder.token_embedding.weight += lift
            decoder.ln.bias.fill_(lift)
        for block in [*self.whisper.encoder.blocks, *decoder.blocks]:
            layers = [block.attn.out, block.mlp[2]] + ([block.cross_attn.out] if block.cross_attn else [])
            for layer in layers:
                torch.nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2))
                torch.nn.init.zeros_(layer.bias)

    def encode(self, mel):
        e = self.whisper.encoder
        x = F.gelu(e.conv2(F.gelu(e.conv1(mel)))).permute(0, 2, 1)
        x = (x + e.positional_embedding[: x.shape[1]]).to(mel.dtype)
        for block in e.blocks:
            x = block(x)
        return e.ln_post(x)

    def decode(self, tokens, audio):
        d = self.whisper.decoder
        x = (d.token_embedding(tokens) + d.positional_embedding[: tokens.shape[1]]).to(audio.dtype)
        for block in d.blocks:
            x = block(x, audio, mask=d.mask)
        return (d.ln(x) @ d.token_embedding.weight.to(x.dtype).T).float()

    def loss(self, mel, batch, smoothing=0.04, ctc=True, corrupt=0.0):
        """(cross-entropy, CTC loss per phoneme, token accuracy)

        `corrupt`: this share of the text the decoder is given is replaced at random, so that
        it listens instead of guessing from its own words.
        """
        audio = self.encode(mel)
        keep = int((batch["targets"] >= 0).any(0).nonzero().max()) + 1 if mel.device.type == "cpu" else batch["targets"].shape[1]
        tokens, targets = batch["tokens"][:, :keep], batch["targets"][:, :keep]
        if corrupt > 0:
            other = torch.randint_like(tokens, self.text_tokens)
            tokens = torch.where(
                (torch.rand(tokens.shape, device=tokens.device) < corrupt) & (tokens < self.text_tokens), other, tokens
            )
        logits = self.decode(tokens, audio)
        real = (targets >= 0).float()
        share = real / real.sum()
        targets = targets.clamp(min=0)
        # the rows of all unused tokens are zero: together they weigh `unused` in the softmax
        total = torch.logaddexp(logits.logsumexp(-1), self.unused)
        right = logits.gather(-1, targets[..., None])[..., 0]
        entropy = ((total - (1 - smoothing) * right - smoothing * logits.mean(-1)) * share).sum()
        hits = ((logits.argmax(-1) == targets) * share).sum().detach()
        if not ctc:
            return entropy, entropy.new_zeros(()), hits
        log_probs = self.phoneme_head(audio.float()).log_softmax(-1).transpose(0, 1)
        lengths = torch.full((mel.shape[0],), audio.shape[1], dtype=torch.long)
        ctc_loss = F.ctc_loss(
            log_probs, batch["phonemes"], lengths, batch["phoneme_lengths"], reduction="none", zero_infinity=True
        )
        share = 1 / batch["phoneme_lengths"].clamp(min=30).to(mel.device, non_blocking=True)
        return entropy, (ctc_loss * share).mean(), hits
