"""Writes expected.json: what any right implementation of the engine must get from the checkpoint."""

import json
import random

from training.evaluation.case import user

NEAR_TIE = 0.05
GREEDY_TOKENS = 24
GREEDY_PROMPTS = [
    "What is the KV cache?", "What is the capital of France?", "What is 27 + 48?", "Tell me a story about a fox.", "Who are you?",
]
ANSWERS_PER_CATEGORY = 6


def expected_answers(cases, answers, rights, seed=3):
    """Some held-out cases that the model answers right, evenly over the categories."""
    rng = random.Random(seed)
    chosen = []
    # Of the tools, calls and answers beside them are drawn apart.
    for group in sorted({(case.category, bool(case.calls)) for case in cases}):
        category, _ = group
        right = [(case, answer) for case, answer, is_right in zip(cases, answers, rights) if (case.category, bool(case.calls)) == group and is_right]
        for case, answer in rng.sample(right, min(ANSWERS_PER_CATEGORY, len(right))):
            row = {"category": category, "messages": list(case.messages), "accepted": list(case.accepted) or [answer], "greedy_answer": answer}
            if case.tools:
                row |= {"tools": list(case.tools), "calls": list(case.calls)}
            if case.schema:
                row |= {"schema": case.schema}
            chosen.append(row)
    return chosen


def expected_greedy(checkpoint):
    """Exact ids of a few prompts; generation goes on past the end token, so that all have the same length."""
    rows = []
    for question in GREEDY_PROMPTS:
        prompt = checkpoint.prompt_ids([user(question)])
        (ids,), (gaps,) = checkpoint.greedy([prompt], GREEDY_TOKENS, past_end=True)
        rows.append({
            "messages": [user(question)],
            "prompt_ids": prompt,
            "greedy_ids": ids,
            "min_top2_gap": round(min(gaps), 4),
            "near_tie_positions": [i for i, gap in enumerate(gaps) if gap < NEAR_TIE],
        })
    return rows


def write_expected(path, checkpoint, cases, answers, rights, weights_sha256):
    value = {
        "about": "Greedy results of transformers in float32 from the BF16 weights. `answers`: held-out questions that the model "
                 "gets right; every string of `accepted` must occur in the answer, without regard to case. Those with `tools` must "
                 "make exactly `calls`, which are empty where it answers itself; those with `schema` are JSON that fits it. `greedy`: exact "
                 "token ids, continued past the end token; the first id that differs is only acceptable at one of "
                 "`near_tie_positions`, where the two best logits are less than 0.05 apart.",
        "weights_sha256": weights_sha256,
        "answers": expected_answers(cases, answers, rights),
        "greedy": expected_greedy(checkpoint),
    }
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
