"""Trains a LoRA adapter for both styles: python -m training.brain.train --help"""

import argparse
import hashlib
import inspect
import json
import math
import signal
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model

from training.brain.batches import NO_TARGET, collate, encode_all, epoch_batches
from training.brain.checkpoint import add_template_option, default_device, end_ids_of, load_model, load_tokenizer, pad_id_of
from training.brain.samples import read_lines, samples_of
from training.checkpointing import load_checkpoint, save_checkpoint
from training.progress import Progress


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description="Fine-tune a Hugging Face causal language model to both styles by LoRA. Started again, it goes on from its last checkpoint, also after a kill -9.")
    parser.add_argument("--base", type=Path, required=True, help="folder of the checkpoint that learns")
    parser.add_argument("--data", type=Path, default=Path("training/work/brain"), help="folder with train.jsonl and eval.jsonl")
    parser.add_argument("--out", type=Path, default=Path("training/work/brain/adapter"))
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--alpha", type=float, help="the adapter's weight is alpha / rank (default: 2 x rank)")
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--targets", default="all-linear", help="names of the layers that get an adapter, with commas between them (default: all-linear, without the output layer)")
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--steps", type=int, help="in place of --epochs")
    parser.add_argument("--batch", type=int, default=8, help="samples that are computed together")
    parser.add_argument("--accumulate", type=int, default=4, help="such batches to one step")
    parser.add_argument("--max-tokens", type=int, default=2048, help="longer samples are left out")
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--warmup-share", type=float, default=0.03, help="of the steps")
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--gradient-checkpointing", action=argparse.BooleanOptionalAction, default=torch.cuda.is_available(), help="compute activations twice instead of keeping them")
    parser.add_argument("--held-out-samples", type=int, default=64, help="whose loss is computed at the beginning, every --held-out-steps and at the end")
    parser.add_argument("--held-out-steps", type=int, default=200)
    parser.add_argument("--log-steps", type=int, default=5)
    parser.add_argument("--checkpoint-minutes", type=float, default=10.0)
    parser.add_argument("--session-minutes", type=float, default=math.inf, help="stop after so long with a checkpoint")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default=default_device(), help="cpu, cuda, cuda:1 (default: cuda where there is one)")
    add_template_option(parser)
    return parser.parse_args(argv)


def settings_of(args):
    """What makes a run another run."""
    names = ("rank", "alpha", "dropout", "targets", "steps", "batch", "accumulate", "max_tokens", "learning_rate", "warmup_share", "weight_decay", "seed", "template_variables")
    return {"base": str(args.base), "data_sha256": hashlib.sha256((args.data / "train.jsonl").read_bytes()).hexdigest(), **{name: getattr(args, name) for name in names}}


def add_adapter(model, args):
    torch.manual_seed(args.seed)
    targets = args.targets if args.targets == "all-linear" else args.targets.split(",")
    model = get_peft_model(model, LoraConfig(r=args.rank, lora_alpha=args.alpha, lora_dropout=args.dropout, target_modules=targets, task_type="CAUSAL_LM"))
    if args.gradient_checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    return model


class Loss:
    """Of the answers alone."""

    def __init__(self, model, pad_id, device):
        self.model, self.pad_id, self.device = model, pad_id, torch.device(device)
        # With a large vocabulary, logits of the prompt would take more memory than all else.
        self.keeps = "logits_to_keep" in inspect.signature(model.get_base_model().forward).parameters

    def of(self, samples):
        """(summed loss, number of targets)"""
        tokens, mask, targets = (tensor.to(self.device) for tensor in collate(samples, self.pad_id))
        kept = targets.shape[1] + 1
        with torch.autocast(self.device.type, torch.bfloat16):
            positions = (mask.cumsum(1) - 1).clamp(min=0)
            more = {"logits_to_keep": kept} if self.keeps else {}
            logits = self.model(input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False, **more).logits[:, -kept:-1]
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET, reduction="sum"), int((targets != NO_TARGET).sum())

    @torch.no_grad()
    def mean(self, samples, batch_size):
        self.model.eval()
        sums = [self.of(samples[start : start + batch_size]) for start in range(0, len(samples), batch_size)]
        self.model.train()
        return sum(loss.item() for loss, _ in sums) / sum(count for _, count in sums)


def learning_rate(args, step):
    """Linear warm-up, then a cosine to zero."""
    warmup = max(1, round(args.warmup_share * args.steps))
    return args.learning_rate * min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * step / args.steps)))


class Trainer:
    def __init__(self, args):
        self.args = args
        tokenizer = load_tokenizer(args.base)
        model = load_model(args.base, torch.bfloat16, args.device)
        ends = end_ids_of(model, tokenizer)
        self.samples, left_out = encode_all(tokenizer, read_lines(args.data / "train.jsonl"), args.template_variables, ends, args.max_tokens)
        if not self.samples:
            raise SystemExit(f"{args.data / 'train.jsonl'} has no sample of at most {args.max_tokens} tokens")
        held_out = [sample for pair in read_lines(args.data / "eval.jsonl") for sample in samples_of(pair, args.seed)][: args.held_out_samples]
        self.held_out, _ = encode_all(tokenizer, held_out, args.template_variables, ends, args.max_tokens)
        self.batches_per_epoch = math.ceil(len(self.samples) / args.batch)
        args.steps = args.steps or math.ceil(args.epochs * self.batches_per_epoch / args.accumulate)
        args.alpha = args.alpha or 2.0 * args.rank
        self.settings = settings_of(args)
        self.model = add_adapter(model, args).train()
        self.loss = Loss(self.model, pad_id_of(tokenizer), args.device)
        self.learnt = {name: parameter for name, parameter in self.model.named_parameters() if parameter.requires_grad}
        self.optimizer = torch.optim.AdamW(self.learnt.values(), lr=args.learning_rate, betas=(0.9, 0.99), weight_decay=args.weight_decay)
        self.step, self.tokens, self.seconds, self.held_out_losses = 0, 0, 0.0, []
        self.epoch, self.batches = None, []
        self.path = args.out / "checkpoint.pt"
        self._resume()
        self._describe(left_out)

    def _describe(self, left_out):
        base, learnt = sum(p.numel() for p in self.model.parameters() if not p.requires_grad), sum(p.numel() for p in self.learnt.values())
        targets, total = sum(len(s.answer) for s in self.samples), sum(len(s.prompt) + len(s.answer) for s in self.samples)
        # BF16 weights; of the adapter the weight, its gradient and two moments in FP32.
        print(f"{len(self.samples)} samples of {total} tokens, {targets / total:.0%} of them targets; {left_out} longer ones left out\n"
              f"{base:,} weights stay ({base * 2 / 2**30:.2f} GiB), {learnt:,} are learnt ({learnt * 16 / 2**30:.2f} GiB with their optimizer)\n"
              f"step {self.step} of {self.args.steps}, {self.args.batch} x {self.args.accumulate} samples each", flush=True)

    def _resume(self):
        state = load_checkpoint(self.path)
        if state is None:
            return
        changed = [name for name, value in self.settings.items() if state["settings"].get(name) != value]
        if changed:
            raise SystemExit(f"{self.path} is of a run with other settings ({', '.join(changed)}); give another --out, or delete it")
        with torch.no_grad():
            for name, parameter in self.learnt.items():
                parameter.copy_(state["adapter"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.tokens, self.seconds, self.held_out_losses = state["step"], state["tokens"], state["seconds"], state["held_out_losses"]

    def save(self):
        save_checkpoint(self.path, {"settings": self.settings, "adapter": dict(self.learnt), "optimizer": self.optimizer.state_dict(), "step": self.step, "tokens": self.tokens,
                                    "seconds": self.seconds, "held_out_losses": self.held_out_losses})

    def batches_of(self, step):
        for index in range(step * self.args.accumulate, (step + 1) * self.args.accumulate):
            epoch, at = divmod(index, self.batches_per_epoch)
            if epoch != self.epoch:
                self.epoch, self.batches = epoch, epoch_batches(self.samples, self.args.batch, self.args.seed, epoch)
            yield [self.samples[i] for i in self.batches[at]]

    def take_step(self):
        """Returns the mean loss of the step's targets, its tokens and its learning rate."""
        rate = learning_rate(self.args, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # So that dropout does not depend on where a run was cut.
        torch.manual_seed(self.args.seed * 1_000_003 + self.step)
        batches, total = list(self.batches_of(self.step)), 0.0
        targets = sum(len(sample.answer) for batch in batches for sample in batch)
        self.optimizer.zero_grad()
        for batch in batches:
            loss, _ = self.loss.of(batch)
            (loss / targets).backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.learnt.values(), 1.0)
        self.optimizer.step()
        self.step += 1
        return total / targets, sum(len(sample.prompt) + len(sample.answer) for batch in batches for sample in batch), rate

    def look_at_held_out(self):
        if self.held_out and self.step not in [step for step, _ in self.held_out_losses]:
            self.held_out_losses.append((self.step, self.loss.mean(self.held_out, self.args.batch)))
            print(f"\nheld-out loss after step {self.step}: {self.held_out_losses[-1][1]:.4f}", flush=True)

    def train(self):
        """True when it is at its end, False when it was stopped."""
        args, is_stopped = self.args, False

        def stop(*_):
            nonlocal is_stopped
            is_stopped = True

        before = [(name, signal.signal(name, stop)) for name in (signal.SIGTERM, signal.SIGINT)]
        progress = Progress(args.out / "loss.csv", self.step, 0.0, args.log_steps)
        start, saved, seconds_before = time.monotonic(), time.monotonic(), self.seconds
        try:
            while self.step < args.steps and not is_stopped:
                if self.step % args.held_out_steps == 0:
                    self.look_at_held_out()
                loss, tokens, rate = self.take_step()
                self.tokens += tokens
                self.seconds = seconds_before + time.monotonic() - start
                progress.add(self.step, self.step / args.steps, loss, tokens, self.tokens, self.seconds / 60, rate)
                if time.monotonic() - saved > args.checkpoint_minutes * 60:
                    self.save()
                    saved = time.monotonic()
                is_stopped = is_stopped or time.monotonic() - start > args.session_minutes * 60
            if self.step == args.steps:
                self.look_at_held_out()
            self.save()
        finally:
            progress.file.close()
            for name, handler in before:
                signal.signal(name, handler)
        return self.step == args.steps

    def export(self):
        """adapter_config.json, adapter_model.safetensors and brain.json; loss.csv is there."""
        self.model.save_pretrained(self.args.out)
        record = {**self.settings, "tokens": self.tokens, "minutes": round(self.seconds / 60, 1), "heldOutLosses": self.held_out_losses}
        (self.args.out / "brain.json").write_text(json.dumps(record, indent=1) + "\n")


def main(argv=None):
    args = parse_arguments(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(args)
    if trainer.train():
        trainer.export()
        print(f"\ndone: {trainer.step} steps in {trainer.seconds / 60:.1f} minutes; wrote {args.out}", flush=True)
    else:
        print(f"\nstopped at step {trainer.step}; the same command goes on from here", flush=True)


if __name__ == "__main__":
    main()
