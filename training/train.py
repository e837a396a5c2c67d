"""Trains the model: python -m training.train --help"""

import argparse
import csv
import json
import math
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from training.export import export_checkpoint
from training.model import ModelConfig, Qwen3
from training.packing import LONG_ROW_TOKENS, SHORT_ROW_TOKENS, pack_corpus, segments
from training.tokenizer import train_tokenizer

LONG_EVERY_STEPS = 12


def parse_arguments():
    parser = argparse.ArgumentParser(description="Train the embedded model on a generated corpus. Resumes from its checkpoint.")
    parser.add_argument("--corpus", type=Path, default=Path("training/work/corpus.jsonl"))
    parser.add_argument("--work", type=Path, default=Path("training/work"), help="folder of checkpoints and caches")
    parser.add_argument("--out", type=Path, default=Path("models/millrace-demo"))
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--max-minutes", type=float, default=50.0, help="training ends after this wall time, with the schedule shortened to fit")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--warmup-steps", type=int, default=100)
    parser.add_argument("--checkpoint-minutes", type=float, default=4.0)
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--tokenizer-documents", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-compile", action="store_true", help="do not use torch.compile")
    return parser.parse_args()


def corpus_texts(path, documents):
    with open(path, encoding="utf-8") as file:
        for line in islice(file, documents):
            yield "".join(text for text, _ in segments(json.loads(line)))


def prepare(args):
    """The tokenizer and the packed rows, from the cache in the work folder when they fit the corpus."""
    digest = args.corpus.with_suffix(".sha256").read_text().strip()
    cache, tokenizer_file = args.work / f"rows-{digest[:12]}.npz", args.work / f"tokenizer-{digest[:12]}.json"
    if not tokenizer_file.exists():
        train_tokenizer(corpus_texts(args.corpus, args.tokenizer_documents), args.vocab_size).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    if not cache.exists():
        short, long = pack_corpus(args.corpus, tokenizer)
        np.savez(cache, **{f"{name}_{key}": value for name, rows in (("short", short), ("long", long)) for key, value in vars(rows).items()})
    with np.load(cache) as data:
        rows = {name: {key: data[f"{name}_{key}"] for key in ("tokens", "weights", "documents")} for name in ("short", "long")}
    return tokenizer, rows, digest


def batch_of(rows, step, args):
    """The step's rows: every LONG_EVERY_STEPS-th step has long ones. Passes are reshuffled."""
    is_long = step % LONG_EVERY_STEPS == LONG_EVERY_STEPS - 1
    kind, length = ("long", LONG_ROW_TOKENS) if is_long else ("short", SHORT_ROW_TOKENS)
    index = step // LONG_EVERY_STEPS if is_long else step - step // LONG_EVERY_STEPS
    count, total = args.batch_tokens // length, len(rows[kind]["tokens"])
    places = range(index * count, (index + 1) * count)
    orders = {i // total: None for i in places}
    for number in orders:
        orders[number] = np.random.default_rng((args.seed, is_long, number)).permutation(total)
    chosen = [orders[i // total][i % total] for i in places]
    return tuple(torch.from_numpy(rows[kind][key][chosen].astype(np.int64)) for key in ("tokens", "weights", "documents"))


def learning_rate(args, step, elapsed_seconds):
    """Linear warm-up, then a cosine over the steps or over the wall time, whichever is further."""
    progress = min(1.0, max(step / args.steps, elapsed_seconds / (args.max_minutes * 60)))
    warmup = min(1.0, (step + 1) / args.warmup_steps)
    return args.learning_rate * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizer(model, args):
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": args.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=args.learning_rate, betas=(0.9, 0.95), fused=True)


def loss_of(hidden_of, model, batch):
    """Mean loss over the target tokens of (tokens, weights, documents)."""
    tokens, weights, documents = batch
    hidden = hidden_of(tokens[:, :-1], documents[:, :-1])
    wanted = weights[:, 1:] > 0
    logits = F.linear(hidden[wanted], model.model.embed_tokens.weight)
    return F.cross_entropy(logits.float(), tokens[:, 1:][wanted])


class Progress:
    """Prints a line every few seconds and appends the loss curve to a CSV file."""

    def __init__(self, path, resumed):
        self.file = open(path, "a" if resumed else "w", newline="")
        self.writer = csv.writer(self.file)
        if not resumed:
            self.writer.writerow(["step", "minutes", "loss", "learning_rate"])
        self.losses, self.since, self.tokens = [], time.monotonic(), 0

    def add(self, step, loss, tokens, elapsed, args, rate):
        self.losses.append(loss)
        self.tokens += tokens
        if (step + 1) % 25 != 0:
            return
        mean, now = sum(self.losses) / len(self.losses), time.monotonic()
        self.writer.writerow([step + 1, f"{elapsed / 60:.2f}", f"{mean:.4f}", f"{rate:.2e}"])
        self.file.flush()
        print(f"step {step + 1}/{args.steps}  loss {mean:.4f}  {self.tokens / (now - self.since):.0f} tokens/s  "
              f"{elapsed / 60:.1f}/{args.max_minutes:.0f} min  lr {rate:.1e}", flush=True)
        self.losses, self.since, self.tokens = [], now, 0


def save_checkpoint(path, model, optimizer, step, elapsed):
    temporary = path.with_suffix(".tmp")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "elapsed": elapsed}, temporary)
    temporary.replace(path)


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    tokenizer, rows, digest = prepare(args)
    print(f"corpus sha256 {digest}; " + "; ".join(f"{name}: {value['tokens'].shape[0]} rows of {value['tokens'].shape[1] - 1}, "
          f"{(value['documents'] >= 0).mean():.1%} full, {value['weights'].mean():.1%} targets" for name, value in rows.items()), flush=True)
    model = Qwen3(ModelConfig(vocab_size=args.vocab_size))
    optimizer = make_optimizer(model, args)
    step, before = 0, 0.0
    path = args.work / f"checkpoint-{digest[:12]}.pt"
    if path.exists():
        state = torch.load(path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, before = state["step"], state["elapsed"]
        print(f"resumed at step {step}", flush=True)
    hidden_of = model.hidden if args.no_compile else torch.compile(model.hidden, dynamic=False)
    progress, start, saved = Progress(args.work / "loss.csv", step > 0), time.monotonic(), time.monotonic()
    elapsed = before
    while step < args.steps and elapsed < args.max_minutes * 60:
        batch = batch_of(rows, step, args)
        rate = learning_rate(args, step, elapsed)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(hidden_of, model, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        elapsed = before + time.monotonic() - start
        progress.add(step, loss.item(), batch[0].numel(), elapsed, args, rate)
        step += 1
        if time.monotonic() - saved > args.checkpoint_minutes * 60:
            save_checkpoint(path, model, optimizer, step, elapsed)
            saved = time.monotonic()
    save_checkpoint(path, model, optimizer, step, elapsed)
    export_checkpoint(model, tokenizer, args.out)
    summary = {"corpus_sha256": digest, "documents": sum(1 for _ in open(args.corpus, "rb")), "steps": step, "minutes": round(elapsed / 60, 1),
               "tokens": step * args.batch_tokens, "parameters": sum(p.numel() for p in model.parameters()), "seed": args.seed,
               "learning_rate": args.learning_rate, "batch_tokens": args.batch_tokens, "torch": torch.__version__}
    (args.work / "training.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(f"done: {step} steps in {elapsed / 60:.1f} minutes; wrote {args.out}", flush=True)


if __name__ == "__main__":
    train(parse_arguments())
