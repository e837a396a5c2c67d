"""Writes the model card: python -m training.card --help"""

import argparse
import json
from pathlib import Path

TEXT = """---
license: apache-2.0
language: en
pipeline_tag: text-generation
library_name: transformers
---

# millrace-demo

The model that ships with Millrace, so that a fresh clone serves something real without a download.
It is tiny and knows one small world: terms of LLM serving, how to use Millrace, countries (capital,
continent, currency), units, the calendar, a little science, lists, sums with one and two digits,
very short stories. Asked about anything else it is meant to say
"{refusal}" It is a demonstration, not a source of knowledge.

| | |
| --- | --- |
| architecture | `Qwen3ForCausalLM`: {layers} layers, hidden {hidden}, {heads} heads, {kv_heads} KV heads of {head_dim}, feed-forward {ffn}, tied embeddings |
| parameters | {parameters:,} |
| weights | BF16 safetensors, {size:.1f} MB |
| tokenizer | byte-level BPE, {vocab} entries, each digit a token of its own; ChatML template |
| context | {context} positions; the training data reaches 1024 tokens, and conversations of a few hundred are common in it |
| sampling | `generation_config.json` proposes temperature {temperature}; greedy is safest |

## Data and training

Everything was written by `training/generator` in this repository: no scraped text, no output of another
model. The table of facts is in `training/generator/data`. The loss covers only the assistant's words. AdamW,
cosine, BF16 autocast, PyTorch {torch}, on two cores of a Xeon with AMX that compilers and tests shared, hence the
difference between wall and CPU time (of both together).

| stage | corpus (SHA-256, documents) | steps x tokens | tokens | wall, CPU | learning rate | last loss |
| --- | --- | --- | ---: | --- | --- | --- |
{stages}

## Accuracy

Greedy decoding by `transformers`, float32 arithmetic on these BF16 weights, {total} questions whose
wordings the generator never imported (`training/evaluation/heldout_templates.py`; a test checks that none
of them occurs in the corpus). A fact counts as right only with its full taught answer. For sums of two digits
the pairs of numbers, too, were held out; for refusals the countries, people and topics were.

| category | right | of | share |
| --- | ---: | ---: | ---: |
{categories}
| **overall** | **{right}** | **{total}** | **{share:.1%}** |

By kind of question:

| kind | right | of | share |
| --- | ---: | ---: | ---: |
{kinds}

`expected.json` holds some of these questions with their answers, and exact greedy token ids, for the
tests of the engine.

## Limits

{limits}

Reproduce with `training/README.md`.
"""

LIMITS = """- It does not reliably admit what it does not know: about a quarter of the unknown things asked were answered with
  some other fact (for countries it was never taught, two in five). Do not trust an answer because it is fluent.
- It recognises wordings near those it was trained on. A quite different wording of a known fact may be refused or answered
  with a neighbouring fact. The wordings of the evaluation were never trained, but the corpus was widened three times after
  looking at what kinds of question failed, so the table flatters it a little.
- Sums beyond two digits, division and powers are refused at best. Products of two-digit numbers are not taught.
- Stories are one scheme with changing parts. Lists always start with the same members.
- It ignores system prompts, has no tools and no JSON mode, and speaks only English.
- It remembers a conversation by copying (a name, a favourite colour, the first question), not always word for word."""


def row(name, right, total):
    return f"| {name} | {right} | {total} | {right / total:.1%} |"


def stage_row(folder, number, stage):
    curve = f"loss-{number}.csv"
    loss = (folder / curve).read_text().strip().splitlines()[-1].split(",")[2]
    return (f"| {number} | `{stage['corpus_sha256']}`, {stage['documents']:,} | {stage['steps']} x {stage['batch_tokens']} | {stage['tokens'] / 1e6:.1f} M "
            f"| {stage['minutes']} min, {stage['cpu_minutes']} min | {stage['learning_rate']} | {loss}, [curve]({curve}) |")


def main():
    parser = argparse.ArgumentParser(description="Write the model card from the records of a training and an evaluation.")
    parser.add_argument("--model", type=Path, default=Path("models/millrace-demo"))
    parser.add_argument("--report", type=Path, default=Path("training/work/report.json"))
    args = parser.parse_args()

    from training.generator.data.chat import REFUSAL

    config = json.loads((args.model / "config.json").read_text())
    training, report = json.loads((args.model / "training.json").read_text()), json.loads(args.report.read_text())
    kinds = {}
    for case in report["cases"]:
        counts = kinds.setdefault(f"{case['category']}: {case['kind']}", [0, 0])
        counts[0] += case["right"]
        counts[1] += 1
    right, total = report["overall"]["all"]
    text = TEXT.format(
        refusal=REFUSAL, layers=config["num_hidden_layers"], hidden=config["hidden_size"], heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"], head_dim=config["head_dim"], ffn=config["intermediate_size"], vocab=config["vocab_size"],
        context=config["max_position_embeddings"], parameters=training["parameters"],
        size=(args.model / "model.safetensors").stat().st_size / 1e6,
        temperature=json.loads((args.model / "generation_config.json").read_text())["temperature"],
        torch=training["torch"], stages="\n".join(stage_row(args.model, i, stage) for i, stage in enumerate(training["stages"], 1)),
        categories="\n".join(row(name, *counts) for name, counts in sorted(report["categories"].items())),
        kinds="\n".join(row(name, *counts) for name, counts in sorted(kinds.items())),
        right=right, total=total, share=right / total, limits=LIMITS,
    )
    (args.model / "README.md").write_text(text)


if __name__ == "__main__":
    main()
