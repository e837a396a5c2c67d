"""Writes answers in both styles to an instruction set: python -m training.brain.synthesize --help"""

import argparse
import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm
from transformers import AutoTokenizer

from training.brain.endpoint import EndpointClosed, RequestFailed, RequestRefused, add_endpoint_options, endpoint_of
from training.brain.filters import reason_to_drop
from training.brain.instructions import read_instructions
from training.brain.samples import read_lines, write_sets
from training.brain.teacher import COMPREHENSIVE, TELEGRAPH, asked_in


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description="Ask an OpenAI-compatible server for a comprehensive and a telegraph answer to each instruction, keep the good pairs, "
                                     "and write train.jsonl and eval.jsonl. Started again, it asks only for what is missing.")
    parser.add_argument("--instructions", type=Path, required=True, help="JSON lines, JSON, a text file with one instruction a line, or a file or folder of a Hugging Face dataset")
    parser.add_argument("--field", help="field with the instruction or its messages; a.b is b within a (default: messages, conversations, prompt, instruction, question, query or text)")
    parser.add_argument("--reference-field", help="field with texts of which a right answer has one, kept for the evaluation")
    parser.add_argument("--limit", type=int, help="only so many instructions")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of the checkpoint that will learn: its tokens are counted")
    parser.add_argument("--out", type=Path, default=Path("training/work/brain"))
    add_endpoint_options(parser, what="that writes the answers")
    parser.add_argument("--concurrency", type=int, default=8, help="requests at the same time")
    parser.add_argument("--temperature", type=float, help="default: the server's")
    parser.add_argument("--max-tokens", type=int, default=2048, help="of an answer; those cut off are dropped")
    parser.add_argument("--input-price", type=float, default=0.0, help="of a million prompt tokens, to add up the cost")
    parser.add_argument("--output-price", type=float, default=0.0, help="of a million tokens of answers")
    parser.add_argument("--eval-share", type=float, default=0.05, help="of the instructions, those held out")
    parser.add_argument("--seed", type=int, default=1, help="of the round-trip times")
    args = parser.parse_args(argv)
    if args.base_url is None:
        parser.error("--base-url is missing")
    return args


def open_to_append(path):
    """What a killed run left half written goes."""
    file = open(path, "ab+")
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)
    return file


def append(file, row):
    file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    file.flush()


def ask(endpoint, instruction, args):
    """The answers in both styles, or why the server does not take the request."""
    try:
        return [endpoint.complete(asked_in(style, instruction.messages), args.max_tokens, args.temperature) for style in (COMPREHENSIVE, TELEGRAPH)]
    except RequestRefused as error:
        return str(error)


def row_of(instruction, answers, teacher, num_tokens):
    """What is kept of an instruction: a pair of answers, with a reason if it is not to be learnt."""
    row = {"id": instruction.id, "messages": instruction.messages, "teacher": teacher}
    if instruction.references:
        row["references"] = instruction.references
    if isinstance(answers, str):
        return {**row, "reason": "refused by the server", "error": answers, "promptTokens": 0, "completionTokens": 0}
    long, short = answers
    row |= {"comprehensive": long.text, "telegraph": short.text, "comprehensiveTokens": num_tokens(long.text), "telegraphTokens": num_tokens(short.text),
            "promptTokens": long.prompt_tokens + short.prompt_tokens, "completionTokens": long.completion_tokens + short.completion_tokens}
    reason = reason_to_drop(long, short, num_tokens)
    return {**row, "reason": reason} if reason else row


class Tally:
    """Of all runs."""

    def __init__(self, args, pairs, dropped):
        self.args, self.kept, self.reasons = args, len(pairs), Counter(row["reason"] for row in dropped)
        self.prompt_tokens, self.completion_tokens = (sum(row[name] for row in pairs + dropped) for name in ("promptTokens", "completionTokens"))
        self.failed, self.failure = 0, ""

    def add(self, row):
        self.prompt_tokens += row["promptTokens"]
        self.completion_tokens += row["completionTokens"]
        if "reason" in row:
            self.reasons[row["reason"]] += 1
        else:
            self.kept += 1

    @property
    def cost(self):
        return (self.prompt_tokens * self.args.input_price + self.completion_tokens * self.args.output_price) / 1e6

    def __str__(self):
        cost = f", cost {self.cost:.2f}" if self.cost else ""
        return f"kept {self.kept}, dropped {sum(self.reasons.values())}, failed {self.failed}, {self.prompt_tokens + self.completion_tokens} tokens{cost}"


def ask_all(args, endpoint, instructions, tally, num_tokens):
    """Appends a row for each instruction to pairs.jsonl or dropped.jsonl as its answers come. What failed is in neither, and is asked again next time."""
    with open_to_append(args.out / "pairs.jsonl") as pairs, open_to_append(args.out / "dropped.jsonl") as dropped, ThreadPoolExecutor(args.concurrency) as threads:
        asked = {threads.submit(ask, endpoint, instruction, args): instruction for instruction in instructions}
        try:
            for future in (bar := tqdm(as_completed(list(asked)), total=len(asked), unit="instruction")):
                instruction = asked.pop(future)
                try:
                    row = row_of(instruction, future.result(), args.model, num_tokens)
                    append(dropped if "reason" in row else pairs, row)
                    tally.add(row)
                except RequestFailed as error:
                    tally.failed, tally.failure = tally.failed + 1, str(error)
                bar.set_postfix_str(str(tally), refresh=False)
        except (EndpointClosed, KeyboardInterrupt) as error:
            threads.shutdown(wait=False, cancel_futures=True)
            raise SystemExit(f"stopped: {error or 'interrupted'}; the same command goes on from here") from error


def summary_of(args, pairs, tally, num_samples, num_held_out):
    long, short = (sum(pair[name] for pair in pairs) for name in ("comprehensiveTokens", "telegraphTokens"))
    return {"teacher": args.model, "pairs": len(pairs), "dropped": dict(tally.reasons), "failed": tally.failed, "samples": num_samples, "heldOut": num_held_out,
            "meanComprehensiveTokens": round(long / max(1, len(pairs)), 1), "meanTelegraphTokens": round(short / max(1, len(pairs)), 1), "tokenRatio": round(short / max(1, long), 4),
            "promptTokens": tally.prompt_tokens, "completionTokens": tally.completion_tokens, "cost": round(tally.cost, 4), "evalShare": args.eval_share, "seed": args.seed}


def main(argv=None):
    args = parse_arguments(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ("pairs.jsonl", "dropped.jsonl"):
        open_to_append(args.out / name).close()
    pairs, dropped = (read_lines(args.out / name) for name in ("pairs.jsonl", "dropped.jsonl"))
    instructions, empty, again = read_instructions(args.instructions, args.field, args.reference_field, args.limit)
    done = {row["id"] for row in pairs + dropped}
    missing = [instruction for instruction in instructions if instruction.id not in done]
    print(f"{len(instructions)} instructions ({empty} rows without one and {again} doubles left out), {len(missing)} to ask", flush=True)
    tally = Tally(args, pairs, dropped)
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    ask_all(args, endpoint_of(args, "", args.concurrency), missing, tally, lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))
    pairs = read_lines(args.out / "pairs.jsonl")
    summary = summary_of(args, pairs, tally, *write_sets(args.out, pairs, args.eval_share, args.seed))
    (args.out / "synthesis.json").write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    print(f"{tally}\ndropped: {dict(tally.reasons)}\nwrote {summary['samples']} samples and {summary['heldOut']} held-out pairs to {args.out}; "
          f"telegraph answers have {summary['tokenRatio']:.1%} of the tokens")
    if tally.failed:
        raise SystemExit(f"{tally.failed} instructions failed, the last with: {tally.failure}; the same command asks for them again")


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
