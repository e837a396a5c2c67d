"""The generator is deterministic, and it never sees the held-out wordings."""

import ast
import json
import random
import re
import tempfile
import unittest
from itertools import islice
from pathlib import Path

from training.evaluation.suites import all_cases, normalised, user_questions
from training.generator import arithmetic, corpus, echo
from training.generator.data import chat, geography
from training.generator.phrasing import proper_case

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = 30_000


def imported_modules(path):
    """Absolute names of everything a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import, which this scan does not resolve"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def documents(seed, count):
    rng = random.Random(seed)
    return (corpus.document(rng) for _ in range(count))


class GeneratorTest(unittest.TestCase):
    def test_the_same_seed_writes_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, name) for name in ("a", "b", "c")]
            digests = [corpus.write_corpus(path, 2000, seed) for path, seed in zip(paths, (5, 5, 6))]
            self.assertEqual(paths[0].read_bytes(), paths[1].read_bytes())
            self.assertEqual(digests[0], digests[1])
            self.assertNotEqual(digests[0], digests[2])

    def test_every_document_alternates_user_and_assistant_and_ends_with_the_assistant(self):
        for document in documents(8, 5000):
            if "text" in document:
                self.assertTrue(document["text"].strip())
                continue
            roles = [m["role"] for m in document["messages"] if m["role"] != "system"]
            self.assertEqual(roles, ["user", "assistant"] * (len(roles) // 2))
            self.assertGreaterEqual(len(roles), 2)

    def test_no_document_names_a_special_token(self):
        for document in documents(9, 5000):
            self.assertNotIn("<|", json.dumps(document))

    def test_names_get_their_capitals_and_commands_keep_small_letters(self):
        self.assertEqual(proper_case("is millrace's kv cache on the gpu"), "is Millrace's KV cache on the GPU")
        self.assertEqual(proper_case("what does millrace chat do"), "what does millrace chat do")
        questions = [m["content"] for d in documents(13, 6000) for m in d.get("messages", ()) if m["role"] == "user"]
        for wanted in ("Millrace", "millrace", "GPU", "gpu", "KV"):
            self.assertTrue(any(wanted in question for question in questions), wanted)

    def test_an_echo_is_part_of_its_question(self):
        rng = random.Random(12)
        for question, answer in (echo.echo(rng) for _ in range(2000)):
            self.assertIn(answer, question)

    def test_every_sum_of_the_corpus_is_right(self):
        checked = 0
        for document in documents(10, 3000):
            texts = [document.get("text", ""), *(m["content"] for m in document.get("messages", ()) if m["role"] == "assistant")]
            for a, operator, b, result in re.findall(r"(\d+) ([-+×]) (\d+) = (-?\d+)", "\n".join(texts)):
                a, b = int(a), int(b)
                self.assertEqual({"+": a + b, "-": a - b, "×": a * b}[operator], int(result))
                checked += 1
        self.assertGreater(checked, 500)


class SeparationTest(unittest.TestCase):
    def test_the_generator_imports_nothing_of_the_evaluation(self):
        files = [*sorted((ROOT / "generator").rglob("*.py")), ROOT / "generate.py", ROOT / "train.py", ROOT / "packing.py"]
        self.assertGreater(len(files), 10)
        for path in files:
            for name in imported_modules(path):
                self.assertNotIn("evaluation", name, f"{path.name} imports {name}")

    def test_no_held_out_question_occurs_in_the_corpus(self):
        held_out = {normalised(question) for question in user_questions(all_cases())}
        self.assertGreater(len(held_out), 800)
        for document in documents(1, DOCUMENTS):
            for message in document.get("messages", ()):
                if message["role"] == "user":
                    self.assertNotIn(normalised(message["content"]), held_out)

    def test_no_held_out_pair_is_asked_or_tabulated(self):
        rng = random.Random(11)
        for operator, a, b in (arithmetic.problem(rng) for _ in range(50_000)):
            self.assertFalse(arithmetic.is_held_out(operator, a, b), (a, operator, b))

    def test_about_a_tenth_of_the_two_digit_pairs_is_held_out(self):
        pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
        share = sum(arithmetic.is_held_out("+", a, b) for a, b in pairs) / len(pairs)
        self.assertTrue(0.08 < share < 0.12, share)

    def test_untaught_countries_are_refused_and_held_out_ones_never_occur(self):
        taught = {row[0] for row in geography.COUNTRIES}
        self.assertFalse(taught & set(geography.UNTAUGHT_COUNTRIES))
        from training.evaluation.heldout_templates import UNKNOWN_COUNTRIES

        text = "\n".join(json.dumps(document) for document in islice(documents(1, DOCUMENTS), DOCUMENTS))
        for country in UNKNOWN_COUNTRIES:
            self.assertNotIn(f" {country} ", text)
            self.assertNotIn(country, taught)

    def test_a_refusal_never_contradicts_a_taught_question(self):
        taught = {normalised(question) for questions, _ in chat.TALK for question in questions}
        outside = {normalised(question) for question in chat.OUTSIDE["plain"]}
        self.assertFalse(taught & outside)


if __name__ == "__main__":
    unittest.main()
