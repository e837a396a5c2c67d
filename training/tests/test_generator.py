"""The generator is deterministic, it teaches what it promises, and it never sees the held-out wordings."""

import ast
import json
import random
import re
import tempfile
import unittest
from pathlib import Path

from training.evaluation.case import calls_of, fits_schema, normalised
from training.evaluation.suites import all_cases, user_questions
from training.generator import arithmetic, corpus, counts, echo, json_answers, tools
from training.generator.data import chat, geography
from training.generator.phrasing import proper_case
from training.generator.styles import INSTRUCTION, block_of, is_short, rtt_of, status_of

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = 20_000


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
    return (corpus.document(rng, i / count) for i in range(count))


def messages_of(document, role):
    return [m for m in document.get("messages", ()) if m["role"] == role]


def question_of(message):
    return message["content"].split("\n\n<network_context>")[0]


class GeneratorTest(unittest.TestCase):
    def test_the_same_seed_writes_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, name) for name in ("a", "b", "c")]
            digests = [corpus.write_corpus(path, 2000, seed) for path, seed in zip(paths, (5, 5, 6))]
            self.assertEqual(paths[0].read_bytes(), paths[1].read_bytes())
            self.assertEqual(digests[0], digests[1])
            self.assertNotEqual(digests[0], digests[2])

    def test_it_teaches_at_least_600_facts_in_several_thousand_wordings(self):
        self.assertGreaterEqual(sum(counts.num_facts().values()), 600)
        self.assertGreaterEqual(sum(counts.num_templates().values()), 5000)

    def test_every_conversation_is_one_that_a_client_could_send(self):
        followers = {"user": {"assistant"}, "tool": {"tool", "assistant"}, "assistant": {"user", "tool"}, "system": {"user"}}
        for document in documents(8, 5000):
            if "text" in document:
                self.assertTrue(document["text"].strip())
                continue
            messages = document["messages"]
            self.assertIn(messages[0]["role"], ("system", "user"))
            self.assertEqual(messages[-1]["role"], "assistant")
            for message, following in zip(messages, messages[1:]):
                self.assertIn(following["role"], followers[message["role"]])
                self.assertEqual(following["role"] == "tool" and message["role"] == "assistant", bool(message.get("tool_calls")), message)

    def test_no_document_names_a_special_token(self):
        for document in documents(9, 5000):
            self.assertNotIn("<|", json.dumps(document))

    def test_names_get_their_capitals_and_commands_keep_small_letters(self):
        self.assertEqual(proper_case("is millrace's kv cache on the gpu"), "is Millrace's KV cache on the GPU")
        self.assertEqual(proper_case("what does millrace chat do"), "what does millrace chat do")
        questions = [m["content"] for d in documents(13, 6000) for m in messages_of(d, "user")]
        for wanted in ("Millrace", "millrace", "GPU", "gpu", "KV"):
            self.assertTrue(any(wanted in question for question in questions), wanted)

    def test_an_echo_is_part_of_its_question(self):
        rng = random.Random(12)
        for turn in (echo.echo(rng) for _ in range(2000)):
            self.assertIn(turn.answer.long, turn.question)

    def test_every_sum_of_the_corpus_is_right(self):
        checked = 0
        for document in documents(10, 3000):
            texts = [document.get("text", ""), *(m["content"] for m in messages_of(document, "assistant"))]
            for left, result in re.findall(r"(\d+(?: [-+×÷] \d+)+) = (-?\d+)(?![.\d]*\d)", "\n".join(texts)):
                self.assertEqual(eval(left.replace("×", "*").replace("÷", "/")), int(result), left)  # digits and operators only
                checked += 1
        self.assertGreater(checked, 2000)


class StyleTest(unittest.TestCase):
    def test_the_texts_are_those_that_the_server_adds(self):
        self.assertEqual(block_of(321), "\n\n<network_context>\n  <rtt>321ms</rtt>\n  <status>Poor</status>\n</network_context>")
        self.assertTrue(INSTRUCTION.startswith("\n[System Instruction: You are network-aware. "))
        self.assertEqual([status_of(rtt) for rtt in (0, 99, 100, 300, 301)], ["Excellent", "Excellent", "Normal", "Normal", "Poor"])
        rng = random.Random(1)
        for status in ("Excellent", "Normal", "Poor"):
            self.assertEqual({status_of(rtt_of(rng, status)) for _ in range(500)}, {status})

    def test_a_corpus_of_the_long_style_has_no_network_context(self):
        for is_bimodal in (True, False):
            rng = random.Random(15)
            text = json.dumps([corpus.document(rng, is_bimodal=is_bimodal) for _ in range(500)])
            self.assertEqual("network_context" in text and "network-aware" in text, is_bimodal)

    def test_nothing_but_the_block_and_the_instruction_chooses_the_style(self):
        long_refusals = short_refusals = 0
        for document in documents(14, 6000):
            messages = document.get("messages", ())
            is_aware = bool(messages) and messages[0]["role"] == "system" and INSTRUCTION.strip() in messages[0]["content"]
            rtt = None
            for message in messages:
                if message["role"] == "user":
                    found = re.search(r"<rtt>(\d+)ms</rtt>", message["content"])
                    self.assertEqual(bool(found) and not is_aware, False)
                    rtt = int(found[1]) if found else None
                elif message["content"] in chat.REFUSAL and not document.get("last_only"):
                    wants_short = rtt is not None and is_short(rtt)
                    self.assertEqual(message["content"], chat.REFUSAL.short if wants_short else chat.REFUSAL.long)
                    short_refusals += wants_short
                    long_refusals += not wants_short
        self.assertGreater(min(long_refusals, short_refusals), 100)

    def test_telegraph_answers_are_much_shorter(self):
        rng = random.Random(15)
        from training.generator.multi_turn import single

        turns = [single(rng) for _ in range(4000)]
        self.assertLess(sum(len(turn.answer.short) for turn in turns), 0.35 * sum(len(turn.answer.long) for turn in turns))


class ToolTest(unittest.TestCase):
    def test_every_call_fits_a_tool_that_is_offered_and_has_what_was_asked(self):
        rng, called = random.Random(16), 0
        for _ in range(3000):
            definitions, turns = tools.tool_chat(rng)
            parameters = {tool["function"]["name"]: tool["function"]["parameters"] for tool in definitions}
            self.assertEqual(len(parameters), len(definitions))
            for turn in turns:
                for call in (c["function"] for m in turn.middle for c in m.get("tool_calls", ())):
                    self.assertEqual(list(call["arguments"]), parameters[call["name"]]["required"])
                    for value in call["arguments"].values():
                        copied = str(value) if not isinstance(value, str) or " " not in value else value.split(" ")[0]
                        self.assertIn(copied, turn.question)
                    called += 1
        self.assertGreater(called, 3000)

    def test_some_turns_call_several_tools_and_some_none(self):
        rng = random.Random(17)
        turns = [turn for _ in range(1000) for turn in tools.tool_chat(rng)[1]]
        calls = [sum(len(m.get("tool_calls", ())) for m in turn.middle) for turn in turns]
        for number, least in ((0, 0.1), (1, 0.4), (2, 0.1)):
            self.assertGreater(calls.count(number) / len(calls), least, number)

    def test_json_answers_fit_the_schema_or_the_keys_of_their_request(self):
        rng, schemas = random.Random(18), 0
        for _ in range(3000):
            system, turns = json_answers.json_chat(rng)
            for turn in turns:
                request = system + turn.question
                value = json.loads(turn.answer.long)
                self.assertEqual(turn.answer.long, turn.answer.short)
                for name in value:
                    self.assertIn(f'"{name}"', request)
                if "{" in request:
                    schema = json.JSONDecoder().raw_decode(request[request.index("{"):])[0]
                    self.assertTrue(fits_schema(turn.answer.long, schema), (turn, schema))
                    schemas += 1
        self.assertGreater(schemas, 1000)


class SeparationTest(unittest.TestCase):
    def test_what_trains_imports_nothing_of_the_evaluation(self):
        files = [*sorted((ROOT / "generator").rglob("*.py")), *(ROOT / f"{name}.py" for name in ("generate", "train", "packing", "lengths", "progress", "checkpointing", "tokenizer", "model"))]
        self.assertGreater(len(files), 20)
        for path in files:
            for name in imported_modules(path):
                self.assertNotIn("evaluat", name, f"{path.name} imports {name}")

    def test_no_held_out_question_occurs_in_the_corpus(self):
        held_out = {normalised(question) for question in user_questions(all_cases())}
        self.assertGreater(len(held_out), 1500)
        for document in documents(1, DOCUMENTS):
            for message in messages_of(document, "user"):
                self.assertNotIn(normalised(question_of(message)), held_out)

    def test_no_held_out_pair_is_asked_or_tabulated(self):
        rng = random.Random(11)
        for operator, a, b in (arithmetic.problem(rng) for _ in range(50_000)):
            self.assertFalse(arithmetic.is_held_out(operator, a, b), (a, operator, b))

    def test_about_a_tenth_of_the_two_digit_pairs_is_held_out(self):
        pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
        share = sum(arithmetic.is_held_out("+", a, b) for a, b in pairs) / len(pairs)
        self.assertTrue(0.08 < share < 0.12, share)

    def test_untaught_countries_are_refused_and_held_out_names_never_occur(self):
        taught = {row[0] for row in geography.COUNTRIES}
        self.assertFalse(taught & set(geography.UNTAUGHT_COUNTRIES))
        from training.evaluation import heldout_templates as held

        text = "\n".join(json.dumps(document) for document in documents(1, DOCUMENTS))
        for name in held.UNKNOWN_COUNTRIES + held.UNKNOWN_FLAGS + held.UNKNOWN_ERRORS + held.TOOL_CITIES:
            self.assertIsNone(re.search(rf"(?<![\w-]){name}(?![\w-])", text), name)
            self.assertNotIn(name, taught)
        for names in held.TOOL_NAMES.values():
            for name in names:
                self.assertNotIn(f'"name": "{name}"', text)

    def test_a_refusal_never_contradicts_a_taught_question(self):
        taught = {normalised(question) for row in chat.TALK for question in row.questions}
        outside = {normalised(question) for question in chat.OUTSIDE["plain"]}
        self.assertFalse(taught & outside)

    def test_held_out_rows_name_rows_that_exist(self):
        from training.evaluation import heldout_templates as held
        from training.generator.data import general, millrace

        for rows, wordings in ((millrace.FACTS, held.USAGE), (general.SCIENCE, held.SCIENCE), (general.CALENDAR, held.CALENDAR)):
            self.assertFalse(set(wordings) - {row.questions[0] for row in rows})


class CaseTest(unittest.TestCase):
    def test_calls_are_read_from_an_answer(self):
        answer = '<tool_call>\n{"name": "a", "arguments": {"x": 1}}\n</tool_call>\n<tool_call>\n{"name": "b", "arguments": {}}\n</tool_call>'
        self.assertEqual(calls_of(answer), [{"name": "a", "arguments": {"x": 1}}, {"name": "b", "arguments": {}}])
        self.assertEqual(calls_of("Hello!"), [])
        self.assertIsNone(calls_of("<tool_call>{</tool_call>"))

    def test_a_schema_refuses_other_types_keys_and_values(self):
        schema = {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"enum": ["a", "b"]}}, "required": ["n", "s"]}
        self.assertTrue(fits_schema('{"n": 1, "s": "a"}', schema))
        for text in ('{"n": "1", "s": "a"}', '{"n": true, "s": "a"}', '{"n": 1, "s": "c"}', '{"n": 1}', '{"n": 1, "s": "a", "x": 0}', '{"n": 1, "s": "a"', "[]"):
            self.assertFalse(fits_schema(text, schema), text)


if __name__ == "__main__":
    unittest.main()
