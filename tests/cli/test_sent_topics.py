"""Topics of a trace: told by its texts where it has them."""

import json
from collections.abc import Sequence
from pathlib import Path

from cli.sent import Sent
from tests.cli.simulated_files import trace_file


def first_words(texts: Sequence[str]) -> list[str]:
    return [text.split()[0] for text in texts]


def test_a_trace_of_texts_is_told_by_its_topics(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    rows = [
        {"session": "s", "turn": i, "t_us": 1e6 * i, "input": f"{word} again and again", "output": "yes"}
        for i, word in enumerate(("law", "physics", "law"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, arrivals = Sent(trace=str(path)).traffic(topics=first_words)
    assert [each.topic for each in arrivals] == ["law", "physics", "law"]


def test_a_trace_without_texts_is_read_as_ever(tmp_path: Path) -> None:
    path = trace_file(tmp_path)
    _, told = Sent(trace=str(path)).traffic(topics=first_words)
    _, plain = Sent(trace=str(path)).traffic()
    assert told.topics == plain.topics == ()
    assert told.at.tolist() == plain.at.tolist()
