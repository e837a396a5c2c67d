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
        """Prompts of one length, as lists of ids -> (ids, top-2 logit gaps), one list each per prompt."""
        inputs, cache = torch.tensor(prompts), None
        ids, gaps = [[] for _ in prompts], [[] for _ in prompts]
        ended = [False] * len(prompts)
        for _ in range(max_tokens):
            output = self.model(input_ids=inputs, past_key_values=cache, use_cache=True)
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
        return ids, gaps

    def answers(self, cases, max_tokens=112, batch_size=64):
        """The greedy answer text of each case. Prompts of one length share a batch, so nothing is padded."""
        prompts = [self.prompt_ids(case.messages, case.tools) for case in cases]
        by_length = {}
        for i, prompt in enumerate(prompts):
            by_length.setdefault(len(prompt), []).append(i)
        answers = [""] * len(prompts)
        for indices in by_length.values():
            for start in range(0, len(indices), batch_size):
                chosen = indices[start : start + batch_size]
                ids, _ = self.greedy([prompts[i] for i in chosen], max_tokens)
                for i, tokens in zip(chosen, ids):
                    answers[i] = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return answers
