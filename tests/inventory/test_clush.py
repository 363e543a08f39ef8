"""Target expressions select what ClusterShell's own NodeSet selects, from the same hosts, groups and tags."""

from __future__ import annotations

from ClusterShell.NodeSet import NodeSet
from ClusterShell.NodeUtils import GroupResolver, GroupSource
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fleetctl.inventory.targets import Targets
from fleetctl.nodes import expand

NAMES = expand("web[01-12],web[1-3],r[1-3]n[01-04],10.0.[0-2].[1-4],db[8-11].dc[1-2],lone,2001:db8::[1-3]")
GROUPS = {
    "web": expand("web[01-12]"),
    "rack1": expand("r1n[01-04]"),
    "rack2": expand("r2n[01-04],web03"),
    "a-b.c%d": expand("10.0.1.[1-4],lone"),
    "none": [],
}
TAGS = {"eu": expand("web[01-06],db8.dc1"), "x:y": expand("10.0.[0-2].2")}
TERMS = [
    "web01", "web1", "lone", "10.0.0.3", "2001:db8::2",
    "web[01-04]", "web[1-3]", "web[02-10/4]", "web0[1-3]", "web[01,07-09]", "r[1-2]n[02-03]", "10.0.[0-1].[1-4/3]",
    "db[8-11].dc2", "2001:db8::[1,3]",
    "@web", "@rack1", "@rack[1-2]", "@a-b.c%d", "@none", "@*", "@group:web", "@tag:eu", "@tag:x:y", "@tag:*",
    "*", "web*", "web?", "*2", "r?n0*", "*.dc1", "10.0.*.1", "nothing*",
]  # fmt: skip

terms = st.sampled_from(TERMS)
more = st.lists(st.tuples(st.sampled_from([",", "&", "!", "^", " , ", " & "]), terms), max_size=6)


class Source(GroupSource):  # type: ignore[misc]  # ClusterShell ships no types
    """Groups, or tags, as ClusterShell asks for them."""

    def __init__(self, name: str, hosts: dict[str, list[str]], every: list[str]) -> None:
        super().__init__(name, {})
        self.has_reverse = False
        self._hosts = hosts
        self._every = every

    def resolv_map(self, group: str) -> str:
        return ",".join(self._hosts[group])

    def resolv_list(self) -> list[str]:
        return list(self._hosts)

    def resolv_all(self) -> str:
        return ",".join(self._every)


def clush() -> GroupResolver:
    resolver = GroupResolver(default_source=Source("group", GROUPS, NAMES))
    resolver.add_source(Source("tag", TAGS, [host for hosts in TAGS.values() for host in hosts]))
    return resolver


@settings(max_examples=400)
@given(first=terms, more=more)
def test_expressions_select_what_clush_selects(first: str, more: list[tuple[str, str]]) -> None:
    # A wildcard that adds nothing is a mistake with us.
    assume(not any(operator.strip() == "," and term == "nothing*" for operator, term in [(",", first), *more]))
    expression = first + "".join(operator + term for operator, term in more)
    ours = Targets(NAMES, GROUPS, lambda: TAGS, dict).named(expression)
    assert ours == set(NodeSet(expression, resolver=clush()))
