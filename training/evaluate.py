"""Evaluates a checkpoint on the held-out wordings: python -m training.evaluate --help"""

import argparse
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import torch

from training.evaluation.checkpoint import Checkpoint
from training.evaluation.expected import write_expected
from training.evaluation.measures import is_short_enough, json_values, perplexity, telegraph_ratio, verdicts
from training.evaluation.suites import all_cases, sample


def tally(cases, rights, key):
    """{key(case): [right, all]}"""
    counts = defaultdict(lambda: [0, 0])
    for case, right in zip(cases, rights):
        counts[key(case)][0] += right
        counts[key(case)][1] += 1
    return dict(counts)


def print_table(title, counts):
    print(f"\n{title}")
    for name, (right, total) in sorted(counts.items()):
        print(f"  {name:44s} {right:4d} / {total:4d}   {right / total:6.1%}")


def write_texts(path, cases, answers, rights):
    """Whole conversations for bench/accuracy.ts, as JSON lines: those without tools and network context that the model answers right."""
    with path.open("w") as file:
        for case, answer, right in zip(cases, answers, rights):
            if right and case.rtt_ms is None and not case.tools and not case.schema:
                file.write(json.dumps([*case.messages, {"role": "assistant", "content": answer}], ensure_ascii=False) + "\n")


def write_json_cases(path, cases):
    """The cases with a schema, for a test of constrained output through the engine."""
    rows = [{"messages": list(case.messages), "schema": case.schema, "value": case.value} for case in cases if case.schema]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description="Greedy accuracy of a checkpoint on questions whose wording was never trained.")
    parser.add_argument("--model", type=Path, default=Path("models/millrace-demo"))
    parser.add_argument("--sample", type=int, help="only so many questions of each category")
    parser.add_argument("--report", type=Path, help="write every question and answer, and the tables, as JSON")
    parser.add_argument("--append", type=Path, help="append a line for each category to this CSV file")
    parser.add_argument("--label", default="", help="the first columns of those lines")
    parser.add_argument("--write-expected", action="store_true", help="write expected.json into the model's folder")
    parser.add_argument("--texts", type=Path, help="write the conversations that are right, for bench/accuracy.ts")
    parser.add_argument("--json-cases", type=Path, help="write the cases with a schema, to be answered through the engine under constraint")
    parser.add_argument("--show-wrong", action="store_true", help="print what was answered wrong")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a threshold of evaluation/suites.py is missed")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    checkpoint, cases = Checkpoint(args.model), all_cases()
    if args.sample:
        cases = sample(cases, args.sample)
    answers = checkpoint.answers(cases)
    rights = [is_short_enough(checkpoint, case, answer) if case.category == "style" else case.is_right(answer) for case, answer in zip(cases, answers)]
    categories = tally(cases, rights, lambda case: case.category)
    kinds = tally(cases, rights, lambda case: f"{case.category}: {case.kind}")
    overall = tally(cases, rights, lambda case: "all")
    measures = {"telegraph_tokens": telegraph_ratio(checkpoint, cases, answers), "json_values": json_values(cases, answers), "perplexity": perplexity(checkpoint, cases)}
    print_table("kinds", kinds)
    print_table("categories", categories)
    print_table("overall", overall)
    print("\nmeasures\n" + "\n".join(f"  {name:44s} {value:.4f}" for name, value in measures.items() if value is not None))
    print("\ngoals\n" + "\n".join(f"  {'met   ' if met else 'MISSED'} {text}" for text, met in verdicts(categories, measures)))
    if args.show_wrong:
        for case, answer, right in zip(cases, answers, rights):
            if not right:
                wanted = case.calls or case.schema or case.whole or case.only or case.accepted
                print(f"[{case.category}: {case.kind}] {case.messages[-1]['content']!r}  ->  {answer!r}   (wanted {wanted})")
    if args.report:
        rows = [{"category": c.category, "kind": c.kind, "messages": list(c.messages), "answer": a, "right": r} for c, a, r in zip(cases, answers, rights)]
        report = {"categories": categories, "kinds": kinds, "overall": overall, "measures": measures, "goals": verdicts(categories, measures), "cases": rows}
        args.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    if args.append:
        is_new = not args.append.exists()
        with args.append.open("a") as file:
            file.write("step,minutes,category,right,of\n" * is_new)
            file.writelines(f"{args.label},{name},{right},{total}\n" for name, (right, total) in sorted(categories.items()))
    if args.texts:
        write_texts(args.texts, cases, answers, rights)
    if args.json_cases:
        write_json_cases(args.json_cases, cases)
    if args.write_expected:
        digest = hashlib.sha256((args.model / "model.safetensors").read_bytes()).hexdigest()
        write_expected(args.model / "expected.json", checkpoint, cases, answers, rights, digest)
    raise SystemExit(0 if not args.check or all(met for _, met in verdicts(categories, measures)) else 1)


if __name__ == "__main__":
    main()
