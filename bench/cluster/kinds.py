"""Weir's kinds, defined at an API and served."""

import time
from pathlib import Path
from typing import Any

import yaml

from bench.cluster.server import Cluster
from pool.cluster.api import Api
from pool.cluster.troubles import Trouble

CRDS = Path(__file__).parents[2] / "helm" / "files" / "crds"
SERVED_S = 30.0


def define(found: Cluster, *more: dict[str, Any]) -> None:
    """Make the API know them, and any others; raises `Trouble` when it never serves them."""
    api = Api(str(found.kubeconfig))
    crds = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    for crd in [*crds, *more]:
        api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        spec = crd["spec"]
        served(api, f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}")
    api.close()


def served(api: Api, path: str) -> None:
    """Wait until a kind just defined is served: a moment."""
    until = time.monotonic() + SERVED_S
    while True:
        try:
            api.get(path)
            return
        except Trouble:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
