"""All held-out questions, by category, with the share that must be right."""

import random

from training.evaluation import chat_suites, facts_suites, tool_suites
from training.evaluation.case import normalised

SUITES = facts_suites.SUITES + chat_suites.SUITES + tool_suites.SUITES

# Shares of right answers that the model must reach; "JSON" is whether it is valid without constraint.
THRESHOLDS = {"facts": 0.95, "telegraph facts": 0.95, "style": 0.98, "arithmetic": 0.95, "tools": 0.95, "JSON": 0.95, "unknown things": 0.9}
# Tokens of telegraph answers over those of comprehensive ones to the same questions, at most.
TELEGRAPH_TOKENS = 0.4


def all_cases(seed=7):
    """Every held-out case, always the same for a seed."""
    cases = []
    for suite in SUITES:
        cases += suite(random.Random(f"{seed} {suite.__name__}"))
    return cases


def sample(cases, per_category, seed=7):
    """So many of each category, always the same."""
    rng = random.Random(seed)
    by_category = {}
    for case in cases:
        by_category.setdefault(case.category, []).append(case)
    return [case for group in by_category.values() for case in rng.sample(group, min(per_category, len(group)))]


def user_questions(cases):
    """All user messages of the cases, as asked."""
    return [message["content"].split("\n\n<network_context>")[0] for case in cases for message in case.messages if message["role"] == "user"]


__all__ = ["SUITES", "TELEGRAPH_TOKENS", "THRESHOLDS", "all_cases", "normalised", "sample", "user_questions"]
