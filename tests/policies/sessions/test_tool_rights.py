"""A tool that a role may not use is neither offered nor called, however its call is cut into pieces."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.sessions.tool_rights import Mode, Rights, ToolStream

RIGHTS = Rights(roles={"owner": ["*"], "reader": ["read_*", "search"], "peer": ["send_message"]})


def call(index: int, name: str = "", arguments: str = "") -> dict[str, Any]:
    return {"index": index, "function": {"name": name, "arguments": arguments}}


def streamed(role: str, pieces: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], ToolStream]:
    state = ToolStream(rights=RIGHTS, role=role)
    passed: list[Mapping[str, Any]] = []
    for piece in pieces:
        state, more = state.take(piece)
        passed += more
    state, more = state.end()
    return [*passed, *more], state


def test_a_request_keeps_the_tools_of_its_role() -> None:
    ruling = RIGHTS.ruling("reader", ["read_file", "write_file", "search"])
    assert ruling == (("read_file", "search"), ("write_file",), False)


def test_in_block_mode_a_denied_tool_refuses_the_request() -> None:
    strict = Rights(roles=RIGHTS.roles, mode=Mode.BLOCK)
    assert strict.ruling("reader", ["write_file"]).refuse
    assert not strict.ruling("reader", ["search"]).refuse


def test_a_role_that_nobody_named_may_use_nothing() -> None:
    assert RIGHTS.ruling("intruder", ["search"]).allowed == ()


def test_a_delegate_never_gets_more_than_who_sent_it() -> None:
    assert RIGHTS.granted("reader", ["write_file", "search"]) == ("search",)
    assert RIGHTS.granted("owner", ["search"]) == ("search",)


def test_an_allowed_call_passes_whole_and_in_order() -> None:
    pieces = [call(0, "read_file"), call(0, "", '{"path"'), call(0, "", ':"a"}')]
    passed, state = streamed("reader", pieces)
    assert passed == pieces
    assert state.denied() == 0


def test_a_denied_call_is_stopped_with_all_its_arguments() -> None:
    passed, state = streamed("reader", [call(0, "write_"), call(0, "file"), call(0, "", "{"), call(0, "", "}")])
    assert passed == []
    assert state.denied() == 1


def test_a_name_that_begins_like_an_allowed_one_is_not_passed_before_it_is_whole() -> None:
    state, passed = ToolStream(rights=RIGHTS, role="reader").take(call(0, "search"))
    assert passed == ()
    state, passed = state.take(call(0, "_and_delete", "{}"))
    assert passed == ()
    assert state.denied() == 1


def test_a_call_without_arguments_is_ruled_on_when_the_next_begins_or_the_stream_ends() -> None:
    passed, state = streamed("reader", [call(0, "write_file"), call(1, "search")])
    assert [piece["index"] for piece in passed] == [1]
    assert state.denied() == 1


@given(
    st.lists(st.sampled_from(["read_file", "write_file", "search", "delete_all"]), min_size=1, max_size=4),
    st.lists(st.integers(1, 4), min_size=12, max_size=12),
)
def test_however_names_are_cut_only_allowed_calls_come_out(names: list[str], cuts: list[int]) -> None:
    pieces: list[dict[str, Any]] = []
    for index, name in enumerate(names):
        at = 0
        for size in cuts:
            pieces += [call(index, name[at : at + size])] if name[at : at + size] else []
            at += size
        pieces.append(call(index, "", "{}"))
    passed, state = streamed("reader", pieces)
    came: dict[int, str] = {}
    for piece in passed:
        came[piece["index"]] = came.get(piece["index"], "") + piece["function"]["name"]
    assert came == {i: name for i, name in enumerate(names) if RIGHTS.may("reader", name)}
    assert state.denied() == len(names) - len(came)


def test_of_the_known_attacks_none_gets_through_and_nothing_allowed_is_denied() -> None:
    attacks = [("reader", "write_file"), ("reader", "delete_all"), ("peer", "read_file"), ("", "search")]
    fine = [("owner", "delete_all"), ("reader", "search"), ("peer", "send_message")]
    assert not any(streamed(role, [call(0, tool, "{}")])[0] for role, tool in attacks)
    assert all(streamed(role, [call(0, tool, "{}")])[0] for role, tool in fine)
