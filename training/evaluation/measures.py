"""What is measured of answers beside being right."""

import json
import math

import torch

from training.evaluation.suites import TELEGRAPH_TOKENS, THRESHOLDS
from training.generator.styles import is_short

# Of each category, for the perplexity of the taught answers.
PERPLEXITY_CASES = 200


def is_short_enough(checkpoint, case, answer):
    """Whether an answer is nearer in length to the taught one of its style than to the other."""
    long, short = (checkpoint.num_tokens(text) for text in case.taught)
    return (checkpoint.num_tokens(answer) < math.sqrt(long * short)) == is_short(case.rtt_ms)


def telegraph_ratio(checkpoint, cases, answers):
    """Tokens of the telegraph answers over those of the long answers to the same facts; None without any."""
    sums = {}
    for case, answer in zip(cases, answers):
        if case.category in ("facts", "telegraph facts"):
            sums.setdefault(case.taught, {})[case.category] = checkpoint.num_tokens(answer)
    pairs = [both for both in sums.values() if len(both) == 2]
    return sum(both["telegraph facts"] for both in pairs) / sum(both["facts"] for both in pairs) if pairs else None


def json_values(cases, answers):
    """Share of the JSON answers that have the right values, valid or not."""
    wanted = [(case.value, answer) for case, answer in zip(cases, answers) if case.schema]
    return sum(_is_value(answer, value) for value, answer in wanted) / len(wanted) if wanted else None


def _is_value(answer, value):
    try:
        return json.loads(answer) == value
    except ValueError:
        return False


@torch.no_grad()
def perplexity(checkpoint, cases):
    """Of the taught answers to held-out questions, in both styles, each token given those before it."""
    loss, tokens = 0.0, 0
    for case in [case for case in cases if case.taught][:PERPLEXITY_CASES]:
        prompt = checkpoint.prompt_ids(case.messages, case.tools)
        taught = case.taught[case.rtt_ms is not None and is_short(case.rtt_ms)]
        answer = checkpoint.tokenizer(taught, add_special_tokens=False)["input_ids"] + [min(checkpoint.end_ids - {checkpoint.tokenizer.pad_token_id})]
        logits = checkpoint.model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
        loss += torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum").item()
        tokens += len(answer)
    return math.exp(loss / tokens) if tokens else None


def verdicts(categories, measures):
    """[(goal in words, whether it is met)]"""
    rows = []
    for name, threshold in THRESHOLDS.items():
        if name in categories:
            right, total = categories[name]
            rows.append((f"{name}: {right / total:.1%}, at least {threshold:.0%}", right / total >= threshold))
    if (ratio := measures["telegraph_tokens"]) is not None:
        rows.append((f"telegraph tokens: {ratio:.1%} of the long answers', at most {TELEGRAPH_TOKENS:.0%}", ratio <= TELEGRAPH_TOKENS))
    return rows
