"""Which templates want a content's parts: as vLLM reads their syntax tree."""

import pytest

pytest.importorskip("jinja2")

from jinja2 import Environment

from weir.content_format import reads_parts

PARTS = [
    "{% for m in messages %}{% for c in m['content'] %}{{ c }}{% endfor %}{% endfor %}",
    "{% for m in messages %}{% for c in m.content %}{{ c }}{% endfor %}{% endfor %}",
    "{% for m in messages[1:] %}{% for c in m.content %}{{ c }}{% endfor %}{% endfor %}",
    "{% set rest = messages %}{% for m in rest %}{% for c in m.content | list %}{{ c }}{% endfor %}{% endfor %}",
    "{% set content = messages[0].content %}{% for c in content %}{{ c }}{% endfor %}",
    "{% macro say(x) %}{% for c in x %}{{ c }}{% endfor %}{% endmacro %}{% for m in messages %}{{ say(m.content) }}"
    "{% endfor %}",
    "{% macro say(x) %}{% for c in x %}{{ c }}{% endfor %}{% endmacro %}{% for m in messages %}{{ say(x=m.content) }}"
    "{% endfor %}",
]
TEXTS = [
    "{% for m in messages %}{{ m['content'] }}{% endfor %}",
    "{% for m in messages %}{% for c in m.tool_calls %}{{ c }}{% endfor %}{% endfor %}",
    "{% macro say(x) %}{% for c in x %}{{ c }}{% endfor %}{% endmacro %}{{ say(tools) }}",
    "{% macro say(content) %}{% for c in content %}{{ c }}{% endfor %}{% endmacro %}{{ say(tools) }}",
    "{% for c in others %}{% for d in c.content %}{{ d }}{% endfor %}{% endfor %}",
    "",
]


@pytest.mark.parametrize("template", PARTS)
def test_a_template_that_goes_over_a_content_wants_its_parts(template: str) -> None:
    assert reads_parts(Environment().parse(template))


@pytest.mark.parametrize("template", TEXTS)
def test_any_other_wants_one_text(template: str) -> None:
    assert not reads_parts(Environment().parse(template))
