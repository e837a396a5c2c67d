"""Trains the model: python -m training.train --help"""

import argparse
import csv
import json
import math
import shutil
import signal
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.distributed as distributed
import torch.nn.functional as F
from safetensors.torch import load_file
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
    parser.add_argument("--init", type=Path, help="model folder to start from, with its tokenizer, instead of random weights")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--max-minutes", type=float, default=50.0, help="training ends after this wall time, with the schedule shortened to fit")
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--warmup-steps", type=int, default=150)
    parser.add_argument("--checkpoint-minutes", type=float, default=4.0)
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--tokenizer-documents", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each, which share every batch")
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
    if args.init:
        shutil.copy(args.init / "tokenizer.json", tokenizer_file)
    elif not tokenizer_file.exists():
        train_tokenizer(corpus_texts(args.corpus, args.tokenizer_documents), args.vocab_size).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    if not cache.exists():
        short, long = pack_corpus(args.corpus, tokenizer)
        np.savez(cache, **{f"{name}_{key}": value for name, rows in (("short", short), ("long", long)) for key, value in vars(rows).items()})
    with np.load(cache) as data:
        rows = {name: {key: data[f"{name}_{key}"] for key in ("tokens", "weights", "documents")} for name in ("short", "long")}
    return tokenizer, rows, digest


def batch_of(rows, step, args, rank):
    """The rank's part of the step's rows: every LONG_EVERY_STEPS-th step has long ones. Passes are reshuffled."""
    is_long = step % LONG_EVERY_STEPS == LONG_EVERY_STEPS - 1
    kind, length = ("long", LONG_ROW_TOKENS) if is_long else ("short", SHORT_ROW_TOKENS)
    index = step // LONG_EVERY_STEPS if is_long else step - step // LONG_EVERY_STEPS
    count, total = args.batch_tokens // length, len(rows[kind]["tokens"])
    places = range(index * count, (index + 1) * count)
    orders = {i // total: None for i in places}
    for number in orders:
        orders[number] = np.random.default_rng((args.seed, is_long, number)).permutation(total)
    chosen = [orders[i // total][i % total] for i in places][rank :: args.workers]
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


def average_gradients(model, loss, workers):
    """Makes every worker's gradients the mean over the workers; returns the mean loss."""
    parts = [p.grad for p in model.parameters()]
    flat = torch.cat([part.view(-1) for part in parts] + [loss.detach().view(1)])
    distributed.all_reduce(flat)
    flat /= workers
    for part, mean in zip(parts, flat.split([part.numel() for part in parts] + [1])):
        part.copy_(mean.view_as(part))
    return flat[-1].item()


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
        if step % 25 != 0:
            return
        mean, now = sum(self.losses) / len(self.losses), time.monotonic()
        self.writer.writerow([step, f"{elapsed / 60:.2f}", f"{mean:.4f}", f"{rate:.2e}"])
        self.file.flush()
        print(f"step {step}/{args.steps}  loss {mean:.4f}  {self.tokens / (now - self.since):.0f} tokens/s  "
              f"{elapsed / 60:.1f}/{args.max_minutes:.0f} min  lr {rate:.1e}", flush=True)
        self.losses, self.since, self.tokens = [], now, 0


def save_checkpoint(path, model, optimizer, step, elapsed, cpu):
    """elapsed: wall seconds so far; cpu: CPU seconds of one worker so far."""
    temporary = path.with_suffix(".tmp")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "elapsed": elapsed, "cpu": cpu}, temporary)
    temporary.replace(path)


def train(args):
    """Prepares the data, then trains in `--workers` processes.

    One thread per process with one exchange per step: on a busy machine, threads would wait for
    each other hundreds of times per step.
    """
    args.work.mkdir(parents=True, exist_ok=True)
    tokenizer, rows, digest = prepare(args)
    print(f"corpus sha256 {digest}; " + "; ".join(f"{name}: {value['tokens'].shape[0]} rows of {value['tokens'].shape[1] - 1}, "
          f"{(value['documents'] >= 0).mean():.1%} full, {value['weights'].mean():.1%} targets" for name, value in rows.items()), flush=True)
    rendezvous = args.work / "rendezvous"
    rendezvous.unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an orderly exit ends the workers, too
    torch.multiprocessing.spawn(work, (args, rendezvous.absolute(), tokenizer.to_str(), rows, digest), nprocs=args.workers, daemon=True)


def work(rank, args, rendezvous, tokenizer_json, rows, digest):
    """One worker's training. The first one reports, saves and exports."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=args.workers)
    model = Qwen3(ModelConfig(vocab_size=args.vocab_size))
    if args.init:
        model.load_state_dict({name: value.float() for name, value in load_file(args.init / "model.safetensors").items()})
    optimizer = make_optimizer(model, args)
    step, before, cpu_before = 0, 0.0, 0.0
    path = args.work / f"checkpoint-{digest[:12]}.pt"
    if path.exists():
        state = torch.load(path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, before, cpu_before = state["step"], state["elapsed"], state["cpu"]
    hidden_of = model.hidden if args.no_compile else torch.compile(model.hidden, dynamic=False)
    progress = Progress(args.work / "loss.csv", step > 0) if rank == 0 else None
    start = saved = time.monotonic()
    elapsed = before
    while step < args.steps and elapsed < args.max_minutes * 60:
        batch = batch_of(rows, step, args, rank)
        rate = learning_rate(args, step, elapsed)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(hidden_of, model, batch)
        optimizer.zero_grad()
        loss.backward()
        mean_loss = average_gradients(model, loss, args.workers)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        elapsed = shared_clock(before + time.monotonic() - start)
        if progress:
            progress.add(step, mean_loss, args.batch_tokens, elapsed, args, rate)
            if time.monotonic() - saved > args.checkpoint_minutes * 60:
                save_checkpoint(path, model, optimizer, step, elapsed, cpu_before + time.process_time())
                saved = time.monotonic()
    cpu = torch.tensor(time.process_time())
    distributed.all_reduce(cpu)
    if rank == 0:
        save_checkpoint(path, model, optimizer, step, elapsed, cpu_before + time.process_time())
        finish(args, model, Tokenizer.from_str(tokenizer_json), digest, step, elapsed, cpu.item() + cpu_before * args.workers)


def shared_clock(seconds):
    """The first worker's clock, so that all take the same learning rate and stop at the same step."""
    clock = torch.tensor(seconds)
    distributed.broadcast(clock, 0)
    return clock.item()


def finish(args, model, tokenizer, digest, step, elapsed, cpu):
    """The model folder with its loss curve and training.json, one record per stage."""
    with open(args.corpus, "rb") as file:
        documents = sum(1 for _ in file)
    stages = json.loads((args.init / "training.json").read_text())["stages"] if args.init else []
    stages.append({
        "corpus_sha256": digest, "documents": documents, "steps": step, "tokens": step * args.batch_tokens, "minutes": round(elapsed / 60, 1),
        "cpu_minutes": round(cpu / 60, 1), "batch_tokens": args.batch_tokens, "learning_rate": args.learning_rate, "seed": args.seed, "workers": args.workers,
    })
    export_checkpoint(model, tokenizer, args.out)
    shutil.copy(args.work / "loss.csv", args.out / f"loss-{len(stages)}.csv")
    record = {"parameters": sum(p.numel() for p in model.parameters()), "torch": torch.__version__, "stages": stages}
    (args.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"done: {step} steps in {elapsed / 60:.1f} minutes; wrote {args.out}", flush=True)


if __name__ == "__main__":
    train(parse_arguments())
