"""What is written and read by hand is what the generated classes write and read."""

from hypothesis import given
from hypothesis import strategies as st

from router.extproc import answers, messages, metadata
from router.rewriting import Rewriting, renamed
from router.settings import Settings
from tests.router.extproc.plane import Mode
from weir.v1 import ext_proc_pb2 as pb

NAMES = st.text(st.characters(codec="ascii", categories=("Ll", "Nd")), min_size=1, max_size=20)
VALUES = st.binary(max_size=300)
MODES = st.sampled_from(pb.ProcessingMode.BodySendMode.values())


def unpacked(framed: bytes) -> pb.ProcessingResponse:
    assert framed[0] == 0
    assert int.from_bytes(framed[1:5], "big") == len(framed) - 5
    return pb.ProcessingResponse.FromString(framed[5:])


@given(st.dictionaries(NAMES, VALUES, max_size=20), st.booleans(), MODES, MODES)
def test_headers_are_read_as_they_were_written(given: dict[str, bytes], ends: bool, first: Mode, second: Mode) -> None:
    pairs = [pb.HeaderValue(key=name, raw_value=value) for name, value in given.items()]
    asked = messages.read(pb.ProcessingRequest(
        request_headers=pb.HttpHeaders(headers=pb.HeaderMap(headers=pairs), end_of_stream=ends),
        protocol_config=pb.ProtocolConfiguration(request_body_mode=first, response_body_mode=second),
    ).SerializeToString())  # fmt: skip
    assert (asked.kind, asked.ends) == (messages.REQUEST_HEADERS, ends)
    assert (asked.request_mode, asked.response_mode) == (first, second)
    assert messages.headers(asked.data, *asked.headers) == {name.encode(): value for name, value in given.items()}


@given(st.binary(max_size=70_000), st.booleans())
def test_bodies_are_read_and_streamed_back_whole(content: bytes, ends: bool) -> None:
    sent = pb.ProcessingRequest(request_body=pb.HttpBody(body=content, end_of_stream=ends))
    asked = messages.read(sent.SerializeToString())
    assert (asked.kind, asked.body, asked.ends) == (messages.REQUEST_BODY, content, ends)
    framed = answers.streamed(answers.RESPONSE_BODY, content, ends)
    pieces = []
    while framed:
        size = int.from_bytes(framed[1:5], "big") + 5
        pieces.append(unpacked(framed[:size]).response_body.response.body_mutation.streamed_response)
        framed = framed[size:]
    assert b"".join(piece.body for piece in pieces) == content
    assert [piece.end_of_stream for piece in pieces] == [False] * (len(pieces) - 1) + [ends]


def test_a_header_that_comes_twice_is_joined_and_a_text_value_is_read_too() -> None:
    pairs = [pb.HeaderValue(key="a", value="x"), pb.HeaderValue(key="a", raw_value=b"y")]
    raw = pb.HeaderMap(headers=pairs).SerializeToString()
    assert messages.headers(raw, 0, len(raw)) == {b"a": b"x, y"}


@given(st.integers(0, 1 << 63))
def test_integers_of_any_size_are_written_as_they_are_read(number: int) -> None:
    raw = answers.size(number)
    assert messages.varint(raw, 0, len(raw)) == (number, len(raw))


@given(NAMES, st.binary(max_size=300), st.binary(max_size=5000), st.integers(200, 599))
def test_answers_say_what_they_should(name: str, value: bytes, content: bytes, status: int) -> None:
    mutation = answers.set_header(name.encode(), value)
    wanted = pb.HeaderMutation(set_headers=[pb.HeaderValueOption(
        header=pb.HeaderValue(key=name, raw_value=value),
        append_action=pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )])  # fmt: skip
    assert unpacked(answers.request_headers(mutation)).request_headers.response.header_mutation == wanted
    assert unpacked(answers.response_headers(mutation)).response_headers.response.header_mutation == wanted
    buffered = unpacked(answers.request_body(mutation, b"", content)).request_body.response
    assert (buffered.header_mutation, buffered.body_mutation.body) == (wanted, content)
    told = unpacked(answers.immediate(status, [(name.encode(), value)], content, "why")).immediate_response
    assert (told.status.code, told.headers, told.body, told.details) == (status, wanted, content, "why")


def test_every_part_may_go_on_as_it_is() -> None:
    kinds = [unpacked(framed).WhichOneof("response") for framed in answers.CONTINUES[1:]]
    assert kinds == [
        "request_headers", "response_headers", "request_body", "response_body", "request_trailers", "response_trailers",
    ]  # fmt: skip


@given(st.lists(NAMES, min_size=1, max_size=4), st.booleans())
def test_a_subset_is_read_as_a_list_or_as_a_text(endpoints: list[str], listed: bool) -> None:
    told = pb.Metadata()
    told.filter_metadata["other"].update({"x": 1.0})
    value = endpoints if listed else ", ".join(endpoints)
    told.filter_metadata["envoy.lb.subset_hint"].update({
        "flag": True, "x-gateway-destination-endpoint-subset": value,
    })  # fmt: skip
    raw = told.SerializeToString()
    assert metadata.subset(raw, 0, len(raw)) == endpoints
    assert metadata.served(raw, 0, len(raw)) == ""


def test_metadata_of_an_endpoint_is_a_struct_of_structs() -> None:
    told = pb.ProcessingResponse.FromString(answers.endpoint_metadata(b"10.0.0.1:8000"))
    assert told.dynamic_metadata.fields["envoy.lb"].struct_value["x-gateway-destination-endpoint"] == "10.0.0.1:8000"


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_rewrite_draws_its_targets_by_weight_and_the_same_for_the_same_request(first: int, second: int) -> None:
    rules = Rewriting(Settings(rewrites=(("alias", (("a", first), ("b", second))),)))
    drawn = [rules.target("alias", f"id-{i}") for i in range(600)]
    assert drawn == [rules.target("alias", f"id-{i}") for i in range(600)]
    assert abs(drawn.count("a") / 600 - first / (first + second)) < 0.08
    assert rules.target("other", "id") == "other"


def test_a_renamed_body_keeps_the_bytes_of_every_other_member() -> None:
    sent = b'{"model":"a","temperature":1.10,"messages":[ {"role":"user","content":"\\u00e9"} ],"n":1e0}'
    assert renamed(sent, "b") == sent.replace(b'"a"', b'"b"')
