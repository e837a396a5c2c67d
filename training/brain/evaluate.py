"""Length and accuracy of answers by round-trip time: python -m training.brain.evaluate --help"""

import argparse
import json
from pathlib import Path

from training.brain.accuracy import by_judge, by_references
from training.brain.answers import LocalAnswers, ServerAnswers
from training.brain.checkpoint import DTYPES, add_template_option, default_device
from training.brain.endpoint import EndpointError, add_endpoint_options, endpoint_of
from training.brain.filters import MAX_TOKEN_RATIO
from training.brain.network import NO_CONTEXT, class_of, with_network_context
from training.brain.samples import read_lines
from training.generator.styles import is_short

# Both ends of every class, and what lies within.
RTTS = "none,20,99,100,200,300,301,800"
CLASSES = {NO_CONTEXT: "without context", "Excellent": "< 100 ms", "Normal": "100 to 300 ms", "Poor": "> 300 ms"}
# Of the right comprehensive answers, so many must be right in telegraph style too.
MIN_KEPT = 0.95


def rtts_of(text):
    return [None if part == NO_CONTEXT else int(part) for part in text.split(",")]


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description="Ask held-out instructions at several round-trip times, of a checkpoint or of a server, and compare lengths and accuracy.")
    parser.add_argument("--data", type=Path, default=Path("training/work/brain/eval.jsonl"))
    parser.add_argument("--checkpoint", type=Path, help="folder of a merged checkpoint, or of the one before the training")
    parser.add_argument("--adapter", type=Path, help="folder of an adapter for it")
    add_endpoint_options(parser, what="to ask, in place of a checkpoint")
    add_endpoint_options(parser, "judge-", what="that judges answers without references")
    parser.add_argument("--limit", type=int, help="only so many instructions")
    parser.add_argument("--rtts", type=rtts_of, default=rtts_of(RTTS), help=f"in ms; none: without a network context (default: {RTTS})")
    parser.add_argument("--max-tokens", type=int, default=1024, help="of an answer")
    parser.add_argument("--batch", type=int, default=16, help="conversations that the checkpoint answers together")
    parser.add_argument("--concurrency", type=int, default=8, help="requests to a server at the same time")
    parser.add_argument("--device", default=default_device())
    parser.add_argument("--dtype", choices=list(DTYPES), default="bfloat16")
    parser.add_argument("--report", type=Path, help="write the tables and every answer as JSON")
    parser.add_argument("--check", action="store_true", help=f"exit with 1 unless answers above 300 ms have at most {MAX_TOKEN_RATIO:.0%} of the tokens of those below 100 ms, "
                        f"and are right at least {MIN_KEPT:.0%} as often")
    add_template_option(parser)
    args = parser.parse_args(argv)
    if (args.checkpoint is None) == (args.base_url is None):
        parser.error("give either --checkpoint or --base-url")
    return args


def ask(source, pairs, rtts):
    """A row for each pair and round-trip time."""
    asked = [(pair, rtt) for pair in pairs for rtt in rtts]
    answers = source.of([with_network_context(pair["messages"], rtt) for pair, rtt in asked])
    return [{"id": pair["id"], "question": pair["messages"][-1]["content"], "references": pair.get("references", []), "comprehensive": pair["comprehensive"],
             "rttMs": rtt, "answer": answer.text, "tokens": answer.tokens, "isCut": answer.is_cut} for (pair, rtt), answer in zip(asked, answers)]


def judge(rows, endpoint, concurrency):
    """Sets isRight: by references where there are some, else by the judge, else None."""
    for row, verdict in zip(rows, by_references(rows)):
        row["isRight"] = verdict
    unjudged = [row for row in rows if not row["references"]]
    if endpoint:
        for row, verdict in zip(unjudged, by_judge(endpoint, unjudged, concurrency)):
            row["isRight"] = verdict


def mark_short(rows):
    """Sets isTelegraph: at most 40 % of the tokens of the same instruction's answers below 100 ms; None where it was not asked there."""
    lengths = {}
    for row in rows:
        if row["rttMs"] is not None and class_of(row["rttMs"]) == "Excellent":
            lengths.setdefault(row["id"], []).append(row["tokens"])
    for row in rows:
        own = lengths.get(row["id"])
        row["isTelegraph"] = row["tokens"] <= MAX_TOKEN_RATIO * sum(own) / len(own) if own else None


def share(values):
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def measures_of(rows):
    tokens = sorted(row["tokens"] for row in rows)
    return {"answers": len(rows), "meanTokens": sum(tokens) / len(tokens), "medianTokens": tokens[len(tokens) // 2], "p90Tokens": tokens[len(tokens) * 9 // 10],
            "telegraphShare": share([row["isTelegraph"] for row in rows]), "cutShare": share([row["isCut"] for row in rows]),
            "accuracy": share([row["isRight"] for row in rows]), "judged": sum(row["isRight"] is not None for row in rows)}


def grouped(rows, key):
    """In the order in which the groups come."""
    groups = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: measures_of(group) for name, group in groups.items()}


def style_accuracy(rows):
    """Of the answers with a network context, those whose length is that of their class; None where it cannot be said."""
    return share([row["isTelegraph"] == is_short(row["rttMs"]) for row in rows if row["rttMs"] is not None and row["isTelegraph"] is not None])


def percent(value):
    return f"{value:8.1%}" if value is not None else "       -"


def table(title, groups):
    lines = [f"{title:16s} {'answers':>8s} {'tokens':>8s} {'median':>8s} {'p90':>8s} {'short':>8s} {'cut off':>8s} {'right':>8s} {'judged':>8s}"]
    for name, m in groups.items():
        lines.append(f"{name:16s} {m['answers']:8d} {m['meanTokens']:8.1f} {m['medianTokens']:8d} {m['p90Tokens']:8d} {percent(m['telegraphShare'])} {percent(m['cutShare'])} {percent(m['accuracy'])} {m['judged']:8d}")
    return "\n".join(lines)


def goals_of(classes):
    """[(goal in words, whether it is met)]; one that was not measured is not there."""
    long, short = classes.get("Excellent"), classes.get("Poor")
    if not long or not short:
        return []
    ratio = short["meanTokens"] / long["meanTokens"]
    goals = [(f"tokens above 300 ms: {ratio:.1%} of those below 100 ms, at most {MAX_TOKEN_RATIO:.0%}", ratio <= MAX_TOKEN_RATIO)]
    if long["accuracy"] and short["accuracy"] is not None:
        kept = short["accuracy"] / long["accuracy"]
        goals.append((f"accuracy above 300 ms: {kept:.1%} of that below 100 ms, at least {MIN_KEPT:.0%}", kept >= MIN_KEPT))
    return goals


def main(argv=None):
    args = parse_arguments(argv)
    pairs = read_lines(args.data)[: args.limit]
    if not pairs:
        raise SystemExit(f"{args.data} has no held-out instruction; synthesize with a larger --eval-share")
    source = LocalAnswers(args.checkpoint, args.adapter, args) if args.checkpoint else ServerAnswers(endpoint_of(args, "", args.concurrency), args)
    try:
        rows = ask(source, pairs, args.rtts)
        judge(rows, endpoint_of(args, "judge_", args.concurrency), args.concurrency)
    except EndpointError as error:
        raise SystemExit(str(error)) from error
    mark_short(rows)
    classes, rtts = grouped(rows, lambda row: class_of(row["rttMs"])), grouped(rows, lambda row: NO_CONTEXT if row["rttMs"] is None else str(row["rttMs"]))
    goals, style = goals_of(classes), style_accuracy(rows)
    print(table("class", {CLASSES[name]: measures for name, measures in classes.items()}))
    print(table("\nround trip", {name if name == NO_CONTEXT else f"{name} ms": measures for name, measures in rtts.items()}))
    if style is not None:
        print(f"\nlength of the class: {style:.1%}")
    for text, met in goals:
        print(f"{'met   ' if met else 'MISSED'} {text}")
    if args.report:
        args.report.write_text(json.dumps({"classes": classes, "rtts": rtts, "styleAccuracy": style, "goals": goals, "answers": rows}, indent=1, ensure_ascii=False) + "\n")
    if args.check and not (goals and all(met for _, met in goals)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
