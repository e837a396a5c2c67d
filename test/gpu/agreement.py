"""Teacher-forced agreement with transformers: the same random weights, the same tokens, logits against logits.

    python3 test/gpu/agreement.py --score build-gpu/millrace_gpu_score --shapes qwen3-4b --json agreement.json

For each shape of bench/gpu/shapes: millrace_gpu_score writes a checkpoint, transformers computes the logits of a few
prompts in F32 (the reference) and BF16, and millrace_gpu_score the same through the runtime's steps; the last tokens of
each prompt one at a time, as decoding does. What is rounded to BF16 may be at most 1.5 times as far from the
reference as transformers in BF16; F32 must be within 1e-4 of the largest logit. INT8 and INT4 are shown beside.
Ends with 1 when a verdict fails.
"""

import argparse
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import transformers

MOST_TIMES_THEIR_ERROR = 1.5
MOST_F32_ERROR = 1e-4


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--score", required=True, help="the program millrace_gpu_score")
    parser.add_argument("--shapes", nargs="+", default=["qwen3-4b"], help="names in bench/gpu/shapes")
    parser.add_argument("--scratch", help="folder for checkpoints and logits; default: a temporary one")
    parser.add_argument("--json", help="file for the results")
    parser.add_argument("--about", default="", help="JSON members for the head of that file")
    parser.add_argument("--torch-device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--device", default="cuda:0", help="ours: cuda:0, or cpu:0 (F32 only)")
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=256, help="of each prompt")
    parser.add_argument("--decode", type=int, default=32, help="of those, one at a time")
    parser.add_argument("--budget", type=float, default=300, help="seconds after which no further shape or form is begun")
    return parser.parse_args()


@torch.no_grad()
def their_logits(folder, prompts, dtype, device):
    """(tokens of all prompts, vocab) in F32 on the host."""
    # Straight to the card where accelerate is installed.
    placed = {"device_map": device} if importlib.util.find_spec("accelerate") else {}
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **placed).to(device).eval()
    rows = [model(torch.tensor([ids], device=device), use_cache=False).logits[0].float().cpu() for ids in prompts]
    del model
    if device != "cpu":
        torch.cuda.empty_cache()
    return torch.cat(rows)


def our_logits(options, folder, scratch, prompts, vocab, dtype, quantize):
    prompts_path, out_path = scratch / "prompts.txt", scratch / "logits.bin"
    prompts_path.write_text("".join(" ".join(map(str, ids)) + "\n" for ids in prompts))
    command = [options.score, "score", folder, prompts_path, out_path, "--device", options.device, "--dtype", dtype,
               "--decode", str(options.decode)] + (["--quantize", quantize] if quantize else [])
    printed = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout
    logits = numpy.fromfile(out_path, dtype=numpy.float32).reshape(-1, vocab)
    out_path.unlink()
    return torch.from_numpy(logits), json.loads(printed)


def compare(logits, reference, device):
    """Differences after log-softmax, as shares of the largest logit of the reference; row by row, to save memory."""
    largest, worst, squares, reference_squares, same, divergence = 0.0, 0.0, 0.0, 0.0, 0, 0.0
    assert logits.shape == reference.shape, (logits.shape, reference.shape)
    for ours, exact in zip(logits.split(32), reference.split(32), strict=True):
        ours, exact = ours.to(device).double(), exact.to(device).double()
        assert torch.isfinite(ours).all()
        largest = max(largest, exact.abs().max().item())
        a, b = ours.log_softmax(-1), exact.log_softmax(-1)
        worst = max(worst, (a - b).abs().max().item())
        squares += (a - b).square().sum().item()
        reference_squares += (exact - exact.mean(-1, keepdim=True)).square().sum().item()
        same += (ours.argmax(-1) == exact.argmax(-1)).sum().item()
        divergence += (b.exp() * (b - a)).sum().item()
    rows = len(reference)
    return {"maxError": worst / largest, "rmsError": (squares / reference_squares) ** 0.5, "argmaxAgreement": same / rows,
            "meanKl": divergence / rows}


def decoded_rows(prompts, decode):
    """Which rows the steps of one token computed."""
    rows = []
    for ids in prompts:
        count = len(ids) - min(len(ids) - 1, decode)
        rows += [False] * count + [True] * (len(ids) - count)
    return torch.tensor(rows)


def verdict_of(form, errors, theirs):
    if form == "F32":
        return errors["maxError"] <= MOST_F32_ERROR
    if form == "BF16":
        return all(errors[name] <= MOST_TIMES_THEIR_ERROR * theirs[name] for name in ("maxError", "rmsError"))
    return None


def print_line(shape, who, part, errors, verdict):
    print(f"{shape:12} {who:18} {part:8} max error {errors['maxError']:.2e}  rms {errors['rmsError']:.2e}  "
          f"argmax {errors['argmaxAgreement']:.1%}  KL {errors['meanKl']:.2e}"
          + ("" if verdict is None else "  ok" if verdict else "  FAILED"), flush=True)


def agreement_of(shape, options, scratch, deadline):
    folder = scratch / shape
    shape_folder = pathlib.Path(__file__).parents[2] / "bench" / "gpu" / "shapes" / shape
    if not (folder / "model.safetensors").exists():
        subprocess.run([options.score, "write", str(shape_folder), str(folder)], check=True)
    vocab = json.loads((shape_folder / "config.json").read_text())["vocab_size"]
    torch.manual_seed(1)
    prompts = torch.randint(vocab, (options.prompts, options.tokens)).tolist()
    decoded = decoded_rows(prompts, options.decode)
    parts = {"prefill": ~decoded, "decode": decoded}
    reference = their_logits(folder, prompts, torch.float32, options.torch_device)
    bf16 = their_logits(folder, prompts, torch.bfloat16, options.torch_device)
    theirs = {part: compare(bf16[rows], reference[rows], options.torch_device) for part, rows in parts.items()}
    results = []
    for part, errors in theirs.items():
        print_line(shape, "transformers BF16", part, errors, None)
        results.append({"shape": shape, "who": "transformers", "form": "BF16", "part": part, **errors, "ok": None})
    forms = {"BF16": ("bf16", None), "F32": ("f32", None), "INT8": ("bf16", "int8"), "INT4": ("bf16", "int4")}
    if options.device.startswith("cpu:"):
        forms = {"F32": ("f32", None)}
    for form, (dtype, quantize) in forms.items():
        if time.monotonic() > deadline:
            print(f"left out: {shape} {form}: no time is left for it")
            results.append({"shape": shape, "who": "millrace", "form": form, "leftOut": "no time is left for it"})
            continue
        logits, facts = our_logits(options, folder, scratch, prompts, vocab, dtype, quantize)
        for part, rows in parts.items():
            errors = compare(logits[rows], reference[rows], options.torch_device)
            verdict = verdict_of(form, errors, theirs[part])
            print_line(shape, f"millrace {form}", part, errors, verdict)
            results.append({"shape": shape, "who": "millrace", "form": form, "part": part, **errors, "ok": verdict, **facts})
    return results


def main():
    options = parse_arguments()
    deadline = time.monotonic() + options.budget
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    results = []
    with tempfile.TemporaryDirectory(prefix="millrace-agreement-") as own:
        scratch = pathlib.Path(options.scratch or own)
        scratch.mkdir(parents=True, exist_ok=True)
        for shape in options.shapes:
            if time.monotonic() > deadline:
                print(f"left out: {shape}: no time is left for it")
                results.append({"shape": shape, "leftOut": "no time is left for it"})
                continue
            try:
                results += agreement_of(shape, options, scratch, deadline)
            except torch.OutOfMemoryError:
                print(f"left out: {shape}: the card has too little memory for transformers in F32")
                results.append({"shape": shape, "leftOut": "the card has too little memory for transformers in F32"})
    failed = [result for result in results if result.get("ok") is False]
    if options.json:
        head = json.loads("{" + options.about + "}")
        text = json.dumps({**head, "torch": torch.__version__, "transformers": transformers.__version__,
                           "prompts": options.prompts, "tokens": options.tokens, "decode": options.decode,
                           "results": results}, indent=2)
        pathlib.Path(options.json).write_text(text + "\n")
    compared = sum(result.get("ok") is not None for result in results)
    print(f"{compared} verdicts, {len(failed)} failed")
    return 1 if failed or compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
