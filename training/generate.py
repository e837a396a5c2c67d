"""Writes the corpus: python -m training.generate --help"""

import argparse
from pathlib import Path

from training.generator.corpus import write_corpus
from training.generator.counts import num_facts, num_templates


def main():
    parser = argparse.ArgumentParser(description="Write the training corpus as JSON lines and print its SHA-256.")
    parser.add_argument("--out", type=Path, default=Path("training/work/corpus.jsonl"))
    parser.add_argument("--documents", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--style", choices=["both", "long"], default="both", help="long: no network contexts and no telegraph answers, for a base that training/brain teaches both styles")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    digest = write_corpus(args.out, args.documents, args.seed, is_bimodal=args.style == "both")
    args.out.with_suffix(".sha256").write_text(digest + "\n")
    print(f"{sum(num_facts().values())} facts, {sum(num_templates().values())} wordings before dressing")
    print(f"{args.documents} documents, {args.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
