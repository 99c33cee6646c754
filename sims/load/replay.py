"""Open-loop replay: every arrival is sent at its time whatever became of the others, in time that may run faster."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable

from sims.arrival import Arrival
from sims.load.connections import Connections, Dial, dialler
from sims.load.flight import Flight
from sims.load.progress import Progress
from sims.load.prompts import Prompts
from sims.load.record import Record
from sims.load.sessions import Sessions
from sims.load.target import Composer, Target

BURST = 16  # requests sent before looking at answers again, when the generator is behind
TICK_S = 0.25  # wall seconds between looks at deadlines and words about progress


async def replay(
    arrivals: Iterable[Arrival],
    url: str,
    *,
    model: str,
    vocabulary: str = "",
    time_scale: float = 1.0,
    max_open: int = 4096,
    timeout_s: float = 600.0,
    api_key: str = "",
    salt: int = 0,
    run_id: str = "load",
    on_progress: Callable[[Progress], None] | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> list[Record]:
    """Send arrivals to the OpenAI API at `url`; a record of each, in the trace's order. Raises `BadUrl`, ValueError.

    `time_scale` virtual seconds pass in one wall second; records are in virtual seconds, `timeout_s` in wall seconds.
    Request ids are `run_id`-0, -1 ...; prompts of another `salt` share no prefix with these.
    """
    target = Target.of(url, api_key)
    composer = Composer(head=target.head(), model=model, prompts=Prompts(vocabulary, salt))
    run = Replay(
        dialler(target), composer, time_scale=time_scale, max_open=max_open, timeout_s=timeout_s, run_id=run_id
    )
    run.on_progress, run.on_record = on_progress, on_record
    return await run.run(arrivals)


class Replay:
    """One replay under way; must be made inside the event loop that runs it."""

    def __init__(
        self,
        dial: Dial,
        composer: Composer,
        *,
        time_scale: float,
        max_open: int,
        timeout_s: float,
        run_id: str,
        clock: Callable[[], float] = time.monotonic,  # an event loop's own clock may only know milliseconds
    ) -> None:
        if not time_scale > 0.0 or max_open < 1:
            raise ValueError(f"time_scale and max_open must be above 0, not {time_scale} and {max_open}")
        self.on_progress: Callable[[Progress], None] | None = None
        self.on_record: Callable[[Record], None] | None = None
        self._loop, self._clock = asyncio.get_running_loop(), clock
        self._composer, self._scale, self._run_id = composer, time_scale, run_id
        self._max_open, self._timeout_s = max_open, timeout_s
        self._connections = Connections(dial, clock, self._ended)
        self._sessions = Sessions()
        self._late: deque[Flight] = deque()  # due, but max_open are under way
        self._records: dict[int, Record] = {}
        self._places: dict[Flight, int] = {}  # of flights sent, late or pausing
        self._changed = asyncio.Event()
        self._start = self._clock()
        self._open = self._sent = self._failed = self._tokens = 0

    async def run(self, arrivals: Iterable[Arrival]) -> list[Record]:
        """Send them all and wait for the last."""
        self._start = self._clock()
        ticker = self._loop.create_task(self._tick())
        try:
            for index, arrival in enumerate(arrivals):
                if not self._sessions.holds(index, arrival):
                    await self._send_in_time(index, arrival)
            while self._places:
                await self._change()
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
            await self._connections.close()
        self._report()
        return [self._records[index] for index in sorted(self._records)]

    async def _send_in_time(self, index: int, arrival: Arrival) -> None:
        """Prepared before its time; the trace is read no further than what may be under way."""
        flight = self._prepared(index, arrival)
        ahead = flight.scheduled - self._clock()
        if ahead > 0.0 or index % BURST == 0:
            await asyncio.sleep(max(ahead, 0.0))
        self._launch(flight)
        while self._late:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _prepared(self, index: int, arrival: Arrival) -> Flight:
        request_id = f"{self._run_id}-{index}"
        message = self._composer.compose(arrival, index, request_id)
        due = self._start + self._sessions.earliest_s(arrival) / self._scale
        flight = Flight(arrival, request_id, message, due)
        self._places[flight] = index
        return flight

    def _launch(self, flight: Flight) -> None:
        if self._open >= self._max_open:
            self._late.append(flight)
            return
        self._open += 1
        self._sent += 1
        flight.sent = self._clock()
        self._connections.send(flight)

    def _ended(self, flight: Flight) -> None:
        self._open -= 1
        now_s = self._virtual(self._clock())
        record = self._record(flight)
        self._records[self._places.pop(flight)] = record
        self._failed += not record.completed
        self._tokens += record.output_tokens
        following = self._sessions.ended(flight.arrival, now_s)
        if following:
            turn = self._prepared(*following)
            self._loop.call_later(max(turn.scheduled - self._clock(), 0.0), self._launch, turn)
        if self._late:
            self._launch(self._late.popleft())
        self._changed.set()
        if self.on_record:
            self.on_record(record)

    def _virtual(self, time: float) -> float:
        return (time - self._start) * self._scale

    def _record(self, flight: Flight) -> Record:
        answer = flight.answer
        prompt, output, cached = answer.usage()
        return Record(
            request_id=flight.request_id,
            session=flight.arrival.session,
            model=flight.arrival.model or self._composer.model,
            scheduled_s=self._virtual(flight.scheduled),
            sent_s=self._virtual(flight.sent),
            first_token_s=None if answer.first is None else self._virtual(answer.first),
            last_token_s=None if answer.last is None else self._virtual(answer.last),
            prompt_tokens=prompt or flight.arrival.prompt_tokens,
            output_tokens=output,
            cached_tokens=cached,
            status=flight.status,
            error=flight.error,
            replica=flight.replica,
        )

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            overdue = self._clock() - self._timeout_s
            for flight in self._connections.open():
                if flight.sent < overdue:
                    self._connections.give_up(flight, f"no whole answer within {self._timeout_s:g} s")
            self._report()

    def _report(self) -> None:
        if self.on_progress:
            self.on_progress(
                Progress(
                    at_s=self._virtual(self._clock()),
                    sent=self._sent,
                    done=len(self._records),
                    failed=self._failed,
                    open=self._open,
                    output_tokens=self._tokens,
                )
            )
