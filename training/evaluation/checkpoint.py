"""Greedy answers of a checkpoint, computed by Hugging Face's transformers in float32 from its BF16 weights."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class Checkpoint:
    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.end_ids = set(self.model.generation_config.eos_token_id)

    def prompt_ids(self, messages, tools=()):
        """Token ids of messages through the chat template."""
        text = self.tokenizer.apply_chat_template(list(messages), tools=list(tools) or None, tokenize=False, add_generation_prompt=True)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def num_tokens(self, text):
        """Of an answer, its end included."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) + 1

    @torch.no_grad()
    def greedy(self, prompts, max_tokens, past_end=False):
        """Prompts as lists of ids -> (ids, top-2 logit gaps), one list each per prompt. Shorter prompts are padded on the left."""
        longest = max(map(len, prompts))
        inputs = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        positions, cache = (mask.cumsum(1) - 1).clamp(min=0), None
        ids, gaps = [[] for _ in prompts], [[] for _ in prompts]
        ended = [False] * len(prompts)
        for _ in range(max_tokens):
            output = self.model(input_ids=inputs, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = output.past_key_values
            top = output.logits[:, -1].topk(2)
            for i, token in enumerate(top.indices[:, 0].tolist()):
                if ended[i]:
                    continue
                ids[i].append(token)
                gaps[i].append((top.values[i, 0] - top.values[i, 1]).item())
                ended[i] = token in self.end_ids and not past_end
            if all(ended):
                break
            inputs = top.indices[:, :1]
            mask = torch.cat((mask, torch.ones(len(prompts), 1, dtype=mask.dtype)), 1)
            positions = positions[:, -1:] + 1
        return ids, gaps

    def answers(self, cases, max_tokens=112, batch_size=32):
        """The greedy answer text of each case. Prompts of like length share a batch."""
        prompts = [self.prompt_ids(case.messages, case.tools) for case in cases]
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        answers = [""] * len(prompts)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            ids, _ = self.greedy([prompts[i] for i in chosen], max_tokens)
            for i, tokens in zip(chosen, ids):
                answers[i] = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return answers
