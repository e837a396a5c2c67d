"""An OpenAI-compatible server on this machine that knows capitals of invented countries, and some ways to answer badly."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from training.brain.teacher import COMPREHENSIVE, JUDGE

LONG = "The capital of {0} is {0}ville. It is the largest city of the country, it lies on a river, and the government has its seat there. Many people visit {0}ville every year."


def question(name):
    return f"What is the capital of {name}?"


class FakeTeacher:
    def __init__(self):
        self.requests, self.running, self.most_running, self.counts = [], 0, 0, Counter()
        self.answer_of = self.capital
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base_url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def capital(self, style, asked):
        """(status, headers, answer, finish reason)"""
        if style == JUDGE:
            return 200, {}, "Yes." if "ville" in asked.split("\nAnswer:\n")[1] else "no", "stop"
        name = asked.rsplit(" ", 1)[-1].strip("?")
        return 200, {}, LONG.format(name) if style == COMPREHENSIVE else f"{name}ville.", "stop"

    def _handler(self):
        teacher = self

        class Handler(BaseHTTPRequestHandler):
            # Otherwise every answer waits 40 ms for an acknowledgement.
            disable_nagle_algorithm = True

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with teacher.lock:
                    teacher.running += 1
                    teacher.most_running = max(teacher.most_running, teacher.running)
                    teacher.requests.append({"body": body, "path": self.path, "key": self.headers["Authorization"], "at": time.monotonic()})
                    asked = body["messages"][-1]["content"]
                    teacher.counts[asked] += 1
                    status, headers, answer, reason = teacher.answer_of(body["messages"][0]["content"], asked)
                time.sleep(0.01)
                with teacher.lock:
                    teacher.running -= 1
                self.reply(status, headers, {
                    "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": reason}],
                    "usage": {"prompt_tokens": 10, "completion_tokens": len(answer.split())},
                } if status == 200 else {"error": {"message": answer}})

            def reply(self, status, headers, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        return Handler
