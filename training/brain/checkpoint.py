"""A Hugging Face checkpoint folder: its model, its tokenizer, and what ends an answer."""

import json

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def default_device():
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_model(folder, dtype, device="cpu"):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device)


def load_tokenizer(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.chat_template is None:
        raise SystemExit(f"{folder} has no chat template; the recipe is for chat models")
    if tokenizer.eos_token_id is None:
        raise SystemExit(f"The tokenizer of {folder} has no end token (eos_token)")
    return tokenizer


def end_ids_of(model, tokenizer):
    ends = model.generation_config.eos_token_id
    return {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [] if ends is None else [ends])}


def pad_id_of(tokenizer):
    return tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def add_template_option(parser):
    parser.add_argument("--template-variables", type=json.loads, default={"enable_thinking": False}, metavar="JSON",
                        help='of the chat template, as requests will send them in chat_template_kwargs (default: {"enable_thinking": false}; templates ignore what they do not know)')
