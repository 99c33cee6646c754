"""From a fleet file to replicas, and the process that runs them."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sims.emulator.fleet import emulated
from tests.sims.emulator.emulation import live, replica
from weir.fleetfile import FleetFile

POOL = {"name": "chat", "gpu": "h100-sxm", "model": "llama-3.1-8b"}


def fleet(**changes: object) -> FleetFile:
    return FleetFile.model_validate({"pools": [{**POOL, **changes}]})


def test_every_replica_of_a_pool_is_emulated_with_the_pools_settings() -> None:
    first, second = emulated(fleet(replicas=2, engine={"block_size": 32}), "0.0.0.0", None, events=False)
    assert (first.name, second.name) == ("chat-0", "chat-1")
    assert (first.model, first.block_tokens, first.tokenizer) == ("llama-3.1-8b", 32, "llama3")
    assert (first.port, first.events_port, first.replay_port) == (0, None, None)


def test_ports_count_up_from_a_given_one() -> None:
    replicas = emulated(fleet(replicas=2), "127.0.0.1", 8100, events=True)
    assert [(each.port, each.events_port, each.replay_port) for each in replicas] == [
        (8100, 8101, 8102),
        (8103, 8104, 8105),
    ]


def test_addresses_in_the_file_win() -> None:
    given = fleet(addresses=["10.0.0.7:8000"], events=["tcp://10.0.0.7:5557"])
    (only,) = emulated(given, "127.0.0.1", 8100, events=False)
    assert (only.host, only.port, only.events_port, only.replay_port) == ("10.0.0.7", 8000, 5557, None)


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(ValueError, match="'nowhere' is no address"):
        emulated(fleet(addresses=["nowhere"]), "127.0.0.1", None, events=False)


async def test_a_taken_port_is_an_os_error_that_leaves_nothing_open() -> None:
    async with live(replica(events_port=0)) as up:
        assert up.events is not None
        taken = int(up.events.rpartition(":")[2])
        with pytest.raises(OSError, match=r"cannot publish KV events on .*: Address already in use"):
            async with live(replica(events_port=taken)):
                pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_tells_where_it_listens_and_ends_quietly_when_told(tmp_path: Path, number: int) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(json.dumps({"pools": [{**POOL, "replicas": 2}]}))
    command = [sys.executable, "-m", "sims.emulator", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(number)
        _, complaints = process.communicate(timeout=10)
    assert [line["name"] for line in lines] == ["chat-0", "chat-1"]
    assert all(set(line) == {"name", "address", "events", "replay"} for line in lines)
    assert (process.returncode, complaints) == (0, "")
