"""The Grafana dashboards: what is asked of Prometheus, panel by panel."""

import json
from typing import Any

Panel = tuple[str, str, tuple[tuple[str, str], ...]]
"""Title, unit, and the queries with their legends."""

ROUTER: tuple[Panel, ...] = (
    ("Requests", "reqps", (("sum by (model, code) (rate(weir_requests_total[$__rate_interval]))", "{{model}} {{code}}"),)),
    ("TTFT", "s", tuple(
        (f"histogram_quantile({q}, sum by (le, model) (rate(weir_ttft_seconds_bucket[$__rate_interval])))", f"{{{{model}}}} p{n}")
        for q, n in ((0.5, 50), (0.9, 90), (0.99, 99))
    )),
    ("TPOT", "s", tuple(
        (f"histogram_quantile({q}, sum by (le, model) (rate(weir_tpot_seconds_bucket[$__rate_interval])))", f"{{{{model}}}} p{n}")
        for q, n in ((0.5, 50), (0.99, 99))
    )),
    ("Answers that missed a deadline", "percentunit", (
        (
            "sum by (pool) (rate(weir_answers_late_total[$__rate_interval])) / sum by (pool) (rate(weir_answers_judged_total[$__rate_interval]))",
            "{{pool}}",
        ),
    )),
    ("Turned away", "reqps", (("sum by (reason) (rate(weir_refused_total[$__rate_interval]))", "{{reason}}"),)),
    ("How far predictions of TTFT are off", "percentunit", (
        ("histogram_quantile(0.5, sum by (le, pool) (rate(weir_ttft_relative_error_bucket[$__rate_interval])))", "{{pool}} p50"),
    )),
    ("Prompt tokens found cached", "percentunit", (
        ("sum(rate(weir_cached_tokens_reported_total[$__rate_interval])) / sum(rate(weir_prompt_tokens_total[$__rate_interval]))", "reported"),
        ("sum(rate(weir_cached_tokens_predicted_total[$__rate_interval])) / sum(rate(weir_prompt_tokens_total[$__rate_interval]))", "predicted"),
    )),
    ("In flight and waiting at the router", "short", (
        ("sum(weir_in_flight_requests)", "in flight"), ("sum(weir_queued_requests)", "waiting"),
    )),
    ("One decision", "s", (
        ("histogram_quantile(0.99, sum by (le) (rate(weir_decision_seconds_bucket[$__rate_interval])))", "p99"),
    )),
    ("Tried again elsewhere", "reqps", (("sum(rate(weir_retries_total[$__rate_interval]))", "retries"),)),
)  # fmt: skip

# Every pool service tells the whole fleet, hence max where it is counted.
POOL: tuple[Panel, ...] = (
    ("Replicas", "short", (
        ('max by (pool, ready) (weir_pool_replicas)', "{{pool}} ready={{ready}}"),
        ("max by (pool) (weir_pool_replicas_wanted)", "{{pool}} wanted"),
    )),
    ("Requests that wait for a replica", "short", (("max by (model) (weir_pool_held_requests)", "{{model}}"),)),
    ("How well caches are known", "short", (("max by (knowledge) (weir_pool_knowledge)", "{{knowledge}}"),)),
    ("KV events", "cps", (("max by (kind) (rate(weir_pool_kv_events_total[$__rate_interval]))", "{{kind}}"),)),
    ("Gaps and losses", "cps", (
        ("sum(rate(weir_pool_kv_gaps_total[$__rate_interval]))", "gaps"),
        ("sum(rate(weir_pool_kv_losses_total[$__rate_interval]))", "losses"),
    )),
    ("Blocks known", "short", (("max by (replica) (weir_pool_kv_blocks)", "{{replica}}"),)),
    ("Asking a replica", "s", (
        ("histogram_quantile(0.99, sum by (le, outcome) (rate(weir_pool_scrape_seconds_bucket[$__rate_interval])))", "{{outcome}} p99"),
    )),
    ("Wrong where replicas are found", "short", (("max by (pool, reason) (weir_pool_problems)", "{{pool}} {{reason}}"),)),
    ("Watches of Kubernetes", "cps", (
        ('sum by (resource, what) (rate(weir_pool_watch_total{what!="events"}[$__rate_interval]))', "{{resource}} {{what}}"),
    )),
)  # fmt: skip

DASHBOARDS = {"router": ("Weir: requests", ROUTER), "pool": ("Weir: fleet", POOL)}
SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard(name: str) -> str:
    """One dashboard as Grafana reads it."""
    title, panels = DASHBOARDS[name]
    whole: dict[str, Any] = {
        "uid": f"weir-{name}", "title": title, "tags": ["weir"], "schemaVersion": 39, "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}]},
        "panels": [_panel(n, *panel) for n, panel in enumerate(panels)],
    }  # fmt: skip
    return json.dumps(whole, indent=1) + "\n"


def _panel(n: int, title: str, unit: str, queries: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {
        "id": n + 1, "title": title, "type": "timeseries", "datasource": SOURCE,
        "gridPos": {"x": 12 * (n % 2), "y": 8 * (n // 2), "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + i), "expr": query, "legendFormat": legend, "datasource": SOURCE}
            for i, (query, legend) in enumerate(queries)
        ],
    }  # fmt: skip
