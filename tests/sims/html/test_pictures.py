"""Pictures: lines, bars, points, their names and what is endless."""

from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.html.bars import Bar, Dot, bars, scatter
from sims.html.frame import GAP, Frame, clipped, room, spread
from sims.html.lines import COLOURS, Level, Mark, Series, drawn
from sims.html.scale import linear, percent, plain
from sims.html.svg import element, text, trail
from tests.sims.html.pages import Read, read


def frame(most: float = 10.0) -> Frame:
    return Frame(x=linear([10.0], plain), y=linear([most], plain), x_title="across", y_title="up", label="a picture")


def line(name: str = "one", colour: int = 0, *heights: float, **more: object) -> Series:
    points = list(enumerate(heights or (1.0, 2.0, 3.0)))
    return Series(name=name, colour=colour, points=points, **more)  # type: ignore[arg-type]


def picture(*series: Series, **more: object) -> Read:
    return read(drawn(frame(), series, **more))  # type: ignore[arg-type]


def test_words_and_attributes_are_escaped() -> None:
    assert element("a", href='"<&>"') == '<a href="&quot;&lt;&amp;&gt;&quot;"></a>'
    assert text("<b>", (0.0, 1.25)) == '<text x="0" y="1.2">&lt;b&gt;</text>'


def test_an_attribute_that_is_none_is_left_out() -> None:
    assert element("td", "1", class_=None, text_anchor="end") == '<td text-anchor="end">1</td>'


def test_no_line_leads_through_endless_places() -> None:
    with pytest.raises(ValueError, match="endless"):
        trail([(0.0, 0.0), (inf, 1.0)])


def test_a_picture_tells_what_it_shows_and_names_its_axes() -> None:
    page = picture(line())
    assert page.all("svg")[0]["aria-label"] == "a picture"
    assert {"across", "up", "one"} <= set(page.words)


def test_every_series_is_named_where_it_ends_in_its_colour() -> None:
    page = picture(line("left", 0), line("right", 1))
    assert [told["class"] for told in page.all("text", "name")] == ["name s0", "name s1"]


def test_series_beyond_the_colours_are_grey_and_named_by_pointing() -> None:
    page = picture(line("many", COLOURS))
    assert page.all("g", "rest")
    assert not page.all("text", "name")
    assert "many" in page.words  # its tooltip


def test_a_line_that_becomes_endless_ends_with_an_arrow() -> None:
    page = picture(line("late", 0, 1.0, 2.0, inf, inf))
    assert len(page.all("line", "endless")) == 1
    assert not picture(line("fine", 0, 1.0, 2.0)).all("line", "endless")
    assert not picture(line("unknown", 0, 1.0, nan)).all("line", "endless")


def test_a_series_of_nothing_is_no_line() -> None:
    assert not picture(line("gone", 0, inf)).all("path", "line")


def test_dots_tell_their_figures() -> None:
    page = picture(line("one", 0, 1.0, 2.0, dots=True))
    assert len(page.all("circle", "dot")) == 2
    assert "one: 2 at 1" in page.words


def test_intervals_are_shadows() -> None:
    assert picture(line("one", 0, 1.0, 2.0, ranges=[(0.5, 1.5), (1.0, 3.0)])).all("path", "band")
    assert not picture(line("one", 0, 1.0, 2.0, ranges=[(nan, nan), (1.0, 3.0)])).all("path", "band")


def test_a_level_is_drawn_where_it_lies_on_the_axis() -> None:
    assert "deadline" in picture(line(), levels=[Level(at=5.0, name="deadline")]).words
    assert "deadline" not in picture(line(), levels=[Level(at=50.0, name="deadline")]).words


def test_marks_stand_in_rows_of_their_own() -> None:
    marks = [Mark(at=(5.0, 2.0), name=f"knee {i}", colour=i) for i in range(3)]
    heights = [float(told["y"]) for told in picture(line(), marks=marks).all("text", "mark-name")]
    assert len({*heights}) == 3


@given(st.lists(st.floats(0.0, 300.0), min_size=1, max_size=12))
def test_names_keep_off_one_another_in_their_order(wanted: list[float]) -> None:
    found = spread(wanted, 0.0, 300.0)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    heights = [found[i] for i in order]
    assert all(low + GAP <= high + 1e-6 for low, high in pairwise(heights))
    assert max(found) <= 300.0 + 1e-6


def test_a_name_that_does_not_fit_is_cut() -> None:
    assert clipped("shortest_ttft", 8) == "shortes…"
    assert clipped("random", 8) == "random"
    assert 100.0 <= room(["a"]) <= room(["a" * 20]) <= room(["a" * 99]) == 240.0


def test_bars_show_figures_intervals_and_what_they_are_held_against() -> None:
    rows = [
        Bar(name="best", value=0.9, colour=0, ends=(0.8, 1.0), beside=0.7),
        Bar(name="unknown", value=nan, colour=1),
    ]
    page = read(bars(rows, linear([1.0], percent), percent, "shares"))
    assert {"90 %", "–", "best", "unknown"} <= set(page.words)
    assert len(page.all("line", "whisker")) == len(page.all("line", "beside")) == 1
    assert [float(told["width"]) > 0.0 for told in page.all("rect", "bar")] == [True, False]


def test_points_on_the_front_are_joined_and_named() -> None:
    dots = [
        Dot(name="a", at=(1.0, 5.0), colour=0, on_front=True),
        Dot(name="b", at=(5.0, 1.0), colour=1, on_front=True),
        Dot(name="c", at=(6.0, 6.0), colour=COLOURS, on_front=False),
        Dot(name="d", at=(nan, inf), colour=2, on_front=False),
    ]
    page = read(scatter(frame(), dots))
    assert len(page.all("circle", "point")) == 3
    assert len(page.all("path", "front")) == 1
    names = [word for word in page.words if word in "abcd"]
    assert sorted(names) == ["a", "b"]


def test_names_of_points_are_not_written_over_one_another() -> None:
    dots = [Dot(name=f"policy {i}", at=(5.0, 5.0), colour=i % 5, on_front=True) for i in range(9)]
    names = read(scatter(frame(), dots)).all("text", "name")
    assert len({(told["x"], told["y"]) for told in names}) == len(names) == 6  # three rows on either side
