"""Options as values: dataclasses that commands take become their options."""

from dataclasses import dataclass
from inspect import signature
from typing import Annotated

import typer
from typer.testing import CliRunner

from cli.spread import spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where."""

    city: Annotated[str, typer.Argument(help="A city.")]
    street: Annotated[str, typer.Option(help="A street.")] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """When."""

    hour: Annotated[int, typer.Option("--at", min=0, max=23, help="An hour.")] = 12


def ran(*arguments: str) -> tuple[int, list[object]]:
    """The exit code and what the command got."""
    got: list[object] = []
    app = typer.Typer()

    def meet(place: Place, time: Time, loud: Annotated[bool, typer.Option("--loud")] = False) -> None:
        """Meet."""
        got.extend([place, time, loud])

    meet.__annotations__ |= {"place": Place, "time": Time, "loud": Annotated[bool, typer.Option("--loud")]}
    app.command()(spread(meet))
    return CliRunner().invoke(app, list(arguments)).exit_code, got


def test_fields_are_options_and_arrive_as_values() -> None:
    assert ran("Rome", "--street", "Via Appia", "--at", "9", "--loud") == (
        0, [Place(city="Rome", street="Via Appia"), Time(hour=9), True])  # fmt: skip


def test_what_is_not_given_is_the_fields_default() -> None:
    assert ran("Rome") == (0, [Place(city="Rome"), Time(), False])


def test_a_field_without_default_is_required() -> None:
    assert ran("--at", "9")[0] == 2


def test_bounds_of_a_field_are_kept() -> None:
    assert ran("Rome", "--at", "24")[0] == 2


def test_required_options_come_first_whatever_value_they_belong_to() -> None:
    def meet(time: Time, place: Place) -> None:
        """Meet."""

    meet.__annotations__ |= {"place": Place, "time": Time}
    assert list(signature(spread(meet)).parameters) == ["city", "hour", "street"]


def test_the_command_keeps_its_name_and_words() -> None:
    def meet(place: Place) -> None:
        """Meet somebody."""

    meet.__annotations__ |= {"place": Place}
    assert (spread(meet).__name__, spread(meet).__doc__) == ("meet", "Meet somebody.")
