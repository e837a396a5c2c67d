"""The committed model: its records belong to its weights, and it still says what they say."""

import hashlib
import json
import unittest
from pathlib import Path

from training.evaluation.case import Case, calls_of, fits_schema
from training.evaluation.checkpoint import Checkpoint

FOLDER = Path(__file__).resolve().parents[2] / "models" / "millrace-demo"


class CheckpointTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected = json.loads((FOLDER / "expected.json").read_text())
        cls.checkpoint = Checkpoint(FOLDER)

    def test_expected_answers_belong_to_these_weights(self):
        digest = hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
        self.assertEqual(self.expected["weights_sha256"], digest)

    def test_the_expected_answers_are_given(self):
        cases = self.expected["answers"]
        self.assertGreaterEqual(len(cases), 40)
        asked = [Case(case["category"], "", tuple(case["messages"]), tools=tuple(case.get("tools", ()))) for case in cases]
        for case, answer in zip(cases, self.checkpoint.answers(asked)):
            if "calls" in case:
                self.assertCountEqual(calls_of(answer), case["calls"])
            elif "schema" in case:
                self.assertTrue(fits_schema(answer, case["schema"]), answer)
            else:
                for part in case["accepted"]:
                    self.assertIn(part.lower(), answer.lower())

    def test_greedy_ids_are_the_recorded_ones_up_to_the_first_near_tie(self):
        for row in self.expected["greedy"]:
            (ids,), _ = self.checkpoint.greedy([row["prompt_ids"]], len(row["greedy_ids"]), past_end=True)
            firm = min(row["near_tie_positions"], default=len(ids))
            self.assertEqual(ids[:firm], row["greedy_ids"][:firm])

    def test_prompts_of_other_lengths_beside_it_do_not_change_an_answer(self):
        prompts = [self.checkpoint.prompt_ids([{"role": "user", "content": text}]) for text in ("What is 4 + 5?", "What is the capital of France? I need it for a quiz, please.")]
        together, _ = self.checkpoint.greedy(prompts, 16)
        for prompt, ids in zip(prompts, together):
            self.assertEqual(self.checkpoint.greedy([prompt], 16)[0][0], ids)

    def test_the_folder_is_small_and_under_20_million_parameters(self):
        self.assertLess(sum(path.stat().st_size for path in FOLDER.iterdir()), 42_000_000)
        parameters = sum(p.numel() for p in self.checkpoint.model.parameters())
        self.assertTrue(5_000_000 <= parameters <= 20_000_000, parameters)


if __name__ == "__main__":
    unittest.main()
