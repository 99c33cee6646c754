"""The form of a condition in a rules file; what it means is the ground's to say."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.select.rules.conditions import FORMS

TAKES = {
    "signal": {"is", "at_least", "below", "label"},
    "near": {"at_least", "below"},
    "partition": {"is"},
    "claim": {"is"},
    "header": {"is"},
}


class Strict(BaseModel):
    """An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class Condition(Strict):
    """One condition: exactly one of its forms, with what that form takes."""

    all: list["Condition"] | None = Field(default=None, min_length=1)
    any: list["Condition"] | None = Field(default=None, min_length=1)
    not_: "Condition | None" = Field(default=None, alias="not")
    condition: str | None = None
    signal: str | None = None
    near: str | None = None
    partition: str | None = None
    claim: str | None = None
    header: str | None = None
    is_: list[str] | None = Field(default=None, alias="is", min_length=1)
    label: str | None = None
    at_least: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Condition":
        given = {
            field.alias or name for name, field in type(self).model_fields.items() if name in self.model_fields_set
        }
        forms = [form for form in FORMS if form in given]
        if len(forms) != 1:
            raise ValueError(f"a condition is one of {', '.join(FORMS)}, not {' and '.join(forms) or 'none of them'}")
        form = forms[0]
        for extra in sorted(given - {form} - TAKES.get(form, set())):
            raise ValueError(f"`{extra}` says nothing beside `{form}`")
        if form in ("partition", "claim", "header") and "is" not in given:
            raise ValueError(f"`{form}` needs `is`: a list of words")
        if form == "near" and self.at_least is None and self.below is None:
            raise ValueError("`near` needs `at_least` or `below`: a cosine")
        return self


def switched(told: Any) -> Any:
    """What may be given as `true`, with its defaults, or as `false`, as if it were not there."""
    return {} if told is True else None if told is False else told
