"""`weir explain`: a decision in words."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Json, dollars, seconds

MOST_SHOWN = 8
GONE = 499  # the status of an answer whose client did not wait for it


def explain(
    file: Annotated[Path, typer.Argument(help="Decision records, as `weir router --decisions FILE` writes them.")],
    request_id: Annotated[str, typer.Option("--id", help="The request to explain.")] = "",
    last_count: Annotated[int, typer.Option("--last", min=1, help="Explain the last so many.")] = 1,
    json_to: Json = "",
) -> None:
    """Say what was asked, what was predicted of every candidate, why one was chosen, and what came of it."""
    from cli.decisions import last, with_id
    from cli.output import write_json

    found = [with_id(file, request_id)] if request_id else last(file, last_count)
    write_json(json_to, found)
    if json_to != "-":
        typer.echo("\n\n".join("\n".join(words(record)) for record in found))


def words(record: dict[str, Any]) -> list[str]:
    """One record, line by line."""
    ranked = sorted(record["candidates"], key=lambda each: (each["ttft_s"], each["replica"]))
    lines = [_asked(record), f"{len(ranked)} candidates, by predicted time to the first token:"]
    lines += [_candidate(i, each, record["chosen"]) for i, each in enumerate(ranked[:MOST_SHOWN], 1)]
    if len(ranked) > MOST_SHOWN:
        lines.append(f"      … and {len(ranked) - MOST_SHOWN} slower")
    return [*lines, _why(record, ranked), _result(record, ranked)]


def _asked(record: dict[str, Any]) -> str:
    asked = record["request"]
    session = f", session {asked['session']}" if asked.get("session") else ""
    most = f"at most {asked['max_tokens']:.0f}, " if asked.get("max_tokens") else ""
    return (
        f"Request {record['id']} asked {asked['model']} for {most}about {asked['expected_tokens']:.0f} tokens "
        f"after a prompt of {asked['prompt_tokens']:,.0f}{session}."
    )


def _candidate(place: int, each: dict[str, Any], chosen: str) -> str:
    mark = "→" if each["replica"] == chosen else " "
    cached = f", {each['cached_tokens']:,.0f} prompt tokens cached" if each["cached_tokens"] else ""
    return (
        f"  {mark} {place}. {each['replica']}: first token in {seconds(each['ttft_s'])}, then "
        f"{seconds(each['tpot_s'])} a token, {dollars(each['cost_usd'])}{cached}"
    )


def _why(record: dict[str, Any], ranked: list[dict[str, Any]]) -> str:
    if not ranked:
        return f"The {record['why']} answered it; no replica was asked."
    place = next((i for i, each in enumerate(ranked, 1) if each["replica"] == record["chosen"]), 0)
    rank = {0: "not among the candidates now", 1: "the fastest"}.get(place, f"number {place} by that prediction")
    knowledge = record.get("knowledge", "unknown")
    return (
        f"{record['why']} chose {record['chosen']}, {rank}; it takes this action with probability "
        f"{record['propensity']:.2f}. Knowledge of its cache: {knowledge}."
    )


def _result(record: dict[str, Any], ranked: list[dict[str, Any]]) -> str:
    came, told = record["outcome"], {each["replica"]: each for each in ranked}.get(record["chosen"])
    if came["status"] == GONE:
        return f"The client went away after {seconds(came['e2e_s'])}; what it had asked for was cancelled."
    if not came["ok"]:
        return f"It failed with status {came['status']} after {came['retries']} retries."
    lines = f"It came to {came['output_tokens']} tokens in {seconds(came['e2e_s'])}"
    if came["ttft_s"] > 0.0:
        lines += f", the first after {seconds(came['ttft_s'])}{_against(came['ttft_s'], told)}"
    retries = f", {came['retries']} retries" if came["retries"] else ""
    return f"{lines}{_cached(came, told)}{retries}."


def _against(actual_s: float, told: dict[str, Any] | None) -> str:
    if told is None:
        return ""
    off = told["ttft_s"] - actual_s
    return f" (predicted {seconds(told['ttft_s'])}: {abs(off) / actual_s:.0%} too {'much' if off > 0 else 'little'})"


def _cached(came: dict[str, Any], told: dict[str, Any] | None) -> str:
    if came["cached_tokens"] < 0:
        return "; the engine did not say what was cached"
    predicted = f" ({told['cached_tokens']:,.0f} predicted)" if told else ""
    return f"; {came['cached_tokens']:,} prompt tokens were cached{predicted}"
