"""transformers on the checkpoints and the card of millrace_gpu_bench, beside its figures.

    python3 bench/gpu/transformers_bench.py --models /dev/shm/scratch/qwen3-4b --json bench/results/gpu.json

Adds to the file of millrace_gpu_bench what transformers does on the same weights: `generate` with a static cache,
compiled where that works, and continuous batching of the same requests; and the target that compares the two.
Each piece may take --piece seconds; what does not end in time, or fails, is noted with the reason.
"""

import argparse
import importlib.util
import inspect
import json
import os
import pathlib
import signal
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers

TIMES_THEIR_TOKENS_PER_SEC = 5


class OutOfTime(BaseException):
    """No Exception: libraries must not swallow it."""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", required=True, help="folders of checkpoints, named as their shapes")
    parser.add_argument("--json", required=True, help="results of millrace_gpu_bench, to be added to")
    parser.add_argument("--torch-device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--context", type=int, default=1024, help="of generate with a static cache")
    parser.add_argument("--steps", type=int, default=64, help="of that")
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 64])
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--request-tokens", type=int, default=128)
    parser.add_argument("--answer-tokens", type=int, default=128)
    parser.add_argument("--budget", type=float, default=240, help="seconds")
    parser.add_argument("--piece", type=float, default=100, help="seconds that one measurement may take")
    return parser.parse_args()


def out_of_time(*_):
    raise OutOfTime


def synchronized_time(device):
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


class Bench:
    def __init__(self, options):
        self.options = options
        self.end = time.monotonic() + options.budget
        self.figures, self.left_out = [], []

    def measure(self, what, piece, pieces=1):
        """Adds the figures that `piece` returns, or why there are none."""
        left = min(self.end - time.monotonic(), self.options.piece * pieces)
        reason = "no time is left for it"
        if left >= 10 or self.options.torch_device == "cpu":
            signal.signal(signal.SIGALRM, out_of_time)
            signal.alarm(max(1, int(left)))
            try:
                figures = {"what": what, **piece()}
                signal.alarm(0)
                print(what, " ".join(f"{name} {value:.4g}" for name, value in figures.items() if name != "what"), flush=True)
                self.figures.append(figures)
                return figures
            except OutOfTime:
                reason = f"it took longer than {left:.0f} s"
            except Exception as error:
                reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            finally:
                signal.alarm(0)
        print(f"left out: {what}: {reason}", flush=True)
        self.left_out.append({"what": what, "reason": reason})
        return None

    def load(self, folder):
        placed = {"device_map": self.options.torch_device} if importlib.util.find_spec("accelerate") else {}
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, **placed)
        model = model.to(self.options.torch_device).eval()
        model.generation_config.eos_token_id = None
        model.generation_config.pad_token_id = 0
        return model

    def prompts(self, model, count, tokens):
        torch.manual_seed(2)
        return torch.randint(model.config.vocab_size, (count, tokens))

    def generate_s(self, model, ids, new_tokens, is_compiled):
        start = synchronized_time(self.options.torch_device)
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new_tokens, min_new_tokens=new_tokens,
                             do_sample=False, cache_implementation="static", disable_compile=not is_compiled)
        assert out.shape[1] == ids.shape[1] + new_tokens, out.shape
        return synchronized_time(self.options.torch_device) - start

    def decode(self, model, batch, is_compiled):
        """Of steps alone: what many tokens take longer than few. The longest comes first: its cache serves both."""
        options = self.options
        ids = self.prompts(model, batch, options.context).to(options.torch_device)
        few = max(2, options.steps // 8)
        model.generation_config.max_length = None
        self.generate_s(model, ids, options.steps, is_compiled)
        few_s = self.generate_s(model, ids, few, is_compiled)
        many_s = self.generate_s(model, ids, options.steps, is_compiled)
        few_s = min(few_s, self.generate_s(model, ids, few, is_compiled))
        step_s = (many_s - few_s) / (options.steps - few)
        return {"stepMs": step_s * 1e3, "tokensPerSec": batch / step_s}

    def answers(self, tokens, seconds):
        options = self.options
        return {"requests": options.requests, "promptTokens": options.request_tokens, "answerTokens": options.answer_tokens,
                "s": seconds, "tokensPerSec": tokens / seconds}

    def static_answers(self, model, is_compiled):
        options = self.options
        ids = self.prompts(model, options.requests, options.request_tokens).to(options.torch_device)
        self.generate_s(model, ids, options.answer_tokens, is_compiled)
        seconds = self.generate_s(model, ids, options.answer_tokens, is_compiled)
        return self.answers(options.requests * options.answer_tokens, seconds)

    def continuous_answers(self, model):
        options = self.options
        inputs = self.prompts(model, options.requests, options.request_tokens).tolist()
        config = transformers.GenerationConfig(max_new_tokens=options.answer_tokens, do_sample=False, eos_token_id=-1,
                                               pad_token_id=0)
        known = inspect.signature(model.generate_batch).parameters
        # The second time what was compiled and recorded is there, and its cache.
        kept = {"persistent_manager": True} if "persistent_manager" in known else {}
        for _ in range(2):
            start = synchronized_time(options.torch_device)
            outputs = model.generate_batch(inputs=inputs, generation_config=config, **kept)
            seconds = synchronized_time(options.torch_device) - start
        tokens = sum(len(output.generated_tokens) for output in outputs.values())
        wanted = options.requests * options.answer_tokens
        if tokens != wanted:
            raise RuntimeError(f"{tokens} tokens came of {wanted}")
        return self.answers(tokens, seconds)

    def model(self, folder):
        name = f"{folder.name} BF16"
        if self.end - time.monotonic() < 30 and self.options.torch_device != "cpu":
            self.left_out.append({"what": name, "reason": "no time is left for it"})
            return
        start = time.perf_counter()
        model = self.load(folder)
        print(f"{name} loaded in {time.perf_counter() - start:.1f} s", flush=True)
        requests = f"{name} answers to {self.options.requests} requests"
        # What the target compares comes first, and may take longer.
        self.measure(f"{requests}, continuous batching", lambda: self.continuous_answers(model), pieces=1.5)
        if hasattr(model, "destroy_cached_continuous_batching_manager"):
            model.destroy_cached_continuous_batching_manager()
        del model
        if self.options.torch_device != "cpu":
            torch.cuda.empty_cache()
        # Continuous batching leaves its attention behind.
        model = self.load(folder)
        # Its cache grows and never shrinks: the short one first.
        what = f"{requests}, generate with a static cache"
        if not self.measure(f"{what}, compiled", lambda: self.static_answers(model, True)):
            self.measure(what, lambda: self.static_answers(model, False))
        for batch in self.options.batches:
            what = f"{name} decode, batch {batch}, generate with a static cache"
            if not self.measure(f"{what}, compiled", lambda b=batch: self.decode(model, b, True)):
                self.measure(what, lambda b=batch: self.decode(model, b, False))
        del model
        if self.options.torch_device != "cpu":
            torch.cuda.empty_cache()


def compare(ours, theirs):
    """The target's lines: both did the same requests."""
    rates = {figure["what"]: figure["tokensPerSec"] for figure in ours if "answers to" in figure["what"]}
    targets = []
    for figure in theirs:
        what = figure["what"].removesuffix(", continuous batching")
        if what == figure["what"] or what not in rates:
            continue
        target = TIMES_THEIR_TOKENS_PER_SEC * figure["tokensPerSec"]
        met = rates[what] >= target
        targets.append({"what": figure["what"], "unit": "tokens/s", "measured": rates[what], "target": target, "limit": None,
                        "met": met})
        print(f"TARGET {what}: measured {rates[what]:.4g} / target {target:.4g}, 5 times transformers' continuous batching: "
              f"{'met' if met else 'missed'}")
    return targets


def main():
    options = parse_arguments()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    path = pathlib.Path(options.json)
    results = json.loads(path.read_text()) if path.exists() else {"figures": [], "targets": []}
    bench = Bench(options)
    print(f"transformers {transformers.__version__}, torch {torch.__version__} on {options.torch_device}")
    for folder in options.models:
        bench.model(pathlib.Path(folder))
    results["targets"] += compare(results["figures"], bench.figures)
    results["transformers"] = {"transformers": transformers.__version__, "torch": torch.__version__,
                               "device": torch.cuda.get_device_name() if options.torch_device != "cpu" else "cpu",
                               "figures": bench.figures, "leftOut": bench.left_out}
    path.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if bench.figures else 1


if __name__ == "__main__":
    sys.exit(main())
