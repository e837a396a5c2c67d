"""Writes lengths of answers for a length predictor: python -m training.lengths --help"""

import argparse
import hashlib
import json
import random
from pathlib import Path

from tokenizers import Tokenizer

from training.generator.corpus import document
from training.packing import segments
from training.tokenizer import IM_END


def rows_of(rng, tokenizer, count):
    """One row for each answer: what is known before it, and how many tokens it has, its end included."""
    numbers = iter(range(10**9))
    while count > 0:
        drawn = document(rng)
        if "text" in drawn:
            continue
        session, previous = f"{drawn['kind']}-{next(numbers)}", None
        system = drawn["messages"][0]["content"] if drawn["messages"][0]["role"] == "system" else None
        for i, message in enumerate(drawn["messages"]):
            if message["role"] != "assistant":
                continue
            history = {**drawn, "messages": drawn["messages"][: i + 1]}
            *prompt, (answer, _), _ = segments(history)
            text = next(m["content"] for m in reversed(drawn["messages"][:i]) if m["role"] == "user")
            row = {"kind": drawn["kind"], "session": session, "text": text, "promptTokens": len(tokenizer.encode("".join(part for part, _ in prompt), add_special_tokens=False).ids),
                   "tokens": len(tokenizer.encode(answer, add_special_tokens=False).ids), "style": style_of(text), "isToolCall": answer.startswith("<tool_call>")}
            if system:
                row["systemPrompt"] = system
            if previous:
                row["previousTokens"] = previous
            previous = row["tokens"]
            yield row
            count -= 1
            if count == 0:
                return


def style_of(text):
    """That which the network context of the last user message asks for; none = no network context."""
    return "none" if "<network_context>" not in text else "telegraph" if "<status>Poor</status>" in text else "comprehensive"


def main():
    parser = argparse.ArgumentParser(description="Write prompts with the lengths of their taught answers as JSON lines, for bench/predictor: "
                                     "text, systemPrompt, promptTokens and previousTokens are the fields of a LengthRequest, tokens is the answer's length.")
    parser.add_argument("--tokenizer", type=Path, default=Path("models/millrace-demo/tokenizer.json"))
    parser.add_argument("--out", type=Path, default=Path("training/work/lengths.jsonl"))
    parser.add_argument("--answers", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    assert tokenizer.token_to_id(IM_END) is not None, f"{args.tokenizer} is not this model's tokenizer"
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows_of(random.Random(args.seed), tokenizer, args.answers)]
    text = "\n".join(lines) + "\n"
    args.out.write_text(text)
    print(f"{len(lines)} answers, sha256 {hashlib.sha256(text.encode()).hexdigest()}")


if __name__ == "__main__":
    main()
