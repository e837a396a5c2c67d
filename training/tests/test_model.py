"""The training model is Qwen3, the packing keeps documents apart, the tokenizer splits as promised."""

import json
import random
import tempfile
import unittest
from pathlib import Path

import torch
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from training.generator.corpus import document, write_corpus
from training.model import ModelConfig, Qwen3
from training.packing import LONG_ROW_TOKENS, SHORT_ROW_TOKENS, pack_corpus, segments
from training.tokenizer import MARKUP_TOKENS, SPECIAL_TOKENS, save_tokenizer, train_tokenizer

SMALL = ModelConfig(vocab_size=96, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=32)


class ModelTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(4)

    def test_logits_equal_those_of_transformers(self):
        own = Qwen3(SMALL).eval()
        library = Qwen3ForCausalLM(Qwen3Config(**SMALL.to_hugging_face(eos_token_id=2, pad_token_id=0))).eval()
        missing, unexpected = library.load_state_dict(own.state_dict(), strict=False)
        self.assertEqual((missing, unexpected), (["lm_head.weight"], []))
        library.tie_weights()
        tokens = torch.randint(0, 96, (2, 40))
        with torch.no_grad():
            wanted, got = library(tokens).logits, own(tokens)
        self.assertLess((wanted - got).abs().max() / wanted.abs().max(), 1e-5)

    def test_a_packed_document_sees_only_itself(self):
        own = Qwen3(SMALL).eval()
        a, b = torch.randint(0, 96, (1, 9)), torch.randint(0, 96, (1, 7))
        documents = torch.tensor([[0] * 9 + [1] * 7])
        with torch.no_grad():
            packed = own.hidden(torch.cat((a, b), 1), documents)
            alone = own.hidden(b)
        self.assertLess((packed[:, 9:] - alone).abs().max(), 1e-4)


class PackingTest(unittest.TestCase):
    def test_every_document_lies_in_one_row_and_short_ones_fill_the_long_rows(self):
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder, "corpus.jsonl")
            write_corpus(corpus, 400, seed=2)
            with open(corpus) as file:
                drawn = [segments(json.loads(line)) for line in file]
            tokenizer = train_tokenizer(("".join(text for text, _ in document) for document in drawn), 500)
            packed = pack_corpus(corpus, tokenizer)
        numbers = []
        for rows, length in zip(packed, (SHORT_ROW_TOKENS, LONG_ROW_TOKENS)):
            self.assertEqual(rows.tokens.shape[1], length + 1)
            for tokens, weights, documents in zip(rows.tokens, rows.weights, rows.documents):
                self.assertFalse(weights[documents < 0].any())
                numbers += [tuple(tokens[documents == number].tolist()) for number in range(documents.max() + 1)]
        wanted = [tuple(i for text, _ in document for i in tokenizer.encode(text, add_special_tokens=False).ids)[: LONG_ROW_TOKENS + 1] for document in drawn]
        self.assertEqual(sorted(numbers), sorted(wanted))
        self.assertGreater((packed[1].documents >= 0).mean(), 0.9)


class TokenizerTest(unittest.TestCase):
    def test_digits_stand_alone_and_any_text_comes_back(self):
        tokenizer = train_tokenizer(["12 + 34 = 46. The capital of France is Paris."] * 50, 320)
        self.assertEqual([tokenizer.token_to_id(token) for token in SPECIAL_TOKENS + MARKUP_TOKENS], [0, 1, 2, 3, 4, 5, 6])
        self.assertEqual([t for t in tokenizer.encode("1234").tokens], ["1", "2", "3", "4"])
        for text in ("Grüße, 世界 🙂\n\tx", "7 × 8 = 56"):
            self.assertEqual(tokenizer.decode(tokenizer.encode(text).ids), text)

    def test_only_the_assistant_is_a_target(self):
        document = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
        self.assertEqual([text for text, is_target in segments(document) if is_target], ["A<|im_end|>"])
        self.assertEqual("".join(text for text, _ in segments(document)),
                         "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n")

    def test_of_stripped_histories_only_the_last_answer_is_a_target(self):
        messages = [{"role": role, "content": text} for role, text in (("user", "Q"), ("assistant", "A"), ("user", "R"), ("assistant", "B"))]
        document = {"messages": messages, "last_only": True}
        self.assertEqual([text for text, is_target in segments(document) if is_target], ["B<|im_end|>"])

    def test_documents_are_packed_as_the_chat_template_renders_them(self):
        rng = random.Random(6)
        documents = [drawn for drawn in (document(rng) for _ in range(1500)) if "messages" in drawn]
        tokenizer = train_tokenizer(("".join(text for text, _ in segments(drawn)) for drawn in documents[:300]), 800)
        with tempfile.TemporaryDirectory() as folder:
            save_tokenizer(tokenizer, Path(folder))
            library = AutoTokenizer.from_pretrained(folder)
        with_tools = 0
        for drawn in documents:
            rendered = library.apply_chat_template(drawn["messages"], tools=drawn.get("tools"), tokenize=False)
            pieces = [text for text, _ in segments(drawn)]
            self.assertEqual("".join(pieces), rendered)
            # Encoded piece by piece for the loss, and as a whole by whoever asks.
            ids = [i for text in pieces for i in tokenizer.encode(text, add_special_tokens=False).ids]
            self.assertEqual(ids, library(rendered, add_special_tokens=False)["input_ids"])
            with_tools += "tools" in drawn
        self.assertGreater(with_tools, 100)

    def test_calls_may_come_with_text_with_arguments_as_text_and_without_a_wrapper(self):
        tokenizer = train_tokenizer(["a"], 300)
        with tempfile.TemporaryDirectory() as folder:
            save_tokenizer(tokenizer, Path(folder))
            library = AutoTokenizer.from_pretrained(folder)
        answer = '<tool_call>\n{}\n</tool_call><|im_end|>'
        self.assertEqual(library.decode(library(answer)["input_ids"], skip_special_tokens=True), answer.removesuffix("<|im_end|>"))
        call = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'
        for message in ({"content": "Wait.", "tool_calls": [{"function": {"name": "f", "arguments": '{"x": 1}'}}]}, {"content": [{"type": "text", "text": "Wait."}], "tool_calls": [{"name": "f", "arguments": {"x": 1}}]}):
            rendered = library.apply_chat_template([{"role": "user", "content": "Q"}, {"role": "assistant", **message}], tokenize=False)
            self.assertEqual(rendered, f"<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nWait.\n{call}<|im_end|>\n")


if __name__ == "__main__":
    unittest.main()
