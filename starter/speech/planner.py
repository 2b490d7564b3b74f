"""Plans the batches of the training: which utterance stands where in a window, and the tokens that it should give."""

import pickle
import random
from pathlib import Path

import numpy as np
import torch
from synthesise import PHONEME_SYMBOLS, RATE_OF_ENGINES

RATE = 16000
# window seconds, slots, tokens, longest utterance in seconds, share of the batch size
BUCKETS = {"short": (5.12, 1, 72, 4.3, 1.0), "middle": (10.24, 4, 144, 8.5, 0.5), "full": (30.0, 8, 256, 12.0, 0.2)}
PHONEME = {c: i + 1 for i, c in enumerate(PHONEME_SYMBOLS)}  # 0 is the CTC blank


class Planner:
    """Reads shards into the pool and plans batches; runs in a thread of its own."""

    def __init__(self, pool, vocabulary, shards, seed=0, engines=None):
        self.pool, self.vocabulary, self.shards = pool, vocabulary, Path(shards)
        self.random = random.Random(seed)
        self.engine_weights = engines or RATE_OF_ENGINES
        self.seen, self.skipped = set(), 0
        self.utterances = []  # (offset, samples, tokens, phonemes)
        self.by_length = {}  # (engine, bucket) -> utterance numbers

    def poll(self, limit=2):
        """Take in at most `limit` new shards; returns how many."""
        new = [p for p in sorted(self.shards.glob("*.pkl"), key=lambda p: p.name[-9:]) if p.name not in self.seen][:limit]
        for path in new:
            self.seen.add(path.name)
            start = self.pool.add(np.load(path.with_suffix(".npy")))
            if start is None:
                continue
            for text, phonemes, samples, engine, _ in pickle.loads(path.read_bytes()):
                try:
                    tokens = self.vocabulary.encode(text)
                except KeyError:
                    self.skipped += 1
                    tokens = None
                seconds = samples / RATE
                if tokens and len(tokens) < 60:
                    self.utterances.append((start, samples, tokens, [PHONEME[c] for c in phonemes]))
                    for name, (_, _, _, longest, _) in BUCKETS.items():
                        if seconds <= longest:
                            self.by_length.setdefault((engine, name), []).append(len(self.utterances) - 1)
                start += samples
        return len(new)

    def draw(self, bucket):
        engines = [e for e in self.engine_weights if self.by_length.get((e, bucket))]
        engine = self.random.choices(engines, [self.engine_weights[e] for e in engines])[0]
        numbers = self.by_length[engine, bucket]
        return self.utterances[numbers[int(self.random.random() * len(numbers))]]

    def example(self, bucket, vary=True):
        """One window: slots, target tokens, phonemes, and where its sound ends."""
        r, v = self.random, self.vocabulary
        seconds, most, room, _, _ = BUCKETS[bucket]
        slots, segments, phonemes, cut = [], [], [], None
        timestamps = r.random() < 0.55
        if vary and r.random() < 0.06:
            end = r.uniform(0.3, seconds) if r.random() < 0.7 else seconds
            head = [v.sot, v.stamp(0 if r.random() < 0.7 else r.random()) if timestamps else v.no_timestamps]
            return slots, head, [v.no_speech, v.eot], [], end
        wanted = 1 if most == 1 or r.random() < 0.45 else r.randint(2, most)
        at = (
            r.choice([0.0, r.uniform(0, 0.4), r.uniform(0, 1.0), r.uniform(0, 3.0) if bucket == "full" else 0.1]) if vary else 0.0
        )
        count = 4
        for _ in range(wanted):
            offset, samples, tokens, phones = self.draw(bucket)
            rate = r.uniform(0.87, 1.15) if vary and r.random() < 0.75 else 1.0
            length = samples / rate / RATE
            at = min(at, seconds - 0.04 - length) if not slots else at
            if count + len(tokens) + 3 > room - 4:
                break
            if at + length > seconds - 0.02:
                # a sentence that runs on beyond the window: only its start is told
                if bucket == "full" and timestamps and slots and at < seconds - 0.5 and r.random() < 0.6:
                    slots.append((at, offset, samples, rate, slots[-1][4]))
                    cut = at
                break
            gain = 1.0 if not slots else slots[-1][4] * r.choice([1.0, 1.0, r.uniform(0.5, 1.6)])
            slots.append((at, offset, samples, rate, gain))
            gap = r.choice([r.uniform(0.05, 0.4), r.uniform(0.2, 1.5)])
            joined = segments and at - segments[-1][1] < 0.2 and r.random() < 0.6
            if joined:
                segments[-1] = (segments[-1][0], at + length, segments[-1][2] + tokens)
            else:
                segments.append((at, at + length, list(tokens)))
            phonemes += ([PHONEME[" "]] if phonemes else []) + phones
            count += len(tokens) + 2
            at += length + gap
        body = []
        for i, (start, stop, tokens) in enumerate(segments):
            if timestamps:
                body += [v.stamp(min(start, 1.0) if i == 0 else start), *tokens, v.stamp(stop)]
            else:
                body += tokens
        body = body if timestamps else [v.no_timestamps, *body]
        if cut is not None:
            body.append(v.stamp(cut))
        sequence, target = [v.sot, *body], [*body, v.eot]
        if vary and r.random() < 0.12:  # text before this window, as transcribe() gives it
            past = []
            for _ in range(r.randint(1, 3)):
                tokens = self.draw(bucket)[2]
                past += [v.stamp(r.uniform(0, 20)), *tokens, v.stamp(r.uniform(1, 30))] if r.random() < 0.5 else tokens
            past = past[-(room - len(sequence) - 1) :] if room - len(sequence) > 4 else []
            if past:
                sequence, target = [v.sot_prev, *past, *sequence], [-100] * (len(past) + 1) + target
        stop = (
            seconds
            if cut is not None
            else min(seconds, segments[-1][1] + r.choice([0.05, r.uniform(0.05, 1.0), r.uniform(0, 4)]))
        )
        return slots, sequence, target, phonemes, stop

    def batch(self, bucket, size, vary=True):
        seconds, most, room, _, _ = BUCKETS[bucket]
        samples = int(seconds * RATE)
        start = np.full((size, most), samples + 1, dtype=np.int64)
        offset, length = np.zeros_like(start), np.zeros_like(start)
        rate, gain = np.ones((size, most), np.float32), np.ones((size, most), np.float32)
        end, pad = np.zeros(size, np.int64), np.zeros(size, np.int64)
        tokens = np.full((size, room), self.vocabulary.eot, dtype=np.int64)
        targets = np.full((size, room), -100, dtype=np.int64)
        phonemes, phoneme_lengths = [], np.zeros(size, np.int64)
        for i in range(size):
            slots, sequence, target, phones, stop = self.example(bucket, vary)
            for k, (at, o, n, speed, g) in enumerate(slots):
                start[i, k], offset[i, k], length[i, k], rate[i, k], gain[i, k] = int(at * RATE), o, n, speed, g
            end[i] = int(stop * RATE)
            pad[i] = self.random.choices([0, 1, 2], [0.55, 0.25, 0.2])[0]
            tokens[i, : len(sequence)], targets[i, : len(target)] = sequence, target
            phonemes += phones
            phoneme_lengths[i] = len(phones)
        arrays = {
            "start": start,
            "offset": offset,
            "length": length,
            "rate": rate,
            "gain": gain,
            "end": end,
            "pad": pad,
            "tokens": tokens,
            "targets": targets,
            "phonemes": np.array(phonemes or [1], np.int64),
            "phoneme_lengths": phoneme_lengths,
        }
        return {k: torch.from_numpy(a) for k, a in arrays.items()}
