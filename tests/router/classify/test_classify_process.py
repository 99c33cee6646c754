"""The classifier's process and the gateways' end of it: batches, deadlines, deaths."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from policies.select.rules.rule import Anchor, Answer, RuleSet
from policies.signals.port import Embedding
from policies.signals.reading import Reading
from router.classify import keeper as keeping
from router.classify.classifier import Classifier
from router.classify.client import Client
from router.classify.encoder import Vectors
from router.classify.features import Seen
from router.classify.keeper import Keeper, Kept
from router.classify.port import Made
from router.classify.weights import NoModel
from router.classify.worker import Server
from tests.router.classify.talkers import Letters, Says, made

NAMES = frozenset({"difficulty"})
PATIENCE_S = 30.0  # for what is waited for, and of questions that are not to be late
Answered = tuple[Mapping[str, Reading], str]


class Gate(Letters):
    """Letters that wait until they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.open = threading.Event(), threading.Event()

    def embed(self, texts: list[str]) -> Vectors:  # type: ignore[override]
        self.reached.set()
        self.open.wait(PATIENCE_S)
        return super().embed(texts)


class Serving:
    """A server in this process, and clients of it."""

    def __init__(self, path: str, server: Server) -> None:
        self.path, self.server, self.clients = path, server, list[Client]()

    async def client(self, deadline_s: float = PATIENCE_S) -> Client:
        client = Client(self.path, deadline_s)
        client.start()
        self.clients.append(client)
        await until(lambda: client._frames is not None)
        return client


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that tells nobody."""
    async with asyncio.timeout(2 * PATIENCE_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(folder: Path, letters: Letters, **heads: Says) -> AsyncIterator[Serving]:
    async with serving_made(folder, made(letters, **heads)) as found:
        yield found


@contextlib.asynccontextmanager
async def serving_made(folder: Path, whole: Made, encoder_s: float = 0.0) -> AsyncIterator[Serving]:
    """A server that believes that a text through the encoder takes so long."""
    server = Server(Classifier(whole))
    server._queue.took(encoder_s, 1)
    path = str(folder / "socket")
    listening = await server.serve(path)
    running = asyncio.get_running_loop().create_task(server.run())
    found = Serving(path, server)
    yield found
    for client in found.clients:
        client.close()
    await until(lambda: not server._frames)
    running.cancel()
    await asyncio.wait([running])
    listening.close()
    server.close()


async def asked(client: Client, text: str, names: frozenset[str] = NAMES) -> Answered:
    done: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
    client.ask(names, text, "", lambda readings, why: done.set_result((readings, why)))
    return await asyncio.wait_for(done, 2 * PATIENCE_S)


async def test_a_question_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path, Letters(), difficulty=Says(Reading(0.75))) as found:
        client = await found.client()
        assert await asked(client, "how?") == ({"difficulty": Reading(0.75)}, "")
        assert client.why == {"": 1}


async def test_questions_of_several_gateways_are_computed_together(tmp_path: Path) -> None:
    letters = Gate()
    async with serving(tmp_path, letters, difficulty=Says(Reading(0.75))) as found:
        one, other = await found.client(), await found.client()
        first = asyncio.create_task(asked(one, "first"))
        await until(letters.reached.is_set)
        rest = [asyncio.create_task(asked(client, text)) for client, text in ((one, "a"), (other, "b"), (other, "c"))]
        await until(lambda: len(found.server._queue) == 3)
        letters.open.set()
        assert [why for _, why in await asyncio.gather(first, *rest)] == ["", "", "", ""]
    assert letters.calls[0] == ["first"]
    assert sorted(letters.calls[1]) == ["a", "b", "c"]


async def test_an_answer_that_does_not_come_in_time_is_not_waited_for(tmp_path: Path) -> None:
    letters = Gate()
    async with serving(tmp_path, letters, difficulty=Says(Reading(0.75))) as found:
        client = await found.client(deadline_s=0.05)
        assert await asked(client, "slow") == ({}, "late")  # nothing is computed until the gate opens
        letters.open.set()
        client._deadline_s = PATIENCE_S
        assert (await asked(client, "quick"))[1] == ""


async def test_a_signal_that_nobody_can_read_is_told_as_unread(tmp_path: Path) -> None:
    async with serving(tmp_path, Letters()) as found:
        assert await asked(await found.client(), "x") == ({}, "unread")


async def test_what_the_encoder_has_no_time_for_is_read_lightly_and_told_so(tmp_path: Path) -> None:
    heads = {"difficulty": Says(Reading(0.75), tier="encoder"), "audience": Says(Reading(1.0))}
    whole = Made(lambda tier: Letters(), heads, {"difficulty": Says(Reading(0.5))})
    async with serving_made(tmp_path, whole, encoder_s=60.0) as found:
        client = await found.client()
        assert await asked(client, "how?") == ({"difficulty": Reading(0.5)}, "light")
        assert await asked(client, "who?", frozenset({"audience"})) == ({"audience": Reading(1.0)}, "")
        assert client.why == {"light": 1, "": 1}


async def test_the_size_of_the_whole_prompt_goes_along(tmp_path: Path) -> None:
    seen: list[Sequence[int]] = []

    class Sizes(Says):
        def readings(self, found: Seen) -> Sequence[Reading]:
            seen.append(found.sizes)
            return [Reading(0.0)]

    async with serving(tmp_path, Letters(), heavy=Sizes()) as found:
        client, done = await found.client(), asyncio.Event()
        client.ask(frozenset({"heavy"}), "and now?", "", lambda *_: done.set(), 12_000)
        await asyncio.wait_for(done.wait(), PATIENCE_S)
    assert seen == [[12_000]]


async def test_anchors_are_those_of_the_rules_in_use(tmp_path: Path) -> None:
    async with serving(tmp_path, Letters()) as found:
        client = await found.client()
        near = frozenset({"near:greeting"})
        assert (await asked(client, "hello", near))[1] == "unread"
        rules = RuleSet(rules=(), fallback=Answer(models=("m",)), anchors={"greeting": Anchor(examples=("hello",))})
        client.use(rules)
        readings, why = await asked(client, "hello", near)
        assert why == ""
        assert readings["near:greeting"].value == pytest.approx(1.0, abs=1e-5)


async def test_without_a_classifier_nobody_waits(tmp_path: Path) -> None:
    client = Client(str(tmp_path / "nobody"), 5.0)
    client.start()
    assert await asked(client, "x") == ({}, "absent")
    client.close()


async def test_a_gateway_that_sends_garbage_is_cut_off_and_the_others_go_on(tmp_path: Path) -> None:
    async with serving(tmp_path, Letters(), difficulty=Says(Reading(0.5))) as found:
        client = await found.client()
        reader, writer = await asyncio.open_unix_connection(found.path)
        writer.write(b"\0\0\0\2zz")
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        writer.close()
        assert (await asked(client, "x"))[1] == ""


async def test_a_process_that_dies_is_started_again_and_the_question_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    keeper = Keeper(Kept(socket=str(path), loads="tests.router.classify.talkers:load"))
    running = asyncio.create_task(keeper.run())
    client = Client(str(path), PATIENCE_S)
    client.start()
    async with asyncio.timeout(4 * PATIENCE_S):
        while (await asked(client, "hello"))[1] == "absent":  # noqa: ASYNC110 (nobody tells when it listens)
            await asyncio.sleep(0.1)
        assert await asked(client, "hello") == ({"difficulty": Reading(0.75)}, "")
        readings, why = await asked(client, "die")
        assert (readings, why) == ({}, "died")
        while (await asked(client, "hello"))[1] != "":  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert keeper.starts == 2
    client.close()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert not path.exists()


async def test_an_embedding_is_asked_for_like_a_signal(tmp_path: Path) -> None:
    letters = Letters()
    async with serving(tmp_path, letters) as found:
        client = await found.client()
        done: asyncio.Future[Embedding] = asyncio.get_running_loop().create_future()
        client.embed("hello", done.set_result)
        vector = await asyncio.wait_for(done, PATIENCE_S)
        assert vector == pytest.approx(letters.embed(["hello"])[0])


async def test_a_text_whose_signals_were_just_read_is_not_embedded_again(tmp_path: Path) -> None:
    letters = Letters()
    async with serving(tmp_path, letters) as found:
        client = await found.client()
        rules = RuleSet(rules=(), fallback=Answer(models=("m",)), anchors={"greeting": Anchor(examples=("hi",))})
        client.use(rules)
        await asked(client, "hello", frozenset({"near:greeting"}))
        done: asyncio.Future[Embedding] = asyncio.get_running_loop().create_future()
        client.embed("hello", done.set_result)
        assert len(await asyncio.wait_for(done, PATIENCE_S))
    assert letters.calls.count(["hello"]) == 1


async def test_without_a_classifier_or_an_encoder_an_embedding_has_no_length(tmp_path: Path) -> None:
    client = Client(str(tmp_path / "nobody"), 5.0)
    client.start()
    done: asyncio.Future[Embedding] = asyncio.get_running_loop().create_future()
    client.embed("hello", done.set_result)
    assert len(await asyncio.wait_for(done, PATIENCE_S)) == 0
    client.close()

    def nothing(_: str) -> Letters:
        raise NoModel("no embedding model is installed")

    assert len(Classifier(Made(nothing, {})).embed("hello")) == 0


class Stubborn:
    """A process that heeds nothing but being killed."""

    def __init__(self) -> None:
        self.told, self._gone = list[str](), asyncio.Event()
        self.returncode: int | None = None

    def terminate(self) -> None:
        self.told.append("terminate")

    def kill(self) -> None:
        self.told.append("kill")
        asyncio.get_running_loop().call_soon(self._gone.set)

    async def wait(self) -> int:
        await self._gone.wait()
        self.told.append("gone")
        return -9


async def test_a_process_that_does_not_end_when_asked_is_killed_and_gone_before_the_keeper_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "GRACE_S", 0.0)
    process, begun = Stubborn(), asyncio.Event()

    async def starts(*words: str, **more: object) -> Stubborn:
        begun.set()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", starts)
    running = asyncio.create_task(Keeper(Kept(socket=str(tmp_path / "socket"))).run())
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running], timeout=PATIENCE_S)
    assert process.told == ["terminate", "kill", "gone"]
