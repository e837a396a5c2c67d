"""Answers to conversations, by a checkpoint on this machine or by a server."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from peft import PeftModel
from tqdm import tqdm

from training.brain.batches import prompt_ids
from training.brain.checkpoint import DTYPES, end_ids_of, load_model, load_tokenizer, pad_id_of
from training.brain.endpoint import RequestFailed


class Answer(NamedTuple):
    text: str
    tokens: int  # its end included
    is_cut: bool  # by the limit of tokens


class LocalAnswers:
    """Greedy, by transformers."""

    def __init__(self, checkpoint, adapter, args):
        self.tokenizer = load_tokenizer(checkpoint)
        self.model = load_model(checkpoint, DTYPES[args.dtype], args.device)
        self.ends = end_ids_of(self.model, self.tokenizer)
        if adapter:
            self.model = PeftModel.from_pretrained(self.model, adapter)
        self.model.eval()
        self.args = args

    def of(self, conversations):
        prompts = [prompt_ids(self.tokenizer, messages, self.args.template_variables) for messages in conversations]
        # Those of like length together, the longest first: what does not fit into memory shows at once.
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        answers = [None] * len(prompts)
        for start in tqdm(range(0, len(order), self.args.batch), unit="batch"):
            chosen = order[start : start + self.args.batch]
            for i, answer in zip(chosen, self._generate([prompts[i] for i in chosen])):
                answers[i] = answer
        return answers

    @torch.no_grad()
    def _generate(self, prompts):
        longest, pad = max(map(len, prompts)), pad_id_of(self.tokenizer)
        tokens = torch.tensor([[pad] * (longest - len(prompt)) + prompt for prompt in prompts], device=self.args.device)
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=self.args.device)
        output = self.model.generate(input_ids=tokens, attention_mask=mask, max_new_tokens=self.args.max_tokens, do_sample=False, temperature=None, top_p=None, top_k=None,
                                     eos_token_id=sorted(self.ends), pad_token_id=pad)
        return [self._answer(row) for row in output[:, longest:].tolist()]

    def _answer(self, ids):
        end = next((i for i, token in enumerate(ids) if token in self.ends), None)
        kept = ids if end is None else ids[:end]
        return Answer(self.tokenizer.decode(kept, skip_special_tokens=True).strip(), len(kept) + (end is not None), end is None)


class ServerAnswers:
    """At temperature 0. The requests carry the network context themselves."""

    def __init__(self, endpoint, args):
        self.endpoint, self.args = endpoint, args

    def of(self, conversations):
        with ThreadPoolExecutor(self.args.concurrency) as threads:
            return list(tqdm(threads.map(self._answer, conversations), total=len(conversations), unit="answer"))

    def _answer(self, messages):
        completion = self.endpoint.complete(messages, self.args.max_tokens, temperature=0)
        if completion.text and completion.completion_tokens == 0:
            raise RequestFailed(f"{self.endpoint.url} does not say how many tokens an answer has (usage.completion_tokens)")
        return Answer(completion.text, completion.completion_tokens, completion.is_cut)
