"""Pairs of answers -> what is trained on and what is held out."""

import json
import random

from training.brain.network import with_network_context
from training.generator.styles import is_short, rtt_of

# Of the pairs, those whose comprehensive answer is learnt without a network context, so that the model stays as it was there.
PLAIN_SHARE = 0.2


def is_held_out(pair_id, share):
    """By the instruction alone: the same one is on the same side in every run and every set."""
    return int(pair_id[:8], 16) < share * 2**32


def sample_of(pair, rtt_ms):
    answer = pair["telegraph"] if rtt_ms is not None and is_short(rtt_ms) else pair["comprehensive"]
    messages = [*with_network_context(pair["messages"], rtt_ms), {"role": "assistant", "content": answer}]
    return {"id": pair["id"], "rttMs": rtt_ms, "messages": messages}


def samples_of(pair, seed):
    """Both answers, each behind a request that the server could have made; the same for the same pair and seed."""
    rng = random.Random(f"{seed}:{pair['id']}")
    poor = rtt_of(rng, "Poor")
    good = None if rng.random() < PLAIN_SHARE else rtt_of(rng, rng.choice(("Excellent", "Normal")))
    return [sample_of(pair, poor), sample_of(pair, good)]


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write_lines(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_sets(folder, pairs, eval_share, seed):
    """train.jsonl with samples and eval.jsonl with pairs; returns the number of samples and of held-out pairs."""
    # The order in which answers came depends on the network.
    pairs = sorted(pairs, key=lambda pair: pair["id"])
    samples = [sample for pair in pairs if not is_held_out(pair["id"], eval_share) for sample in samples_of(pair, seed)]
    held_out = [pair for pair in pairs if is_held_out(pair["id"], eval_share)]
    write_lines(folder / "train.jsonl", samples)
    write_lines(folder / "eval.jsonl", held_out)
    return len(samples), len(held_out)
