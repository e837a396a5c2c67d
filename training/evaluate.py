"""Evaluates a checkpoint on the held-out wordings: python -m training.evaluate --help"""

import argparse
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import torch

from training.evaluation.checkpoint import Checkpoint
from training.evaluation.expected import write_expected
from training.evaluation.suites import all_cases


def tally(cases, answers, key):
    """{key(case): [right, all]}"""
    counts = defaultdict(lambda: [0, 0])
    for case, answer in zip(cases, answers):
        counts[key(case)][0] += case.is_right(answer)
        counts[key(case)][1] += 1
    return dict(counts)


def print_table(title, counts):
    print(f"\n{title}")
    for name, (right, total) in sorted(counts.items()):
        print(f"  {name:44s} {right:4d} / {total:4d}   {right / total:6.1%}")


def write_texts(path, cases, answers):
    """Whole conversations for bench/accuracy.ts, as JSON lines: those that the model answers right."""
    with path.open("w") as file:
        for case, answer in zip(cases, answers):
            if case.is_right(answer):
                messages = [*case.messages, ("assistant", answer)]
                file.write(json.dumps([{"role": role, "content": content} for role, content in messages], ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description="Greedy accuracy of a checkpoint on questions whose wording was never trained.")
    parser.add_argument("--model", type=Path, default=Path("models/millrace-demo"))
    parser.add_argument("--report", type=Path, help="write every question and answer, and the table, as JSON")
    parser.add_argument("--write-expected", action="store_true", help="write expected.json into the model's folder")
    parser.add_argument("--texts", type=Path, help="write the conversations that are right, for bench/accuracy.ts")
    parser.add_argument("--show-wrong", action="store_true", help="print what was answered wrong")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minimum", type=float, default=0.0, help="exit with 1 when the overall share of right answers is below this")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    checkpoint, cases = Checkpoint(args.model), all_cases()
    answers = checkpoint.answers([case.messages for case in cases])
    categories = tally(cases, answers, lambda case: case.category)
    overall = tally(cases, answers, lambda case: "all")
    print_table("kinds", tally(cases, answers, lambda case: f"{case.category}: {case.kind}"))
    print_table("categories", categories)
    print_table("overall", overall)
    if args.show_wrong:
        for case, answer in zip(cases, answers):
            if not case.is_right(answer):
                print(f"[{case.kind}] {case.messages[-1][1]}  ->  {answer}   (wanted {case.accepted or case.only})")
    if args.report:
        rows = [{"category": c.category, "kind": c.kind, "messages": c.messages, "answer": a, "right": c.is_right(a)} for c, a in zip(cases, answers)]
        args.report.write_text(json.dumps({"categories": categories, "overall": overall, "cases": rows}, indent=1, ensure_ascii=False) + "\n")
    if args.texts:
        write_texts(args.texts, cases, answers)
    if args.write_expected:
        digest = hashlib.sha256((args.model / "model.safetensors").read_bytes()).hexdigest()
        write_expected(args.model / "expected.json", checkpoint, cases, answers, digest)
    right, total = overall["all"]
    raise SystemExit(0 if right / total >= args.minimum else 1)


if __name__ == "__main__":
    main()
