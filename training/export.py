"""Writes a checkpoint folder as Hugging Face's libraries expect it."""

import json

import torch
from safetensors.torch import save_file

from training.tokenizer import END_OF_TEXT, IM_END, save_tokenizer


def _write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def export_checkpoint(model, tokenizer, folder):
    """config.json, generation_config.json, tokenizer files and BF16 model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    end, pad = tokenizer.token_to_id(IM_END), tokenizer.token_to_id(END_OF_TEXT)
    _write_json(folder / "config.json", model.config.to_hugging_face(eos_token_id=end, pad_token_id=pad))
    _write_json(folder / "generation_config.json", {
        "do_sample": True, "temperature": 0.2, "top_p": 0.95, "eos_token_id": [end, pad], "pad_token_id": pad,
    })
    save_tokenizer(tokenizer, folder)
    weights = {name: value.detach().to(torch.bfloat16).contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
