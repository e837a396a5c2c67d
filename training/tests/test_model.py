"""The training model is Qwen3, the packing keeps documents apart, the tokenizer splits as promised."""

import unittest

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from training.model import ModelConfig, Qwen3
from training.packing import segments
from training.tokenizer import SPECIAL_TOKENS, train_tokenizer

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


class TokenizerTest(unittest.TestCase):
    def test_digits_stand_alone_and_any_text_comes_back(self):
        tokenizer = train_tokenizer(["12 + 34 = 46. The capital of France is Paris."] * 50, 320)
        self.assertEqual([tokenizer.token_to_id(token) for token in SPECIAL_TOKENS], [0, 1, 2])
        self.assertEqual([t for t in tokenizer.encode("1234").tokens], ["1", "2", "3", "4"])
        for text in ("Grüße, 世界 🙂\n\tx", "7 × 8 = 56"):
            self.assertEqual(tokenizer.decode(tokenizer.encode(text).ids), text)

    def test_only_the_assistant_is_a_target(self):
        document = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
        self.assertEqual([text for text, is_target in segments(document) if is_target], ["A<|im_end|>"])
        self.assertEqual("".join(text for text, _ in segments(document)),
                         "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n")


if __name__ == "__main__":
    unittest.main()
