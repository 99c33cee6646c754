"""`weir calibrate`: a deployment's constants from what was measured of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Json

if TYPE_CHECKING:
    from rich.table import Table

    from policies.perf.latency import LatencyModel
    from sims.calibrate.calibrate import Calibrated, Errors
    from sims.calibrate.knobs import Knobs
    from weir.fleetfile import Pool


def calibrate(
    measurements: Annotated[Path, typer.Argument(help="CSV: a row a request, or a row a setting of a closed loop.")],
    fleet: Annotated[Path | None, typer.Option(help="Fleet file that describes what was measured.")] = None,
    pool: Annotated[str, typer.Option(help="Its pool; the only one when left out.")] = "",
    gpu: Annotated[str, typer.Option(help="GPU profile, without a fleet file.")] = "",
    model: Annotated[str, typer.Option(help="Model profile, without a fleet file.")] = "",
    gpus_per_replica: Annotated[int, typer.Option(min=1, help="GPUs of the replica, without a fleet file.")] = 1,
    steps: Annotated[
        bool, typer.Option("--steps", help="Fit the step coefficients too, above what physics allows.")
    ] = False,
    output: Annotated[str, typer.Option("-o", "--output", help="Write the settings to a file.")] = "",
    json_to: Json = "",
) -> None:
    """Fit slowdown, host work and frontend constant of one replica to its measurements.

    Columns: prompt, output, ttft, tpot or e2e, in seconds (or with _ms in the name, milliseconds), and arrival for a
    row a request or concurrency for a row a setting. What is fitted is checked on groups left out of the fit.
    """
    from cli.output import console, write_json
    from sims.calibrate.calibrate import calibrate as fit
    from sims.calibrate.measurements import read

    described = _pool(fleet, pool, gpu, model, gpus_per_replica)
    start = _latency(described)
    knobs = _knobs(described, start, steps)
    measured = read(measurements)
    screen = console(json_to)
    with screen.status("fitting") as status:
        found = fit(measured, knobs, start, status.update)
    text = _row(described, found.latency) if steps else _settings(found.latency)
    if output:
        Path(output).write_text(text, encoding="utf-8")
    write_json(json_to, _summary(found, len(measured), steps))
    screen.print(_table(found, f"{measurements.name}: {len(measured):,} measurements in {found.groups} groups"))
    screen.print(f"Put this into {'the model sheet' if steps else 'the fleet file, under the pool'}:\n")
    screen.print(text, end="")


def _pool(fleet: Path | None, name: str, gpu: str, model: str, gpus: int) -> "Pool":
    """What was measured; raises WrongUse, BadFile."""
    from cli.door import WrongUse
    from weir.fleetfile import Pool, read_fleet

    if fleet is None:
        if not (gpu and model):
            raise WrongUse("say what was measured: --fleet FILE, or --gpu and --model")
        return Pool(name="measured", gpu=gpu, model=model, gpus_per_replica=gpus, replicas=1)
    pools = {each.name: each for each in read_fleet(fleet).pools}
    if name not in pools and (name or len(pools) > 1):
        raise WrongUse(f"{fleet} has the pools {', '.join(pools)}: choose one with --pool")
    return pools[name] if name else next(iter(pools.values()))


def _latency(pool: "Pool") -> "LatencyModel":
    from weir.codec import latency
    from weir.fleetfile import message

    return latency(message(pool, 0, ""))


def _knobs(pool: "Pool", start: "LatencyModel", steps: bool) -> "Knobs":
    from policies.perf.profiles import gpu, model
    from sims.calibrate import knobs
    from sims.calibrate.floors import floors

    least = floors(gpu(pool.gpu), model(pool.model), pool.gpus_per_replica)
    return knobs.steps(start, least) if steps else knobs.overheads(start, least)


def _settings(latency: "LatencyModel") -> str:
    """The engine block of a pool in a fleet file."""
    figures = {"slowdown": latency.slowdown, "host_s": latency.host_s, "frontend_s": latency.frontend_s}
    return "engine:\n" + "".join(f"  {name}: {value:.4g}\n" for name, value in figures.items())


def _row(pool: "Pool", latency: "LatencyModel") -> str:
    """A row of the model sheet's measured table, and the engine block that goes with it."""
    from policies.perf.model import UNITS

    names = {key: f"{key.rpartition('_')[0]}_s" for key in UNITS}
    figures = ", ".join(
        f"{key} = {getattr(latency, names[key]) / unit:.4g}"
        for key, unit in UNITS.items()
        if getattr(latency, names[key])
    )
    return f'{{ gpu = "{pool.gpu}", gpus = {pool.gpus_per_replica}, {figures} }}\n{_settings(latency)}'


def _summary(found: "Calibrated", count: int, steps: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from sims.calibrate.knobs import OVERHEADS, STEPS

    names = [name for turned in (STEPS if steps else OVERHEADS).values() for name in turned]
    return {
        "measurements": count,
        "groups": found.groups,
        "engine": {name: getattr(found.latency, name) for name in dict.fromkeys(["slowdown", *names, "frontend_s"])},
        "errors": {
            name: None if each is None else asdict(each)
            for name, each in (("before", found.before), ("after", found.after), ("left_out", found.left_out))
        },
    }


def _table(found: "Calibrated", title: str) -> "Table":
    from rich.table import Table

    from sims.calibrate.calibrate import QUANTILES

    table = Table(title=title)
    table.add_column("error")
    rows = {"before": found.before, "after": found.after, "on groups left out": found.left_out}
    shown = {name: each for name, each in rows.items() if each is not None}
    for name in shown:
        table.add_column(name, justify="right")
    table.add_row("TTFT, median", *(f"{each.ttft:.1%}" for each in shown.values()))
    table.add_row("TPOT, median", *(f"{each.tpot:.1%}" for each in shown.values()))
    for which, title in (("ttft_quantiles", "TTFT"), ("tpot_quantiles", "TPOT")):
        for index, share in enumerate(QUANTILES):
            table.add_row(f"{title} p{100 * share:g}", *(_signed(each, which, index) for each in shown.values()))
    return table


def _signed(errors: "Errors", which: str, index: int) -> str:
    found = getattr(errors, which)
    return f"{found[index]:+.1%}" if found else "–"
