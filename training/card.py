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
continent, currency), units, the calendar, a little science, lists, sums with up to three digits,
very short stories. It answers in two lengths by the state of the link, calls tools and writes JSON. Asked about anything else it is meant to say
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
model. The table of facts is in `training/generator/data`. The loss covers only the assistant's words. Muon and AdamW,
cosine, BF16 autocast, PyTorch {torch}, on two cores. CPU time is that of both together.

| stage | corpus (SHA-256, documents) | steps x tokens | tokens | wall, CPU | learning rate | last loss |
| --- | --- | --- | ---: | --- | --- | --- |
{stages}

## Accuracy

Greedy decoding by `transformers`, float32 arithmetic on these BF16 weights, {total} questions whose
wordings the generator never imported (`training/evaluation/heldout_templates.py`; a test checks that none
of them occurs in the corpus). What counts as right is in `training/README.md`. For sums of two digits and more
the pairs of numbers, too, were held out; for unknown things the countries, people and topics were.

| goal | |
| --- | --- |
{goals}

Values in JSON right: {json_values:.1%}. Perplexity of the taught answers: {perplexity:.4f}.

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

LIMITS = """- It recognises wordings near those it was trained on. A known question within a frame that it has not seen ("do you happen to
  know what ... might be") is often refused or answered with a neighbouring fact.
- Do not trust an answer because it is fluent: some unknown things are answered with some other fact, and some sums are wrong.
- Tools: it calls those that are named as most programs name them (`get_weather`, `calculator`, `search`, `get_time` and a few
  others), seldom two at once, and none under a name that it has not seen.
- Values of JSON are copied from the question or from what it knows, and a quarter of them are wrong, though they fit the schema.
- Stories are one scheme with changing parts. Lists always start with the same members.
- System messages change nothing but by the network context or a JSON schema. It speaks only English.
- It remembers a conversation by copying (a name, a favourite colour, the first question), not always word for word."""


def row(name, right, total):
    return f"| {name} | {right} | {total} | {right / total:.1%} |"


def stage_row(folder, number, stage):
    curve = f"loss-{number}.csv"
    loss = (folder / curve).read_text().strip().splitlines()[-1].split(",")[-2]
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
    right, total = report["overall"]["all"]
    text = TEXT.format(
        refusal=REFUSAL.long, layers=config["num_hidden_layers"], hidden=config["hidden_size"], heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"], head_dim=config["head_dim"], ffn=config["intermediate_size"], vocab=config["vocab_size"],
        context=config["max_position_embeddings"], parameters=training["parameters"],
        size=(args.model / "model.safetensors").stat().st_size / 1e6,
        temperature=json.loads((args.model / "generation_config.json").read_text())["temperature"],
        torch=training["torch"], stages="\n".join(stage_row(args.model, i, stage) for i, stage in enumerate(training["stages"], 1)),
        categories="\n".join(row(name, *counts) for name, counts in sorted(report["categories"].items())),
        kinds="\n".join(row(name, *counts) for name, counts in sorted(report["kinds"].items())),
        goals="\n".join(f"| {goal} | {'met' if met else '**missed**'} |" for goal, met in report["goals"]),
        json_values=report["measures"]["json_values"], perplexity=report["measures"]["perplexity"],
        right=right, total=total, share=right / total, limits=LIMITS,
    )
    (args.model / "README.md").write_text(text)


if __name__ == "__main__":
    main()
