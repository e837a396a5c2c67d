"""The recipe of training/brain, from an instruction set to a merged checkpoint, on a tiny model and a server on this machine."""

import ast
import contextlib
import io
import json
import random
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.brain import evaluate, exercise, merge, synthesize, train
from training.brain.accuracy import by_references, contains
from training.brain.batches import Encoded, NO_TARGET, collate, encode, epoch_batches
from training.brain.endpoint import Completion, completion_of
from training.brain.filters import is_other_language, reason_to_drop
from training.brain.instructions import id_of, read_instructions
from training.brain.network import with_network_context
from training.brain.samples import is_held_out, read_lines, samples_of, write_lines
from training.export import export_checkpoint
from training.generator.styles import INSTRUCTION, block_of, is_short
from training.model import ModelConfig, Qwen3
from training.tests.fake_teacher import LONG, FakeTeacher, question
from training.tokenizer import train_tokenizer

NAMES = [first + last for first in ("Ar", "Bel", "Cor", "Dun", "Es", "Fal") for last in ("ania", "land", "ovia", "mark")]


def user(text):
    return {"role": "user", "content": text}


def quietly(function, *arguments):
    """What it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        function([str(argument) for argument in arguments])
    return out.getvalue()


class NetworkTest(unittest.TestCase):
    def test_a_request_changes_as_the_server_changes_it(self):
        self.assertEqual(with_network_context([user("Hi")], 42), [{"role": "system", "content": INSTRUCTION.strip()}, user("Hi" + block_of(42))])
        system = {"role": "system", "content": "Be kind."}
        aware = with_network_context([system, user("Hi")], 301)
        self.assertEqual(aware[0]["content"], "Be kind." + INSTRUCTION)
        self.assertTrue(aware[1]["content"].endswith("<rtt>301ms</rtt>\n  <status>Poor</status>\n</network_context>"))
        self.assertEqual(system["content"], "Be kind.", "the caller's messages stay as they were")
        self.assertEqual(with_network_context(aware[:1] + [user("Hi")], 301), aware, "the instruction is added once")
        self.assertEqual(with_network_context([user("Hi"), {"role": "assistant", "content": "A"}], 42)[2]["content"], "A")
        self.assertEqual(with_network_context([], 42), [])
        self.assertEqual(with_network_context([user("Hi")], None), [user("Hi")])


class InstructionTest(unittest.TestCase):
    def read(self, name, text, *more):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_text(text)
            return read_instructions(path, *more)

    def test_the_usual_forms_of_instruction_sets_are_read(self):
        rows = [
            {"instruction": "Add them.", "input": "1 and 2", "output": "3"},
            {"messages": [{"role": "system", "content": "S"}, user("A"), {"role": "assistant", "content": "B"}, user("C"), {"role": "assistant", "content": "D"}]},
            {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "R"}]},
            {"prompt": "P", "answer": {"aliases": ["x", "y"]}},
            "Just text",
            {"messages": [{"role": "tool", "content": "no text of a user"}]},
            {"other": 1},
        ]
        found, empty, again = self.read("rows.jsonl", "\n".join(json.dumps(row) for row in [*rows, rows[3]]))
        self.assertEqual([[m["content"] for m in instruction.messages] for instruction in found], [["Add them.\n\n1 and 2"], ["S", "A", "B", "C"], ["Q"], ["P"], ["Just text"]])
        self.assertEqual((empty, again), (2, 1))
        found, _, _ = self.read("rows.json", json.dumps(rows[3:4]), "prompt", "answer.aliases")
        self.assertEqual(found[0].references, ["x", "y"])
        self.assertEqual(len(self.read("rows.txt", "One\n\nTwo\n")[0]), 2)
        with self.assertRaisesRegex(SystemExit, "no field nothing"):
            self.read("rows.json", json.dumps(rows[3:4]), "nothing")

    def test_an_instruction_is_the_same_in_other_case_and_spacing_but_not_with_another_sign(self):
        self.assertEqual(id_of([user("What is C++?")]), id_of([user("  what is  c++ ")]))
        for a, b in (("What is C?", "What is C++?"), ("1 + 2", "1 - 2"), ("1 - 2", "1 * 2")):
            self.assertNotEqual(id_of([user(a)]), id_of([user(b)]))
        self.assertNotEqual(id_of([{"role": "system", "content": "S"}, user("A")]), id_of([user("A")]))


class FilterTest(unittest.TestCase):
    def reason(self, long, short, is_cut=False):
        return reason_to_drop(Completion(long, False, 1, 1), Completion(short, is_cut, 1, 1), lambda text: len(text.split()))

    def test_only_pairs_that_teach_both_styles_stay(self):
        long = LONG.format("Arland")
        self.assertIsNone(self.reason(long, "Arlandville."))
        self.assertEqual(self.reason(long, ""), "empty")
        self.assertEqual(self.reason("", "Arlandville."), "empty")
        self.assertEqual(self.reason(long, "Arlandville.", is_cut=True), "cut off")
        self.assertEqual(self.reason("I’m sorry, but I can’t help with that. " + long, "Arlandville."), "refusal")
        self.assertEqual(self.reason(long, "Cannot help."), "refusal")
        words = len(long.split())
        self.assertIsNone(self.reason(long, " ".join(["Arlandville"] * int(0.4 * words))))
        self.assertEqual(self.reason(long, " ".join(["Arlandville"] * (int(0.4 * words) + 1))), "telegraph too long")
        self.assertEqual(self.reason("Um Reis zu kochen, hackt man Zwiebeln, brät sie fünf Minuten, gibt Reis und Brühe dazu und lässt alles achtzehn Minuten köcheln.", "Chop the onions, fry them, add rice."), "other language")

    def test_a_telegram_need_not_look_like_its_language(self):
        english = "The Renaissance began in Italy in the fourteenth century, and it spread through Europe until the seventeenth. Its artists are well known."
        for telegram in ("Paris.", "Renaissance: Italy, 14th-17th c.; Florence; Medici; da Vinci, Michelangelo.", "42", "`git rebase -i HEAD~3`", "Chop onions; fry 5 min; add rice, stock; simmer 18 min."):
            self.assertFalse(is_other_language(english, telegram), telegram)
        self.assertTrue(is_other_language(english, "Cette période commence en Italie, puis toute l'Europe."))
        self.assertTrue(is_other_language(english, "文艺复兴始于意大利,十四世纪"))

    def test_thoughts_are_no_part_of_an_answer(self):
        def body(text):
            return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}

        self.assertEqual(completion_of(body("<think>\nHm.\n</think>\n\nParis.")).text, "Paris.")
        self.assertEqual(completion_of(body("<think>\nHm, cut")).text, "")
        self.assertEqual(completion_of(body(None)).text, "")


class SampleTest(unittest.TestCase):
    PAIRS = [{"id": id_of([user(str(n))]), "messages": [user(str(n))], "comprehensive": "long", "telegraph": "short"} for n in range(400)]

    def test_a_pair_gives_one_sample_of_each_style_with_a_link_that_asks_for_it(self):
        rtts = []
        for pair in self.PAIRS:
            poor, good = samples_of(pair, 7)
            self.assertEqual([poor, good], samples_of(pair, 7))
            self.assertEqual([poor["messages"][-1]["content"], good["messages"][-1]["content"]], ["short", "long"])
            self.assertTrue(is_short(poor["rttMs"]))
            self.assertFalse(good["rttMs"] is not None and is_short(good["rttMs"]))
            self.assertEqual(good["messages"][:-1], with_network_context(pair["messages"], good["rttMs"]))
            rtts.append(good["rttMs"])
        self.assertTrue(40 < rtts.count(None) < 120, rtts.count(None))
        self.assertTrue(any(rtt is not None and rtt < 100 for rtt in rtts) and any(rtt is not None and rtt >= 100 for rtt in rtts))

    def test_the_side_of_an_instruction_follows_from_it_alone(self):
        held_out = [is_held_out(pair["id"], 0.25) for pair in self.PAIRS]
        self.assertTrue(70 < sum(held_out) < 130, sum(held_out))
        self.assertTrue(all(is_held_out(pair["id"], 0.5) for pair, out in zip(self.PAIRS, held_out) if out), "with a larger share none goes to the other side")


class BatchTest(unittest.TestCase):
    def test_every_sample_comes_once_in_an_epoch_and_like_lengths_together(self):
        rng = random.Random(3)
        samples = [Encoded([0] * rng.randint(1, 500), [1]) for _ in range(130)]
        first, again, second = (epoch_batches(samples, 4, 1, epoch) for epoch in (0, 0, 1))
        self.assertEqual(sorted(i for batch in first for i in batch), list(range(130)))
        self.assertEqual(first, again)
        self.assertNotEqual(first, second)
        self.assertLess(sum(max(len(samples[i].prompt) for i in batch) * len(batch) for batch in first), 1.15 * sum(len(s.prompt) for s in samples))

    def test_only_answers_are_targets(self):
        tokens, mask, targets = collate([Encoded([5, 6, 7], [8]), Encoded([5], [6, 9, 8])], pad_id=0)
        self.assertEqual(tokens.tolist(), [[5, 6, 7, 8], [5, 6, 9, 8]])
        self.assertEqual(mask.tolist(), [[1, 1, 1, 1], [1, 1, 1, 1]])
        self.assertEqual(targets.tolist(), [[NO_TARGET, NO_TARGET, 8], [6, 9, 8]])
        tokens, mask, _ = collate([Encoded([5], [6]), Encoded([5, 6, 7], [8])], pad_id=0)
        self.assertEqual((tokens[0].tolist(), mask[0].tolist()), ([0, 0, 5, 6], [0, 0, 1, 1]))


class AccuracyTest(unittest.TestCase):
    def test_a_reference_counts_as_whole_words_without_regard_to_case_and_punctuation(self):
        for answer, reference in (("It is PARIS!", "paris"), ("about 1,000 km", "1000 km"), ("首都是巴黎。", "巴黎"), ("C: 3.7 million", "3.7 million")):
            self.assertTrue(contains(answer, reference), reference)
        for answer, reference in (("14", "4"), ("Parisian", "Paris"), ("-", "?"), ("London", "Paris")):
            self.assertFalse(contains(answer, reference), reference)
        self.assertEqual(by_references([{"answer": "b", "references": ["a", "b"]}, {"answer": "b", "references": ["a"]}, {"answer": "b"}]), [True, False, None])


class RecipeTest(unittest.TestCase):
    """All of it in order: each test goes on from what the one before it wrote."""

    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = Path(cls.folder.name)
        texts = [INSTRUCTION + block_of(rtt) + question(name) + LONG.format(name) for name in NAMES for rtt in (20, 200, 420)]
        torch.manual_seed(1)
        config = ModelConfig(vocab_size=500, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=32)
        base = Qwen3(config)
        # An adapter leaves embeddings and norms alone, and with the small ones of a new model no logit could grow.
        torch.nn.init.constant_(base.model.norm.weight, 10.0)
        export_checkpoint(base, train_tokenizer(texts, 500), cls.root / "base")
        write_lines(cls.root / "instructions.jsonl", [{"prompt": question(name), "answer": f"{name}ville"} for name in [*NAMES, "Refusia", "Longia", "Retryland", NAMES[0]]])
        cls.teacher = FakeTeacher()
        cls.synthesis = ["--instructions", cls.root / "instructions.jsonl", "--reference-field", "answer", "--tokenizer", cls.root / "base", "--out", cls.root / "data", "--base-url", cls.teacher.base_url,
                         "--model", "teacher", "--api-key-env", "TEST_TEACHER_KEY", "--concurrency", "3", "--eval-share", "0.25", "--output-price", "1000"]
        cls.training = ["--base", cls.root / "base", "--data", cls.root / "data", "--rank", "8", "--steps", "24", "--batch", "4", "--accumulate", "2", "--learning-rate", "0.02", "--device", "cpu", "--log-steps", "1"]

    @classmethod
    def tearDownClass(cls):
        cls.teacher.close()
        cls.folder.cleanup()

    def test_1_data_is_synthesized_filtered_and_gone_on_with(self):
        teacher, data = self.teacher, self.root / "data"

        def answer_of(style, asked):
            if "Refusia" in asked:
                return 200, {}, "I'm sorry, but I can't help with that.", "stop"
            if "Longia" in asked:
                return 200, {}, LONG.format("Longia"), "stop"
            if "Retryland" in asked and teacher.counts[asked] == 1:
                return 429, {"Retry-After": "1"}, "slow down", ""
            if NAMES[5] in asked:
                return 400, {}, "too long", ""
            if NAMES[6] in asked:
                return 200, {}, "", "stop"
            return teacher.capital(style, asked)

        teacher.answer_of = answer_of
        with mock.patch.dict("os.environ", {"TEST_TEACHER_KEY": "secret"}):
            data.mkdir()
            (data / "pairs.jsonl").write_bytes(b'{"id": "half a li')  # of a run that was killed
            quietly(synthesize.main, *self.synthesis)
        pairs, dropped = read_lines(data / "pairs.jsonl"), read_lines(data / "dropped.jsonl")
        self.assertEqual({row["reason"] for row in dropped}, {"refusal", "telegraph too long", "refused by the server", "empty"})
        self.assertEqual(len(pairs), len(NAMES) - 2 + 1)
        self.assertEqual(len({row["id"] for row in pairs + dropped}), len(NAMES) + 3)
        self.assertLessEqual(teacher.most_running, 3)
        self.assertTrue(all(request["key"] == "Bearer secret" and request["path"] == "/v1/chat/completions" for request in teacher.requests))
        times = [request["at"] for request in teacher.requests if "Retryland" in request["body"]["messages"][-1]["content"]]
        self.assertGreaterEqual(times[1] - times[0], 1, "Retry-After is waited for")
        summary = json.loads((data / "synthesis.json").read_text())
        self.assertEqual(summary["completionTokens"], sum(row["completionTokens"] for row in pairs + dropped))
        self.assertAlmostEqual(summary["cost"], summary["completionTokens"] / 1000, places=3)
        samples, held_out = read_lines(data / "train.jsonl"), read_lines(data / "eval.jsonl")
        self.assertEqual(len(samples), 2 * (len(pairs) - len(held_out)))
        self.assertFalse({sample["id"] for sample in samples} & {pair["id"] for pair in held_out})
        self.assertGreater(len(held_out), 2)
        before, sets = len(teacher.requests), (data / "train.jsonl").read_bytes()
        quietly(synthesize.main, *self.synthesis)
        self.assertEqual(len(teacher.requests), before, "nothing is asked twice")
        self.assertEqual((data / "train.jsonl").read_bytes(), sets)

    def test_2_what_failed_is_asked_again_and_a_wrong_key_stops_at_once(self):
        teacher, data = self.teacher, self.root / "other"
        arguments = [*self.synthesis, "--out", data]
        teacher.answer_of = lambda style, asked: (401, {}, "wrong key", "")
        before = len(teacher.requests)
        with self.assertRaisesRegex(SystemExit, "wrong key"):
            quietly(synthesize.main, *arguments)
        self.assertLess(len(teacher.requests) - before, 8)
        teacher.answer_of = lambda style, asked: (501, {}, "broken", "") if NAMES[0] in asked else teacher.capital(style, asked)
        with self.assertRaisesRegex(SystemExit, "1 instructions failed.*broken"):
            quietly(synthesize.main, *arguments)
        teacher.answer_of, before = teacher.capital, len(teacher.requests)
        quietly(synthesize.main, *arguments)
        self.assertEqual(len(teacher.requests) - before, 2)
        self.assertEqual(len(read_lines(data / "pairs.jsonl")), len(NAMES) + 3)

    def test_3_targets_are_what_the_server_would_have_to_see(self):
        tokenizer = AutoTokenizer.from_pretrained(self.root / "base")
        sample = read_lines(self.root / "data" / "train.jsonl")[0]
        encoded = encode(tokenizer, sample["messages"], {"enable_thinking": False}, {tokenizer.eos_token_id})
        self.assertEqual(tokenizer.decode(encoded.answer), sample["messages"][-1]["content"] + "<|im_end|>")
        self.assertTrue(tokenizer.decode(encoded.prompt).endswith("</network_context><|im_end|>\n<|im_start|>assistant\n"))

    def test_4_an_adapter_learns_and_a_cut_run_ends_with_the_same_weights(self):
        whole, cut = self.root / "adapter", self.root / "cut"
        printed = quietly(train.main, *self.training, "--out", whole)
        self.assertIn("done: 24 steps", printed)
        losses = [float(line.split(",")[3]) for line in (whole / "loss.csv").read_text().splitlines()[1:]]
        self.assertEqual(len(losses), 24)
        self.assertLess(losses[-1], 0.5 * losses[0])
        held_out = json.loads((whole / "brain.json").read_text())["heldOutLosses"]
        self.assertEqual([step for step, _ in held_out], [0, 24])
        self.assertLess(held_out[1][1], 0.5 * held_out[0][1])
        self.assertIn("stopped at step 1", quietly(train.main, *self.training, "--out", cut, "--session-minutes", "0"))
        quietly(train.main, *self.training, "--out", cut)
        self.assertEqual((whole / "adapter_model.safetensors").read_bytes(), (cut / "adapter_model.safetensors").read_bytes())
        with self.assertRaisesRegex(SystemExit, "other settings .rank"):
            quietly(train.main, *self.training, "--out", cut, "--rank", "4")

    def test_5_the_merged_checkpoint_is_the_base_with_the_adapter(self):
        quietly(merge.main, "--base", self.root / "base", "--adapter", self.root / "adapter", "--out", self.root / "merged", "--shard-size", "100KB")
        for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            self.assertEqual((self.root / "base" / name).read_bytes(), (self.root / "merged" / name).read_bytes())
        self.assertEqual(json.loads((self.root / "base" / "config.json").read_text()), json.loads((self.root / "merged" / "config.json").read_text()))
        weights = list((self.root / "merged").glob("*.safetensors"))
        self.assertGreater(len(weights), 1)
        self.assertTrue(all(path.stat().st_mode & 0o444 == 0o444 for path in weights))
        base, merged = (AutoModelForCausalLM.from_pretrained(self.root / name, dtype=torch.float32) for name in ("base", "merged"))
        tokens = torch.arange(10, 60)[None]
        with torch.no_grad():
            before, after = base(input_ids=tokens).logits, merged(input_ids=tokens).logits
            adapted = PeftModel.from_pretrained(base, self.root / "adapter").eval()(input_ids=tokens).logits
        self.assertGreater((adapted - before).abs().max(), 0.5)
        # The merged weights were rounded to BF16, of which the spread shows here.
        self.assertLess((adapted - after).abs().mean(), 0.05 * (adapted - before).abs().mean())

    def test_6_a_checkpoint_and_a_server_are_evaluated_by_class(self):
        report = self.root / "report.json"
        common = ["--data", self.root / "data" / "eval.jsonl", "--report", report]
        printed = quietly(evaluate.main, *common, "--checkpoint", self.root / "merged", "--max-tokens", "60", "--device", "cpu", "--rtts", "none,99,300,301", "--limit", "2")
        self.assertIn("100 to 300 ms", printed)
        self.assertEqual(set(json.loads(report.read_text())["classes"]), {"none", "Excellent", "Normal", "Poor"})

        def bimodal(style, asked):
            name = asked.split("?")[0].rsplit(" ", 1)[-1]
            return 200, {}, f"{name}ville." if "<status>Poor</status>" in asked else LONG.format(name), "stop"

        self.teacher.answer_of = bimodal
        quietly(evaluate.main, *common, "--base-url", self.teacher.base_url, "--model", "m", "--check")
        measured = json.loads(report.read_text())
        self.assertEqual([measured["classes"][name]["accuracy"] for name in ("none", "Excellent", "Normal", "Poor")], [1, 1, 1, 1])
        self.assertEqual([measured["rtts"][rtt]["telegraphShare"] for rtt in ("99", "100", "300", "301")], [0, 0, 0, 1])
        self.assertEqual((measured["styleAccuracy"], measured["classes"]["Poor"]["meanTokens"]), (1, 1))
        self.teacher.answer_of = lambda style, asked: (200, {}, LONG.format("Nowhere"), "stop")
        with self.assertRaises(SystemExit):
            quietly(evaluate.main, *common, "--base-url", self.teacher.base_url, "--model", "m", "--check")
        self.assertEqual(json.loads(report.read_text())["classes"]["Poor"]["accuracy"], 0)

    def test_7_a_judge_says_what_is_right_where_no_reference_does(self):
        pairs = [{name: value for name, value in pair.items() if name != "references"} for pair in read_lines(self.root / "data" / "eval.jsonl")]
        write_lines(self.root / "unreferenced.jsonl", pairs)
        common = ["--data", self.root / "unreferenced.jsonl", "--report", self.root / "report.json", "--base-url", self.teacher.base_url, "--model", "m", "--rtts", "20,420"]
        self.teacher.answer_of = lambda style, asked: self.teacher.capital(style, asked) if "compare" in style else (200, {}, "I do not know." if "420ms" in asked else "Arville.", "stop")
        quietly(evaluate.main, *common, "--judge-base-url", self.teacher.base_url, "--judge-model", "j")
        classes = json.loads((self.root / "report.json").read_text())["classes"]
        self.assertEqual((classes["Excellent"]["accuracy"], classes["Poor"]["accuracy"]), (1, 0))
        self.assertEqual(classes["Poor"]["judged"], len(pairs))
        quietly(evaluate.main, *common)
        self.assertIsNone(json.loads((self.root / "report.json").read_text())["classes"]["Poor"]["accuracy"])


class ExerciseTest(unittest.TestCase):
    def test_pairs_of_the_generator_are_such_as_the_filters_keep(self):
        pairs = exercise.pairs_of(random.Random(2), 300, lambda text: len(text.split()))
        self.assertEqual(len({pair["id"] for pair in pairs}), 300)
        for pair in pairs:
            self.assertLessEqual(len(pair["telegraph"].split()), 0.4 * len(pair["comprehensive"].split()))
        referenced = [pair for pair in pairs if "references" in pair]
        self.assertGreater(len(referenced), 100)
        self.assertTrue(all(by_references([{"answer": pair["comprehensive"], "references": pair["references"]}]) == [True] for pair in referenced))

    def test_what_trains_imports_nothing_of_the_evaluation(self):
        for path in Path(exercise.__file__).parent.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                self.assertNotIn("training.evaluation", getattr(node, "module", None) or "", path.name)


if __name__ == "__main__":
    unittest.main()
