"""What templates come to: lists where a list is meant, JSON of all that they know, and no NUL."""

from __future__ import annotations

import json

import pytest

from fleetctl.errors import TemplateFailed
from fleetctl.jobs.checking.parsing import template as parse
from fleetctl.jobs.templates import Renderer
from fleetctl.jobs.values import Facts, Vars

VALUES = {
    "vars": Vars({"names": ["a b", "c"], "ports": {"http": 80}}, {}, lambda value: value),
    "facts": Facts(lambda: {"os": "debian"}),
    "steps": {"x": {"stdout": "a\0b"}},
}


@pytest.mark.parametrize(
    ("expression", "comes_to"),
    [
        ("vars.names | map('upper')", ["A B", "C"]),
        ("vars.ports | items", [("http", 80)]),
        ("vars.ports.keys()", ["http"]),
        ("range(3)", [0, 1, 2]),
        ("vars.names | select('eq', 'x')", []),
    ],
)
def test_what_makes_a_list_is_one(expression: str, comes_to: list[object]) -> None:
    renderer = Renderer(VALUES)
    assert renderer.value(expression) == comes_to
    assert renderer.everywhere({"x": f"{{{{ {expression} }}}}"}) == {"x": comes_to}
    assert renderer.text(f"={{{{ {expression} }}}}") == f"={comes_to}"


def test_each_item_of_what_makes_a_list_is_quoted() -> None:
    assert Renderer(VALUES).text("{{ vars.names | map('upper') | quote }}") == "'A B' C"


def test_all_that_templates_know_can_be_written_as_json() -> None:
    renderer = Renderer(VALUES)
    assert json.loads(renderer.text("{{ vars | tojson }}")) == {"names": ["a b", "c"], "ports": {"http": 80}}
    assert json.loads(renderer.text("{{ facts | tojson }}")) == {"os": "debian"}
    assert json.loads(renderer.text("{{ vars.names | map('upper') | tojson }}")) == ["A B", "C"]
    with pytest.raises(TemplateFailed, match="cannot be written as JSON"):
        renderer.text("{{ vars.names.append | tojson }}")


def test_a_nul_that_a_host_has_written_goes_to_stdin_and_nowhere_else() -> None:
    renderer = Renderer(VALUES, "job.yaml:3")
    with pytest.raises(TemplateFailed, match=r"^job.yaml:3: 'rm .*' comes to text with a NUL"):
        renderer.text("rm {{ steps.x.stdout }}")
    assert renderer.data("{{ steps.x.stdout }}") == "a\0b"
    assert renderer.everywhere(["{{ steps.x.stdout }}", "+{{ steps.x.stdout }}"]) == ["a\0b", "+a\0b"]


def test_text_that_is_taken_for_a_number_is_explained() -> None:
    with pytest.raises(TemplateFailed) as raised:
        Renderer({"vars": {"count": "3"}}).value("vars.count > 1")
    assert raised.value.hint == "what hosts say and -e gives is text: `| int` makes a number of it"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ range(100000) | list | string * 1000 }}", "text of more than 16 MiB"),
        ("{{ 'x' | center(999999999) }}", "center makes more than 16 MiB"),
        ("{{ 'x'.ljust(9999999999) }}", "ljust makes more than 16 MiB"),
        ("{{ '%999999999d' % 1 }}", "text of more than 16 MiB"),
        ("{{ '%999999999d' | format(1) }}", "text of more than 16 MiB"),
        ("{{ ('x' * 1000000) | replace('x', 'y' * 1000000) }}", "replace makes more than 16 MiB"),
        ("{{ [1] * 10 ** 9 }}", "list of more than 1,000,000 items"),
        ("{{ 9 ** 99999 }}", "number of thousands of digits"),
        ("{{ 9 ** 3000 * 9 ** 3000 }}", "number of thousands of digits"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "more than 1,000,000 turns"),
        ("{% set x = 'xx' %}" + "{% set x = x ~ x %}" * 40, "text of more than 16 MiB"),
        ("{% set x = ['x'] %}" + "{% set x = x + x %}" * 40, "list of more than 1,000,000 items"),
        ("{% set x = 'xx' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40, "text of more than 16 MiB"),
        ("{% macro m(x) %}{{ x ~ x }}{% endmacro %}{{ " + "m(" * 40 + "'x'" + ")" * 40 + " }}", "more than 16 MiB"),
        ("{{ vars.a0 }}", "needs other variables more than 10,000 times"),
    ],
)
def test_what_would_take_for_ever_or_all_memory_is_refused(template: str, said: str) -> None:
    doubled = {f"a{number}": f"{{{{ vars.a{number + 1} }}}}" * 2 for number in range(40)} | {"a40": "x"}
    known: dict[str, object] = {}
    renderer = Renderer(known)
    known["vars"] = Vars(doubled, {}, renderer.everywhere)
    parse(template)  # which works nothing out, and so is quick, too
    with pytest.raises(TemplateFailed, match=said):
        renderer.text(template)


@pytest.mark.parametrize(
    ("template", "comes_to"),
    [
        ("{% for a in 'xy' %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}", "1/2,2/2"),
        ("{% for a in [] %}{% else %}none{% endfor %}", "none"),
        ("{% for k, v in {'a': 1, 'b': 0}.items() if v %}{{ k }}{% endfor %}", "a"),
        ("{% for a in [[1, [2]], [3]] recursive %}{{ loop(a) if a is iterable else a }}{% endfor %}", "123"),
        ("{{ 'a' ~ 1 }} {{ 3 * 4 }} {{ 'ab' * 2 }} {{ '%03d' % 5 }} {{ [1] + [2] }}", "a1 12 abab 005 [1, 2]"),
        ("{% set z | upper %}q{% endset %}{{ z }}{% filter upper %}abc{% endfilter %}{{ 'x' | center(3) }}", "QABC x "),
        ("{{ 99999999999 | round }} {{ none | default(99999999999, true) }}", "99999999999 99999999999"),
        ("{{ ['a'] | map('center', 3) | list }} {{ 2 ** 64 }}", "[' a '] 18446744073709551616"),
    ],
)
def test_bounds_change_nothing_of_what_stays_within_them(template: str, comes_to: str) -> None:
    assert Renderer(VALUES).text(template) == comes_to
