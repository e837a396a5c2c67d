"""Trains the model: python -m training.train --help"""

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
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

from training.checkpointing import load_checkpoint, save_checkpoint
from training.export import export_checkpoint
from training.model import ModelConfig, Qwen3
from training.muon import Muon
from training.packing import LONG_ROW_TOKENS, SHORT_ROW_TOKENS, pack_corpus, segments
from training.progress import Progress
from training.tokenizer import train_tokenizer

# A second pass leaves out the beginning of the corpus, which is the simple part (generator/corpus.py).
REPEAT_FROM = 0.3
# Learning rate of the layers' matrices over that of the embeddings.
MUON_RATE = 2.0


def parse_arguments():
    parser = argparse.ArgumentParser(description="Train the embedded model on a generated corpus. Started again, it goes on from its last checkpoint, also after a kill -9.")
    parser.add_argument("--corpus", type=Path, default=Path("training/work/corpus.jsonl"))
    parser.add_argument("--work", type=Path, default=Path("training/work"), help="folder of checkpoints, caches, the loss curve and evaluations")
    parser.add_argument("--out", type=Path, default=Path("models/millrace-demo"))
    parser.add_argument("--init", type=Path, help="model folder to start from, with its tokenizer, instead of random weights")
    parser.add_argument("--steps", type=int, default=15_000)
    parser.add_argument("--max-minutes", type=float, default=235.0, help="training ends after so much time over all sessions, with the schedule shortened to fit: "
                        "computing time of one process on a CPU, so that a busy machine trains no less than an idle one; wall time on a GPU")
    parser.add_argument("--session-minutes", type=float, default=math.inf, help="this run stops after so much wall time with a checkpoint; the next one goes on")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--warmup-steps", type=int, default=200)
    parser.add_argument("--checkpoint-minutes", type=float, default=4.0)
    parser.add_argument("--evaluate-minutes", type=float, default=20.0, help="a sample of the evaluation runs this often, beside the training; 0: never")
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--tokenizer-documents", type=int, default=60_000, help="spread over the corpus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, help="processes of one thread each, which share every batch; default: 2 on a CPU, 1 on a GPU")
    parser.add_argument("--nice", type=int, default=19, help="how far the training gives way to other programs, 0 to 19")
    parser.add_argument("--no-compile", action="store_true", help="do not use torch.compile")
    args = parser.parse_args()
    args.workers = args.workers or (1 if args.device == "cuda" else 2)
    if args.batch_tokens % (LONG_ROW_TOKENS * args.workers):
        parser.error(f"--batch-tokens must be a multiple of {LONG_ROW_TOKENS} times --workers")
    return args


def corpus_texts(path, documents):
    """Texts from all over the corpus: its beginning is not like the rest."""
    with open(path, encoding="utf-8") as file:
        total = sum(1 for _ in file)
        file.seek(0)
        for line in islice(file, 0, None, max(1, total // documents)):
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
        partial = cache.with_suffix(".partial.npz")
        np.savez(partial, **{f"{name}_{key}": value for name, rows in (("short", short), ("long", long)) for key, value in vars(rows).items()})
        partial.replace(cache)
    with np.load(cache) as data:
        rows = {name: {key: data[f"{name}_{key}"] for key in ("tokens", "weights", "documents")} for name in ("short", "long")}
    return tokenizer, rows, digest


def place_of(index, total, seed):
    """The row of a running index: first the corpus in its order, then its later part again, shuffled anew for each pass."""
    if index < total:
        return index
    start = int(total * REPEAT_FROM)
    number, at = divmod(index - total, total - start)
    return start + int(np.random.default_rng((seed, number)).permutation(total - start)[at])


def batch_of(rows, step, args, rank):
    """The rank's part of a step's rows. It depends on the step alone, so that a resumed run sees what the other would have seen."""
    long_share = len(rows["long"]["tokens"]) * LONG_ROW_TOKENS
    long_share /= long_share + len(rows["short"]["tokens"]) * SHORT_ROW_TOKENS
    longs = int(step * long_share)
    is_long = int((step + 1) * long_share) > longs
    kind, length = ("long", LONG_ROW_TOKENS) if is_long else ("short", SHORT_ROW_TOKENS)
    index, count, total = longs if is_long else step - longs, args.batch_tokens // length, len(rows[kind]["tokens"])
    chosen = [place_of(i, total, args.seed) for i in range(index * count + rank, (index + 1) * count, args.workers)]
    return tuple(torch.from_numpy(rows[kind][key][chosen].astype(np.int64)).to(args.device) for key in ("tokens", "weights", "documents"))


def schedule_share(args, step, elapsed_seconds):
    """0 to 1: of the steps or of the time, whichever is further."""
    return min(1.0, max(step / args.steps, elapsed_seconds / (args.max_minutes * 60)))


def learning_rate(args, step, share):
    """Linear warm-up, then a cosine."""
    warmup = min(1.0, (step + 1) / args.warmup_steps)
    return args.learning_rate * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def make_optimizers(model, args, rank):
    """Muon for the matrices of the layers, AdamW for the rest, at one learning rate times MUON_RATE for the first."""
    hidden = [p for name, p in model.named_parameters() if p.dim() >= 2 and "embed" not in name]
    embeddings = [p for name, p in model.named_parameters() if p.dim() >= 2 and "embed" in name]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": embeddings, "weight_decay": args.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return [
        torch.optim.AdamW(groups, lr=args.learning_rate, betas=(0.9, 0.95), fused=True),
        Muon(hidden, lr=args.learning_rate * MUON_RATE, weight_decay=args.weight_decay, workers=args.workers, rank=rank),
    ]


def set_rate(optimizers, rate):
    for optimizer, factor in zip(optimizers, (1, MUON_RATE)):
        for group in optimizer.param_groups:
            group["lr"] = rate * factor


def loss_of(hidden_of, model, batch):
    """(summed loss over the target tokens of (tokens, weights, documents), their number)."""
    tokens, weights, documents = batch
    hidden = hidden_of(tokens[:, :-1], documents[:, :-1])
    wanted = weights[:, 1:] > 0
    logits = F.linear(hidden[wanted], model.model.embed_tokens.weight)
    return F.cross_entropy(logits.float(), tokens[:, 1:][wanted], reduction="sum"), wanted.sum()


def share_gradients(model, loss, count, args):
    """Makes the gradients those of the mean loss over all workers' targets; returns that loss."""
    parts = [p.grad for p in model.parameters()]
    flat = torch.cat([part.view(-1) for part in parts] + [loss.detach().view(1), count.to(loss.dtype).view(1)])
    if args.workers > 1:
        distributed.all_reduce(flat)
    flat[:-1] /= flat[-1].clamp(min=1)
    for part, mean in zip(parts, flat.split([part.numel() for part in parts] + [1, 1])):
        part.copy_(mean.view_as(part))
    return flat[-2].item()


def train(args):
    """Prepares the data, then trains in `--workers` processes.

    One thread per process with one exchange per step: on a busy machine, threads would wait for
    each other hundreds of times per step.
    """
    os.nice(args.nice)
    args.work.mkdir(parents=True, exist_ok=True)
    tokenizer, rows, digest = prepare(args)
    print(f"corpus sha256 {digest}; " + "; ".join(f"{name}: {value['tokens'].shape[0]} rows of {value['tokens'].shape[1] - 1}, "
          f"{(value['documents'] >= 0).mean():.1%} full, {value['weights'].mean():.1%} targets" for name, value in rows.items()), flush=True)
    rendezvous, stop = args.work / "rendezvous", args.work / "stop"
    rendezvous.unlink(missing_ok=True)
    stop.unlink(missing_ok=True)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.touch())  # the workers see it, save and leave
    torch.multiprocessing.spawn(work, (args, rendezvous.absolute(), tokenizer.to_str(), rows, digest), nprocs=args.workers, daemon=True)


def work(rank, args, rendezvous, tokenizer_json, rows, digest):
    """One worker's training. The first one reports, saves and exports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.manual_seed(args.seed)
    if args.device == "cpu":
        torch.set_num_threads(1)
    if args.workers > 1:
        distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=args.workers)
    model = Qwen3(ModelConfig(vocab_size=args.vocab_size)).to(args.device)
    if args.init:
        model.load_state_dict({name: value.float() for name, value in load_file(args.init / "model.safetensors").items()})
    optimizers = make_optimizers(model, args, rank)
    step, before, wall_before, path = 0, 0.0, 0.0, args.work / f"checkpoint-{digest[:12]}.pt"
    if state := load_checkpoint(path):
        model.load_state_dict(state["model"])
        for optimizer, saved_state in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved_state)
        torch.set_rng_state(state["rng"])
        step, before, wall_before = state["step"], state["elapsed"], state["wall"]
    hidden_of = model.hidden if args.no_compile else torch.compile(model.hidden, dynamic=False)
    progress = Progress(args.work / "loss.csv", step, args.max_minutes) if rank == 0 else None
    evaluator = Evaluator(args, model, Tokenizer.from_str(tokenizer_json)) if rank == 0 and args.evaluate_minutes > 0 else None
    clock = time.process_time if args.device == "cpu" else time.monotonic
    start = saved = time.monotonic()
    clock_start = clock()
    elapsed, is_over = before, before >= args.max_minutes * 60 or step >= args.steps

    def save():
        state = {"model": model.state_dict(), "optimizers": [optimizer.state_dict() for optimizer in optimizers], "rng": torch.get_rng_state(),
                 "step": step, "elapsed": elapsed, "wall": wall_before + time.monotonic() - start}
        save_checkpoint(path, state)

    is_asked_to_stop = False
    while not is_over and not is_asked_to_stop:
        share = schedule_share(args, step, elapsed)
        rate = learning_rate(args, step, share)
        set_rate(optimizers, rate)
        batch = batch_of(rows, step, args, rank)
        with torch.autocast(args.device, torch.bfloat16):
            loss, count = loss_of(hidden_of, model, batch)
        model.zero_grad()
        loss.backward()
        mean_loss = share_gradients(model, loss, count, args)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        wants_stop = (args.work / "stop").exists() or time.monotonic() - start > args.session_minutes * 60
        elapsed, is_asked_to_stop = shared_clock(before + clock() - clock_start, wants_stop, args)
        is_over = elapsed >= args.max_minutes * 60 or step >= args.steps
        if progress:
            progress.add(step, schedule_share(args, step, elapsed), mean_loss, args.batch_tokens, step * args.batch_tokens, elapsed / 60, rate)
            if time.monotonic() - saved > args.checkpoint_minutes * 60:
                save()
                saved = time.monotonic()
            if evaluator:
                evaluator.look(step, elapsed)
    if rank == 0:
        save()
        if is_over:
            finish(args, model, Tokenizer.from_str(tokenizer_json), digest, step, elapsed, wall_before + time.monotonic() - start)
        else:
            print(f"\nstopped at step {step} after {elapsed / 60:.1f} minutes of the schedule; the same command goes on from here", flush=True)


def shared_clock(seconds, wants_stop, args):
    """The first worker's clock and wish, so that all take the same learning rate and stop at the same step."""
    if args.workers == 1:
        return seconds, wants_stop
    clock = torch.tensor([seconds, float(wants_stop)], dtype=torch.float64)
    distributed.broadcast(clock, 0)
    return clock[0].item(), bool(clock[1])


class Evaluator:
    """Now and then starts a small evaluation of a snapshot, as a process of its own beside the training.

    Of its own also because nothing that trains may import the held-out questions.
    """

    def __init__(self, args, model, tokenizer):
        self.args, self.model, self.tokenizer = args, model, tokenizer
        self.process, self.last = None, time.monotonic()

    def look(self, step, elapsed):
        if time.monotonic() - self.last < self.args.evaluate_minutes * 60 or (self.process and self.process.poll() is None):
            return
        self.last = time.monotonic()
        snapshot = self.args.work / "snapshot"
        export_checkpoint(self.model, self.tokenizer, snapshot)
        command = [sys.executable, "-m", "training.evaluate", "--model", snapshot, "--sample", "12", "--threads", "1",
                   "--append", self.args.work / "evaluation.csv", "--label", f"{step},{elapsed / 60:.1f}"]
        with open(self.args.work / "evaluation.log", "w") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT)


def finish(args, model, tokenizer, digest, step, elapsed, wall):
    """The model folder with its loss curve and training.json, one record per stage."""
    with open(args.corpus, "rb") as file:
        documents = sum(1 for _ in file)
    stages = json.loads((args.init / "training.json").read_text())["stages"] if args.init else []
    stages.append({
        "corpus_sha256": digest, "documents": documents, "steps": step, "tokens": step * args.batch_tokens, "minutes": round(wall / 60, 1),
        "cpu_minutes": round(elapsed * args.workers / 60, 1) if args.device == "cpu" else 0, "batch_tokens": args.batch_tokens, "learning_rate": args.learning_rate, "seed": args.seed,
        "workers": args.workers, "device": args.device,
    })
    export_checkpoint(model, tokenizer, args.out)
    shutil.copy(args.work / "loss.csv", args.out / f"loss-{len(stages)}.csv")
    record = {"parameters": sum(p.numel() for p in model.parameters()), "torch": torch.__version__, "stages": stages}
    (args.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"\ndone: {step} steps in {wall / 60:.1f} minutes; wrote {args.out}", flush=True)


if __name__ == "__main__":
    train(parse_arguments())
