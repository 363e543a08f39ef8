"""What templates come to: lists where a list is meant, JSON of all that they know, and no NUL."""

from __future__ import annotations

import json

import pytest

from fleetctl.errors import TemplateFailed
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
