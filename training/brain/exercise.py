"""Pairs of answers from the embedded model's own generator, to try the recipe without a teacher: python -m training.brain.exercise --help"""

import argparse
import random
from pathlib import Path

from transformers import AutoTokenizer

from training.brain.accuracy import contains
from training.brain.filters import MAX_TOKEN_RATIO
from training.brain.instructions import id_of
from training.brain.samples import write_sets
from training.generator.multi_turn import single


def pairs_of(rng, count, num_tokens):
    """As synthesize writes them. A telegraph answer that the long one contains is the reference, so that both can be held to it."""
    pairs, seen = [], set()
    while len(pairs) < count:
        turn = single(rng)
        messages, answer = [{"role": "user", "content": turn.question}], turn.answer
        key = id_of(messages)
        if turn.middle or key in seen or num_tokens(answer.short) > MAX_TOKEN_RATIO * num_tokens(answer.long):
            continue
        seen.add(key)
        pair = {"id": key, "messages": messages, "comprehensive": answer.long, "telegraph": answer.short}
        if contains(answer.long, answer.short):
            pair["references"] = [answer.short]
        pairs.append(pair)
    return pairs


def main(argv=None):
    parser = argparse.ArgumentParser(description="Write train.jsonl and eval.jsonl of the embedded model's facts in both styles.")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of the checkpoint that will learn")
    parser.add_argument("--out", type=Path, default=Path("training/work/brain"))
    parser.add_argument("--pairs", type=int, default=8000)
    parser.add_argument("--eval-share", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    pairs = pairs_of(random.Random(args.seed), args.pairs, lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))
    samples, held_out = write_sets(args.out, pairs, args.eval_share, args.seed)
    print(f"wrote {samples} samples and {held_out} held-out pairs to {args.out}")


if __name__ == "__main__":
    main()
