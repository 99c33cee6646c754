"""A plan as one HTML file: designs, the fleet, its schedule, every table as it stands in the JSON."""

import json
from html import escape

from sims.plan.outcome import Plan, as_json

STYLE = """body{font:16px/1.5 system-ui;margin:2rem auto;max-width:64rem;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:1rem 0}
td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:right}
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}.chosen{font-weight:bold;background:#eef7ee}
rect{fill:#4a7}.partial{background:#fff1c2;border:1px solid #c90;padding:.5rem 1rem;font-weight:bold}"""


def page(plan: Plan) -> str:
    """One self-contained file."""
    head = f"<title>Plan for {escape(plan.model)}</title><meta charset=utf-8><style>{STYLE}</style>"
    said = f"{plan.rate_rps:,.1f} requests a second under {plan.policy}; simulated: {plan.traffic}"
    marked = f"<p class=partial>{escape(plan.marked)}</p>" if plan.partial else ""
    parts = [
        marked,
        f"<h1>{escape(plan.chosen.said)}: ${plan.usd_per_month:,.0f} a month</h1><p>{escape(said)}</p>",
        _designs(plan),
        _ideas(plan),
        _costs(plan),
        _schedule(plan),
        f"<h2>All figures</h2><pre>{escape(json.dumps(as_json(plan), indent=1))}</pre>",
    ]
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def _designs(plan: Plan) -> str:
    rows = "".join(
        f"<tr{' class=chosen' if one is plan.chosen else ''}><td>{escape(one.name)}</td><td>{escape(one.said)}</td>"
        f"<td>{one.gpus}</td><td>${one.usd_per_month:,.0f}</td>"
        f"<td>{' / '.join(f'{each:.0%}' for each in one.margins) or '–'}</td>"
        f"<td>{'yes' if one.meets and one.simulated else escape(one.why or 'no')}</td></tr>"
        for one in plan.designs
    )
    head = "".join(f"<th>{name}</th>" for name in ("design", "fleet", "GPUs", "a month", "of its deadlines", "meets"))
    return f"<table><tr>{head}</tr>{rows}</table>"


def _ideas(plan: Plan) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{'saves' if share >= 0.0 else 'costs'} {abs(share):.1%}</td></tr>"
        for name, share in plan.ideas
    )
    head = f"<h2>What each idea is worth</h2><p>Against the best single GPU type, by {escape(plan.objective)}.</p>"
    return f"{head}<table><tr><th>idea</th><th>worth</th></tr>{rows}</table>" if rows else ""


def _costs(plan: Plan) -> str:
    """Bars of dollars a month, a design each."""
    shown = [one for one in plan.designs if one.parts and one.meets]
    most = max((one.usd_per_month for one in shown), default=1.0)
    bars = "".join(
        f'<rect x="220" y="{24 * i + 4}" width="{500 * one.usd_per_month / most:.0f}" height="16"/>'
        f'<text x="0" y="{24 * i + 17}">{escape(one.name)}</text>'
        f'<text x="{226 + 500 * one.usd_per_month / most:.0f}" y="{24 * i + 17}">${one.usd_per_month:,.0f}</text>'
        for i, one in enumerate(shown)
    )
    return f'<h2>Dollars a month</h2><svg viewBox="0 0 840 {24 * len(shown)}" width="840">{bars}</svg>'


def _schedule(plan: Plan) -> str:
    if plan.schedule is None:
        return ""
    names = "".join(f"<th>{escape(part.kind.pool.name)}</th>" for part in plan.chosen.parts)
    rows = "".join(
        f"<tr><td>{hour}:00</td><td>{load:.0%}</td>{''.join(f'<td>{n}</td>' for n in counts)}</tr>"
        for hour, (load, counts) in enumerate(zip(plan.schedule.load, plan.schedule.replicas, strict=True))
    )
    month = f"<p>${plan.schedule.usd_per_month:,.0f} a month</p>"
    return f"<h2>By the hour</h2>{month}<table><tr><th>hour</th><th>load</th>{names}</tr>{rows}</table>"
