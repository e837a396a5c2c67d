"""Writes rope.json: inverse frequencies of Hugging Face transformers for configs of every scaling.

Run from anywhere, with test/fixtures/generate/requirements.txt installed: python make_rope.py
"""

import json
from pathlib import Path

from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

SIZES = dict(vocab_size=32, hidden_size=512, intermediate_size=64, num_hidden_layers=2, num_attention_heads=8,
             num_key_value_heads=4)
CASES = {
    'plain': (LlamaConfig, dict(rope_theta=10000.0, max_position_embeddings=2048)),
    'large theta': (Qwen3Config, dict(rope_theta=1e6, head_dim=128, max_position_embeddings=40960)),
    'linear': (LlamaConfig, dict(rope_theta=10000.0, max_position_embeddings=4096,
                                 rope_scaling=dict(rope_type='linear', factor=2.5))),
    'llama3': (LlamaConfig, dict(rope_theta=500000.0, head_dim=128, max_position_embeddings=131072, rope_scaling=dict(
        rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=8192))),
    'llama3 of another size': (LlamaConfig, dict(rope_theta=500000.0, max_position_embeddings=131072, rope_scaling=dict(
        rope_type='llama3', factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=8192))),
    'yarn': (Qwen2Config, dict(rope_theta=1e6, max_position_embeddings=32768, rope_scaling=dict(
        rope_type='yarn', factor=4.0, original_max_position_embeddings=32768))),
    'yarn with everything': (MistralConfig, dict(rope_theta=1e4, head_dim=64, max_position_embeddings=8192,
                                                 rope_scaling=dict(
        rope_type='yarn', factor=16.0, original_max_position_embeddings=512, beta_fast=24.0, beta_slow=2.0,
        mscale=0.7, mscale_all_dim=1.2, truncate=False))),
    'yarn with an attention factor': (LlamaConfig, dict(rope_theta=1e4, max_position_embeddings=8192, rope_scaling=dict(
        rope_type='yarn', factor=8.0, original_max_position_embeddings=1024, attention_factor=1.25))),
}


def main() -> None:
    rows = []
    for name, (config_class, values) in CASES.items():
        rope = LlamaRotaryEmbedding(config_class(**SIZES, **values))
        config = {'model_type': config_class.model_type, **SIZES, **values}
        rows.append(json.dumps({'name': name, 'config': config, 'magnitude': rope.attention_scaling,
                                'inverseFrequencies': rope.inv_freq.double().tolist()}))
    path = Path(__file__).with_name('rope.json')
    path.write_text('[\n' + ',\n'.join(rows) + '\n]\n')


if __name__ == '__main__':
    main()
