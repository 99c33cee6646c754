"""Units over the machines of a Ray cluster; Ray is an extra and is imported only when it is asked for."""

import os
import socket
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sims
import weir
from sims.measure.outcome import Outcome
from sims.sweep.inputs import Inputs, Unit
from sims.sweep.processes import answered
from sims.sweep.trial import Bench

REACH_S = 5.0


class BadUrl(ValueError):
    """A cluster that is not there, or no Ray to reach it with."""


def ray_or_say() -> Any:
    """The library; raises `BadUrl` with how to install it."""
    if find_spec("ray") is None:
        raise BadUrl("--executor ray needs Ray, which is not installed: pip install 'weir[ray]', on every machine")
    return import_module("ray")


class OnRay:
    """A context that runs units as Ray tasks, one a core; the inputs go to each machine once."""

    def __init__(self, inputs: Inputs, ray: Any, address: str = "") -> None:
        self._inputs, self._ray, self._address = inputs, ray, address

    def __enter__(self) -> Self:
        reach(self._address)
        try:
            self._ray.init(
                address=self._address or None,
                log_to_driver=False,
                configure_logging=False,
                runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(homes())}},
            )
        except (ConnectionError, ValueError) as error:
            said = str(error).partition("\n")[0]
            raise BadUrl(f"no Ray cluster at {self._address}: {said}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ray.shutdown()

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Outcome]]:
        """Every unit's place and outcome as it is done; raises what a unit raises."""
        task = self._ray.remote(num_cpus=1, max_retries=2)(remotely)
        inputs = self._ray.put(self._inputs)
        waiting = {task.remote(inputs, unit): place for place, unit in enumerate(units)}
        while waiting:
            ready, _ = self._ray.wait(list(waiting))
            for one in ready:
                found = self._ray.get(one)
                if isinstance(found, Exception):
                    raise found
                yield waiting.pop(one), found


def reach(address: str) -> None:
    """Raise `BadUrl` where nobody listens at host:port: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # `auto`, or a cluster of Ray's own making
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise BadUrl(f"no Ray cluster at {address}: {said.lower()}: start one there with `ray start --head`") from None


def homes() -> list[str]:
    """Folders in which Weir's packages lie: a checkout on a shared disk need not be installed on every machine."""
    return sorted({str(Path(folder).parent) for package in (sims, weir) for folder in package.__path__})


def remotely(inputs: Inputs, unit: Unit) -> Outcome | Exception:
    """One unit on whichever machine this is."""
    return answered(Bench(inputs), unit)
