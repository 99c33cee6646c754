"""Where chains start: apart for whatever must not share blocks."""

from hypothesis import given
from hypothesis import strategies as st

from policies.kv.blocks import ROOT
from weir.block_roots import root, text_root

names = st.text(max_size=6)


def test_a_prompt_with_neither_adapter_nor_salt_starts_where_all_do() -> None:
    assert root() == ROOT


@given(st.lists(st.tuples(names, names), min_size=2, max_size=6, unique=True))
def test_other_adapters_and_salts_are_other_chains(pairs: list[tuple[str, str]]) -> None:
    assert len({root(*pair) for pair in pairs}) == len(pairs)
    assert len({text_root(*pair) for pair in pairs}) == len(pairs)


@given(names, names)
def test_text_never_shares_a_chain_with_tokens(model: str, salt: str) -> None:
    assert text_root(model, salt) not in {root(model, salt), root(model), root("", salt), ROOT}
