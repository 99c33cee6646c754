"""`weir check`: whether a fleet file makes sense and what it predicts, or whether rules are proved."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Json

if TYPE_CHECKING:
    from rich.table import Table

    from weir.fleetfile import Pool

PROMPTS = {"1k": 1000, "8k": 8000}


def check(
    file: Annotated[Path, typer.Argument(help="A fleet file, or a file of rules.")],
    fleet: Annotated[Path | None, typer.Option(help="The fleet file that rules are for.")] = None,
    json_to: Json = "",
) -> None:
    """Validate a fleet file and print what each pool is predicted to do, or prove rules; 2 for a file that is wrong.

    Of rules, the fleet file's own too: 0 when everything is proved, 1 with a counter-example when something is not.
    """
    from cli.door import WrongUse
    from cli.rules import are_rules, check_rules

    if are_rules(file):
        check_rules(file, fleet, json_to)
        return
    if fleet is not None:
        raise WrongUse(f"--fleet goes with a file of rules, and {file} is none")
    _check_fleet(file, json_to)


def _check_fleet(fleet: Path, json_to: str) -> None:
    from cli.output import console, write_json
    from weir.fleetfile import read_fleet

    found = read_fleet(fleet)
    pools = [_described(pool) for pool in found.pools]
    slo = {"ttft_s": found.slo.ttft_s, "tpot_s": found.slo.tpot_s}
    rules, lines = _rules(fleet)
    write_json(json_to, {"pools": pools, "slo": slo} | ({"rules": rules} if rules else {}))
    if json_to != "-":
        screen = console()
        screen.print(_table(pools))
        price = sum(pool["usd_per_hour"] for pool in pools)
        screen.print(f"{fleet} is good: {sum(p['replicas'] for p in pools)} replicas, ${price:.2f} an hour.")
        for line in lines:
            typer.echo(line)
    if rules and not rules["proved"]:
        raise typer.Exit(1)


def _rules(fleet: Path) -> tuple[dict[str, Any], list[str]]:
    """What there is to say of the rules that a fleet file names, if it does; raises `BadFile`."""
    from cli.rules import examined
    from cli.selection import selection

    chosen = selection(fleet, None, None)
    return examined(Path(chosen.rules), fleet) if chosen else ({}, [])


def _described(pool: "Pool") -> dict[str, Any]:
    """A pool's predictions; raises `UnknownProfile`, `DoesNotFit` and `UnknownTokenizer`."""
    from weir.codec import latency
    from weir.fleetfile import message
    from weir.tokenizer import tokenizer

    replica = message(pool, 0, "")
    perf = latency(replica)
    if replica.tokenizer:
        tokenizer(replica.tokenizer)
    return {
        "name": pool.name,
        "model": replica.model,
        "gpu": pool.gpu,
        "gpus_per_replica": perf.gpus,
        "replicas": pool.size,
        "emulated": not pool.addresses,
        "idle_ttft_s": {name: perf.frontend_s + perf.prefill_seconds(n) for name, n in PROMPTS.items()},
        "idle_tpot_s": perf.decode_seconds(1, PROMPTS["1k"]),
        "kv_tokens": perf.kv_tokens,
        "usd_per_hour": perf.price_per_hour * pool.size,
        "tokenizer": replica.tokenizer,
        "step_times": "measured" if perf.measured else "roofline",
    }


def _table(pools: list[dict[str, Any]]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from cli.output import seconds

    table = Table(box=SIMPLE_HEAD)
    table.add_column("pool")
    for name in ("TTFT 1k", "TTFT 8k", "TPOT", "KV tokens", "$/hour"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("step times", no_wrap=True)
    for pool in pools:
        gpus = f"({pool['gpus_per_replica']} × {pool['gpu']})" if pool["gpus_per_replica"] > 1 else pool["gpu"]
        table.add_row(
            f"{pool['name']}\n  {pool['model']}\n  {pool['replicas']} × {gpus}",
            *(seconds(pool["idle_ttft_s"][name]) for name in PROMPTS),
            seconds(pool["idle_tpot_s"]),
            f"{pool['kv_tokens']:,}",
            f"{pool['usd_per_hour']:.2f}",
            pool["step_times"],
        )
    return table
