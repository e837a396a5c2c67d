"""Adds an adapter to its checkpoint: python -m training.brain.merge --help"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from training.brain.checkpoint import DTYPES, load_model

# All of a checkpoint but its weights: the tokenizer and the template are to stay as they are, to the byte.
COPIED = ("config.json", "generation_config.json", "tokenizer*", "vocab*", "merges*", "special_tokens_map.json", "added_tokens.json", "chat_template*", "*.model", "LICENSE*", "NOTICE*")


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description="Write a checkpoint folder with the adapter's weights added, which Millrace and transformers load like any other.")
    parser.add_argument("--base", type=Path, required=True, help="folder of the checkpoint that the adapter was trained on")
    parser.add_argument("--adapter", type=Path, default=Path("training/work/brain/adapter"))
    parser.add_argument("--out", type=Path, default=Path("training/work/brain/merged"))
    parser.add_argument("--dtype", choices=list(DTYPES), default="bfloat16")
    parser.add_argument("--shard-size", default="5GB", help="of the largest file of weights")
    return parser.parse_args(argv)


def merge(base, adapter, dtype):
    """The model with the adapter's products added, each in float32 and rounded once; no more than one layer is held in float32."""
    model = PeftModel.from_pretrained(load_model(base, dtype), adapter)
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.get_base_layer().float()
            module.merge(safe_merge=True)
            module.get_base_layer().to(dtype)
    return model.unload()


def copy_files(base, out, dtype):
    for pattern in COPIED:
        for path in base.glob(pattern):
            shutil.copy(path, out / path.name)
    config = json.loads((out / "config.json").read_text())
    name = "dtype" if "dtype" in config else "torch_dtype"
    (out / "config.json").write_text(json.dumps({**config, name: dtype}, indent=2) + "\n")


@torch.no_grad()
def main(argv=None):
    args = parse_arguments(argv)
    if args.out.resolve() == args.base.resolve():
        raise SystemExit("--out is the folder of --base")
    model = merge(args.base, args.adapter, DTYPES[args.dtype])
    model.save_pretrained(args.out, max_shard_size=args.shard_size)
    for path in args.out.glob("*.safetensors"):
        path.chmod(0o644)  # it leaves them to their owner alone, and a server may run as someone else
    # What save_pretrained wrote is in the form of this version of transformers; the checkpoint's own is known to load.
    copy_files(args.base, args.out, args.dtype)
    if (args.adapter / "brain.json").exists():
        shutil.copy(args.adapter / "brain.json", args.out / "brain.json")
    print(f"wrote {', '.join(sorted(path.name for path in args.out.glob('*.safetensors')))} to {args.out}")


if __name__ == "__main__":
    main()
