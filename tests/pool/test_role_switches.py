"""The live reconciler on a roster filled by hand, time told by the test: what it sees, does, and tells routers."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.door import WrongUse
from cli.main import app
from cli.served import chosen_roles
from policies.fleet import ROLE, Fleet
from policies.scale.roles import Roles
from policies.scale.scaling import History, Move, PoolState, Scaling, Wish
from policies.scale.splits import Split, split_of
from pool.complaints import Complaints
from pool.events import Tally
from pool.feed import Feed
from pool.metrics import Live
from pool.roles import Reconciler
from pool.roster import Entry
from pool.scrape import Reading, read
from pool.settings import Settings
from tests.pool.fakes import described, roster
from weir import codec
from weir.v1 import fleet_pb2

FACTS = {"profile": "qwen3-32b", "gpu": "h100-sxm", "gpus": 2, "model": "qwen"}
PAGE = b"""vllm:num_requests_running{engine="0"} 3.0
vllm:prompt_tokens_total{engine="0"} 1000.0
vllm:prompt_tokens_total{engine="1"} 500.0
vllm:prefix_cache_hits_total{engine="0"} 200.0
vllm:generation_tokens_total{engine="0"} 70.0
vllm:request_success_total{finished_reason="stop"} 8.0
vllm:request_success_total{finished_reason="length"} 1.0
"""


@dataclass(slots=True, kw_only=True)
class Said:
    """A policy that wishes what it is given, once."""

    moves: tuple[Move, ...] = ()
    interval_s: float = 5.0
    seen: list[dict[str, PoolState]] = field(default_factory=list)

    def wanted(self, history: History, now: float) -> Wish:
        """See `Scaling`."""
        self.seen.append(dict(history[-1]))
        moves, self.moves = self.moves, ()
        return Wish(replicas={}, moves=moves, why="because")


class Scene:
    """A roster of replicas alike, its reconciler and a clock."""

    def __init__(self, policy: Scaling, *roles: str, acts: bool = True) -> None:
        self.now, self.roster = 0.0, roster()
        for i, role in enumerate(roles):
            self.roster.answered(self.roster.enter(described(f"r{i}", role=role, **FACTS)))
        self.roster.changes.take()
        self.reconciler = Reconciler(roster=self.roster, policy=policy, acts=acts, clock=lambda: self.now)

    def entry(self, i: int) -> Entry:
        found = self.roster.get(f"r{i}")
        assert found is not None
        return found

    def reads(self, i: int, **numbers: float) -> None:
        self.roster.read(self.entry(i), Reading(**numbers), self.now)  # type: ignore[arg-type]

    def look(self, after_s: float = 5.0) -> None:
        self.now += after_s
        self.reconciler.look()

    @property
    def roles(self) -> list[str]:
        return [entry.described.role for entry in self.roster]


def move(source: str, target: str, *, drains: bool = False, replicas: int = 1) -> tuple[Move, ...]:
    return (Move(source=source, target=target, drains=drains, replicas=replicas),)


def test_the_least_loaded_turns_at_once_and_routers_are_told() -> None:
    scene = Scene(Said(moves=move("mixed", "prefill")), "mixed", "mixed")
    scene.reads(0, running=5)
    scene.reads(1, running=2, waiting=1)
    scene.roster.changes.take()
    scene.look()
    assert scene.roles == ["mixed", "prefill"]
    assert scene.entry(1).report(scene.now).ready
    assert "r1" in scene.roster.changes.take().replicas


def test_one_that_empties_first_is_not_ready_until_it_holds_nobody() -> None:
    scene = Scene(Said(moves=move("decode", "prefill", drains=True)), "decode", "prefill")
    scene.reads(0, running=4)
    scene.look()
    report = scene.entry(0).report(scene.now)
    assert (report.ready, report.reason) == (False, "empties to become prefill")
    assert scene.roles == ["decode", "prefill"]
    scene.reads(0, running=1)
    scene.look()
    assert scene.roles == ["decode", "prefill"]
    scene.reads(0)
    scene.look()
    assert scene.roles == ["prefill", "prefill"]
    assert scene.entry(0).report(scene.now).ready


def test_the_policy_sees_who_empties() -> None:
    said = Said(moves=move("decode", "prefill", drains=True))
    scene = Scene(said, "decode", "decode", "prefill")
    scene.reads(0, running=4)
    scene.reads(1, running=4)
    scene.look()
    scene.look()
    assert [states["decode"].draining for states in said.seen] == [0, 1]
    assert [states["decode"].ready for states in said.seen] == [2, 1]


def test_one_that_dies_while_it_empties_has_its_new_role_when_it_is_back() -> None:
    scene = Scene(Said(moves=move("decode", "prefill", drains=True)), "decode", "prefill")
    scene.reads(0, running=4)
    scene.look()
    scene.roster.failed(scene.entry(0), "no answer", refused=True)
    scene.look()
    scene.roster.answered(scene.entry(0))
    assert scene.roles[0] == "prefill"
    assert scene.entry(0).ready


def test_where_it_is_only_told_nothing_changes_but_the_log(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(Said(moves=move("mixed", "decode")), "mixed", "mixed", acts=False)
    with caplog.at_level(logging.WARNING):
        scene.look()
    assert scene.roles == ["mixed", "mixed"]
    assert "r0 would turn from mixed to decode: because" in caplog.text
    assert [switch.done for switch in scene.reconciler.switched.latest] == [False]


def test_every_switch_is_recorded_with_its_reason_and_counted() -> None:
    scene = Scene(Said(moves=move("mixed", "decode", replicas=2)), "mixed", "mixed", "mixed")
    scene.look()
    latest = scene.reconciler.switched.latest
    assert [(one.at, one.replica, one.source, one.target, one.why) for one in latest] == [
        (5.0, "r0", "mixed", "decode", "because"),
        (5.0, "r1", "mixed", "decode", "because"),
    ]
    assert scene.reconciler.switched.counts["mixed", "decode"] == 2
    live = Live(scene.roster, Tally(), Feed(scene.roster), None, Complaints(), scene.reconciler.switched)
    samples = {
        (one.name, *sorted(one.labels.items())): one.value for family in live.collect() for one in family.samples
    }
    assert samples["weir_pool_role_switches_total", ("source", "mixed"), ("target", "decode")] == 2
    assert samples["weir_pool_roles", ("empties_for", ""), ("pool", "a"), ("role", "decode")] == 2


def test_what_it_sees_is_what_the_counters_rose_by() -> None:
    said = Said()
    scene = Scene(said, "prefill", "decode")
    scene.reads(0, prompt_tokens=1000.0, cached_tokens=100.0, ended=10.0, output_tokens=10.0)
    scene.reads(1, prompt_tokens=1000.0, ended=5.0, output_tokens=400.0, running=3)
    scene.look()
    scene.reads(0, prompt_tokens=5000.0, cached_tokens=600.0, ended=12.0, output_tokens=12.0, waiting=2)
    scene.reads(1, prompt_tokens=9000.0, ended=8.0, output_tokens=1000.0, running=5)
    scene.look()
    first, then = said.seen
    assert (first["prefill"].arrived, first["decode"].ended) == (0, 0)
    assert (then["prefill"].arrived, then["prefill"].prompt_tokens) == (4, 3500.0)
    assert (then["decode"].ended, then["decode"].output_tokens) == (3, 600.0)
    assert (then["decode"].arrived, then["prefill"].ended, then["decode"].running) == (0, 0, 5.0)


def test_a_restarted_engine_has_done_nothing_yet() -> None:
    said = Said()
    scene = Scene(said, "mixed")
    scene.reads(0, ended=1000.0, prompt_tokens=1e6)
    scene.look()
    scene.roster.restart(scene.entry(0))
    scene.reads(0, ended=2.0, prompt_tokens=100.0)
    scene.look()
    assert said.seen[1]["mixed"].arrived == 0


def test_counts_come_from_the_engines_pages() -> None:
    reading = read(PAGE)
    assert (reading.prompt_tokens, reading.cached_tokens) == (1500.0, 200.0)
    assert (reading.output_tokens, reading.ended) == (70.0, 9.0)
    assert read(b"").ended == 0.0


def test_replicas_that_differ_are_not_each_others_to_replace() -> None:
    said = Said(moves=move("mixed", "prefill"))
    scene = Scene(said, "mixed")
    scene.roster.answered(scene.roster.enter(described("other", role="mixed", **(FACTS | {"gpu": "h200"}))))
    scene.look()
    assert [states["mixed"].ready for states in said.seen] == [1, 1]
    assert [one.replica for one in scene.reconciler.switched.latest] == ["r0"]


def test_encoders_and_unknown_models_are_left_alone() -> None:
    said = Said(moves=move("mixed", "prefill"))
    scene = Scene(said, "encode")
    scene.roster.enter(described("odd", role="mixed", **(FACTS | {"profile": "nobody-knows"})))
    scene.look()
    assert said.seen == []


def test_an_edit_of_the_fleet_file_does_not_undo_a_switch() -> None:
    scene = Scene(Said(moves=move("mixed", "prefill")), "mixed")
    scene.look()
    edited = described("r0", role="mixed", **FACTS)
    edited.engine.max_num_seqs = 32
    scene.roster.describe(scene.entry(0), edited)
    assert scene.roles == ["prefill"]
    assert scene.entry(0).described.engine.max_num_seqs == 32


def test_a_router_that_is_told_has_the_new_role_in_its_table() -> None:
    scene, fleet = Scene(Said(moves=move("mixed", "decode")), "mixed"), Fleet()
    row = fleet.add(codec.replica(scene.entry(0).described))
    scene.look()
    update = fleet_pb2.FleetUpdate(replicas=[scene.entry(0).described])
    assert fleet.add(codec.replica(update.replicas[0])) == row
    assert fleet.table[row, ROLE] == 2.0


def live(scene: Scene, rate: float, prompt: float, output: float, looks: int, totals: dict[str, float]) -> None:
    """So much traffic over the fleet as its roles are, interval after interval."""
    for _ in range(looks):
        requests = rate * 5.0
        for key, more in (("ended", requests), ("prompt", prompt * requests), ("output", output * requests)):
            totals[key] += more
        split = split_of_roles(scene)
        takers = [i for i, role in enumerate(scene.roles) if role == ("prefill" if split.prefill else "mixed")]
        givers = [i for i, role in enumerate(scene.roles) if role == ("decode" if split.prefill else "mixed")]
        for i in range(len(scene.roles)):
            before = scene.entry(i).reading
            scene.reads(
                i,
                ended=before.ended + requests / len(givers if i in givers else takers),
                prompt_tokens=before.prompt_tokens + (prompt * requests / len(takers) if i in takers else 0.0),
                output_tokens=before.output_tokens + (output * requests / len(givers) if i in givers else 0.0),
            )
        scene.look()


def split_of_roles(scene: Scene) -> Split:
    return Split(*(scene.roles.count(role) for role in Split._fields))


def test_the_policy_that_was_simulated_follows_a_change_of_traffic_live() -> None:
    scene = Scene(Roles(ttft_s=1.0, tpot_s=0.05, burst=1.0), *["mixed"] * 8)
    totals = {"ended": 0.0, "prompt": 0.0, "output": 0.0}
    live(scene, 40.0, 2048.0, 28.0, 40, totals)
    assert split_of_roles(scene) == Split(7, 1, 0)
    switched = len(scene.reconciler.switched.latest)
    live(scene, 40.0, 2048.0, 28.0, 40, totals)
    assert len(scene.reconciler.switched.latest) == switched
    live(scene, 46.0, 1155.0, 211.0, 40, totals)
    assert split_of_roles(scene).decode >= 3
    assert split_of_roles(scene).replicas == 8
    assert all("times the demand" in one.why for one in scene.reconciler.switched.latest)


def test_states_by_role_are_what_the_policy_counts() -> None:
    said = Said()
    scene = Scene(said, "prefill", "prefill", "decode", "mixed")
    scene.roster.failed(scene.entry(0), "gone", refused=True)
    scene.look()
    assert split_of(said.seen[0]) == Split(1, 1, 1)


def test_the_way_roles_are_treated_is_chosen_by_name() -> None:
    assert [chosen_roles(name) for name in ("fixed", "told", "switched")] == ["fixed", "told", "switched"]
    assert Settings().roles == "fixed"
    with pytest.raises(WrongUse, match="known: fixed, told, switched"):
        chosen_roles("moving")


def test_the_command_refuses_another_way_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text("pools:\n- name: a\n  gpu: h100-sxm\n  model: llama-3.1-8b\n  addresses: ['127.0.0.1:1']\n")
    done = CliRunner().invoke(app, ["pool", "--fleet", str(path), "--listen", "127.0.0.1:0", "--roles", "moving"])
    assert done.exit_code == 2
    assert "--roles moving" in done.stderr
