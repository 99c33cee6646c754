"""The loop of the one that leads: looks, reconciles, performs, and tells resources of themselves."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from pool.cluster import resources
from pool.cluster.objects import Pod
from pool.cluster.troubles import Conflict, Trouble
from pool.control import divisions, observe, wishes
from pool.control.events import About, Events
from pool.control.leadership import Leads
from pool.control.observe import Target
from pool.control.perform import Performer
from pool.control.statuses import NOTHING, Counts, Statuses, stamp, status
from pool.control.wishes import Wishes
from pool.demand import model
from pool.discovery.fleet import Fleet
from pool.discovery.kubernetes import Cluster, Pods, Watched
from pool.discovery.places import Problem
from pool.reconcile import Action, Pool, Scale, Wanted, reconcile
from pool.roster import Roster
from pool.routed import Routed
from pool.settings import Settings
from pool.wanting import Wanting
from weir.fleetfile import message
from weir.resources import GROUP, KINDS, VERSION
from weir.v1 import fleet_pb2

log = logging.getLogger(__name__)

EVERY_S = 1.0


@dataclass(kw_only=True)
class Controller:
    """Acts on the fleet while it leads."""

    settings: Settings
    fleet: Fleet
    cluster: Cluster
    roster: Roster
    leadership: Leads
    me: str
    routed: Routed = field(default_factory=Routed)
    wanting: Wanting = field(default_factory=Wanting)
    performed: Counter[str] = field(default_factory=Counter)  # actions, by kind
    clock: Callable[[], float] = monotonic

    def __post_init__(self) -> None:
        api = self.cluster.api
        self._events = Events(api=api, me=self.me)
        self._performer = Performer(api=api, events=self._events)
        self._statuses = Statuses(api=api)
        self._drains: dict[str, float] = {}  # since when this one knows that a pod is drained, by uid
        self._led = False  # whether this one led when it last looked
        policy, given = self.settings.scaling_policy, self.settings.scaling_settings
        self._wishes = Wishes(policy=policy, settings=given, routed=self.routed) if policy else None

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.turn()
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        """Look once, tell others what is wanted, and do it where this one leads."""
        self.look()
        wanted = self.wanted()
        self.wanting.tell({name: want.size for name, want in wanted.items()})
        self.fleet.leads = self.leadership.leads()
        if self.fleet.leads:
            await self.round(wanted)
        else:
            self.fleet.unable = {}
            if self.settings.scaling == "act":  # who leads next knows since when
                self._notice(self._pods())

    async def round(self, wanted: Mapping[str, Wanted]) -> None:
        """Do what is to be done that every pool becomes what is wanted."""
        if self.settings.scaling == "act":
            pods = self._pods()
            self._notice(pods)
            seen = self._seen(pods)
            unable = {name: problem for name in wanted if (problem := self._unable(name, wanted[name], seen))}
            for action in reconcile(seen, wanted):
                if (problem := await self._do(action, pods)) is not None:
                    unable[action.pool] = problem
            self.fleet.unable = unable
        elif self.settings.scaling == "recommend":
            await self._recommend(wanted)
        await self._say_boundaries()
        await self._tell(wanted)

    def wanted(self) -> dict[str, Wanted]:
        """What every pool shall be."""
        asked = self._asked()
        return asked if self._wishes is None else self._wishes.wanted(asked)

    def look(self) -> None:
        """Let the scaling policy see the fleet; whoever does not lead looks too, for it may."""
        if self._wishes is not None:
            told, asked = self.roster.directions, self._asked()
            most, least = {name: each.most for name, each in asked.items()}, [each.least for each in asked.values()]
            deadlines = told.ttft_s, told.tpot_s
            elastic = {name for name in self.fleet.pools if self.target(name) is not None}
            self._wishes.look(self.roster, self.fleet.pools, most, deadlines, min(least, default=1), elastic)
            self.roster.expect(self._elastic())
            self._bound(self._wishes)

    def _bound(self, wished: Wishes) -> None:
        """Tell routers where pools are divided: as was decided here, or as the one who leads says in their statuses."""
        if self.settings.scaling != "act":
            return
        leads = self.leadership.leads()
        if not (leads and self._led):  # what another decided stands, until there is more to decide
            wished.divided = self._kept()
            wished.moved.clear()
        self._led = leads
        self.roster.bound(divisions.messages(wished.divided))

    def _kept(self) -> divisions.Divided:
        verdicts = self.fleet.resources.declared.verdicts if self.fleet.resources else {}
        statuses = {each.meta.name: each.status for each in verdicts.values() if each.kind == "Pool"}
        return divisions.read(statuses, self.fleet.pools)

    def _asked(self) -> dict[str, Wanted]:
        """What resources ask for of every pool."""
        declared = self.fleet.resources.declared.good.wanted if self.fleet.resources else {}
        least = int(self.settings.scaling_settings.get("least", 1))
        return {name: wishes.asked(declared.get(name), least) for name in self.fleet.pools}

    def _elastic(self) -> list[fleet_pb2.Replica]:
        """A replica as it would be of every pool that this makes larger, or tells others to."""
        if self.settings.scaling == "off":
            return []
        made = [message(pool, 0, "") for name, pool in self.fleet.pools.items() if self.target(name) is not None]
        return [each for each in made if model(each) is not None]

    def target(self, name: str) -> Target | None:
        """The workload that a pool's replicas come from, if it says so."""
        declared = self.fleet.resources.declared.good.wanted.get(name) if self.fleet.resources else None
        if declared is not None and declared.target is not None:
            return Target(kind=declared.target.kind, name=declared.target.name)
        where = self.fleet.pools[name].discover
        kind, _, workload = where.target.partition("/") if where else ("", "", "")
        return Target(kind=kind, name=workload) if workload else None

    def _pods(self) -> dict[str, dict[str, Pod]]:
        """Every pool's pods by name."""
        found = {}
        for name in self.fleet.pools:
            source = self.fleet.source(name)
            members = source.members() if isinstance(source, Pods) else []
            found[name] = {pod.metadata.name: pod for pod in members}
        return found

    def _notice(self, pods: Mapping[str, Mapping[str, Pod]]) -> None:
        drained = [pod.metadata.uid for mine in pods.values() for pod in mine.values() if observe.drains(pod)]
        self._drains = {uid: self._drains.get(uid, self.clock()) for uid in drained}

    def _seen(self, pods: Mapping[str, Mapping[str, Pod]]) -> dict[str, Pool]:
        now, seen = self.clock(), {}
        drained = {uid: now - since for uid, since in self._drains.items()}  # no other machine's clock is asked
        for name, described in self.fleet.pools.items():
            target = self.target(name)
            workload = None
            if target is not None:
                workload = self._workloads(target).reflector.store.get(f"{self.cluster.api.namespace}/{target.name}")
            seen[name] = observe.pool(described, pods[name].values(), self.roster, target, workload, drained)
        return seen

    def _workloads(self, target: Target) -> Watched:
        return self.cluster.watched(resources.workloads(target.kind, self.cluster.api.namespace))

    def _unable(self, name: str, want: Wanted, seen: Mapping[str, Pool]) -> Problem | None:
        """Why a pool cannot be made as large as is wanted; None where it can, or nobody wants it."""
        target = self.target(name)
        if want.size is None or name not in seen or seen[name].workload is not None:
            return None
        if target is None:
            return Problem(
                reason="NoTarget", words="it is not said whose replicas its pods are: give `target`", about=name
            )
        watched = self._workloads(target)
        missing = Problem(reason="NoWorkload", words=f"there is no {target.kind} {target.name}", about=name)
        return next(iter(watched.problems(name)), missing if watched.known else None)

    async def _do(self, action: Action, pods: Mapping[str, Mapping[str, Pod]]) -> Problem | None:
        """Do it; what is wrong where it cannot be done."""
        pod = None if isinstance(action, Scale) else pods[action.pool].get(action.replica)
        if not self.leadership.leads():  # another may lead by now
            return None
        try:
            await asyncio.to_thread(self._performer.perform, action, pod)
            self.performed[type(action).__name__] += 1
            log.info("done: %s", action)
        except Conflict:
            log.info("somebody else was first: %s", action)
        except Trouble as trouble:
            before = self.fleet.unable.get(action.pool)
            log.log(logging.DEBUG if before else logging.WARNING, "not done: %s: %s", action, trouble)
            return Problem(reason=trouble.reason, words=str(trouble), about=action.pool)
        return None

    async def _recommend(self, wanted: Mapping[str, Wanted]) -> None:
        there = Counter(entry.described.pool for entry in self.roster)
        for name, want in wanted.items():
            about = About(api=f"{GROUP}/{VERSION}", kind="Pool", name=name)
            said = [f"{each.replicas} of them {each.role}" for each in want.switches]
            if want.size not in (None, there[name]) and self.target(name) is not None:
                said.insert(0, f"{want.size} replicas: {want.why}")
            for words in said:
                await asyncio.to_thread(self._events.say, about, "Recommended", words)

    async def _say_boundaries(self) -> None:
        """An Event for each boundary that has moved, or would have where it is only told."""
        if self._wishes is None:
            return
        moved, self._wishes.moved = self._wishes.moved, []
        reason = "BoundaryMoved" if self.settings.scaling == "act" else "Recommended"
        for boundary, why in moved:
            log.warning("%s: %s: %s", reason, divisions.words(boundary), why)
            about = About(api=f"{GROUP}/{VERSION}", kind="Pool", name=boundary.short)
            await asyncio.to_thread(self._events.say, about, reason, f"{divisions.words(boundary)}: {why}")

    async def _tell(self, wanted: Mapping[str, Wanted]) -> None:
        """Every resource's status."""
        if self.fleet.resources is None:
            return
        declared = self.fleet.resources.declared
        counts = self._counts(wanted)
        standings = self.fleet.resources.following.standings
        for verdict in [each for each in declared.verdicts.values() if each.kind in KINDS]:
            name, pools = verdict.meta.name, 0
            if verdict.kind == "Fleet":
                pools = sum(spec.fleet in ("", name) for spec in declared.good.wanted.values())
            problems = [each for each in self.fleet.problems if each.about == name] if verdict.kind == "Pool" else []
            mine = counts.get(name) if verdict.kind == "Pool" else None
            standing = standings.get((verdict.kind, name))
            unable = self.fleet.unable.get(name, NOTHING) if mine and self.settings.scaling == "act" else None
            made = status(verdict, mine, problems, pools, stamp(), standing, unable)
            made |= self._division(verdict.kind, name)
            await asyncio.to_thread(self._statuses.write, verdict, made)

    def _division(self, kind: str, name: str) -> dict[str, Any]:
        wished = self._wishes if kind == "Pool" and self.settings.scaling == "act" else None
        return divisions.kept(wished.divided.get(name)) if wished is not None else {}

    def _counts(self, wanted: Mapping[str, Wanted]) -> dict[str, Counts]:
        ready, all_of = Counter[str](), Counter[str]()
        for entry in self.roster:
            all_of[entry.described.pool] += 1
            ready[entry.described.pool] += entry.ready
        made = {}
        for name, pool in self.fleet.pools.items():
            selector = pool.discover.pods if pool.discover else ""
            replicas = wanted[name].size if name in wanted else None
            made[name] = Counts(replicas=all_of[name], ready=ready[name], wanted=replicas, selector=selector)
        return made
