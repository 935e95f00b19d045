"""Puts the files a template includes or extends into its own tree, so that one tree is checked, named and bounded."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, nodes

from stageauto.engine.template_faults import MAX_NODES, TemplateFault
from stageauto.engine.template_guard import near, parse_template, place


class Files:
    """The workspace's templates/ as far as one template reaches into them."""

    def __init__(self, environment: Environment, sources: Mapping[str, str], source: str) -> None:
        self._environment = environment
        self._sources = sources
        self._source = source
        self._parts = 0

    def expanded(self, tree: nodes.Template) -> nodes.Template:
        """The tree with every include and extends replaced by what it names; raises TemplateFault."""
        tree.body = self._resolved(tree, (), 0)
        return tree

    def _resolved(self, tree: nodes.Template, chain: tuple[str, ...], line: int) -> list[nodes.Node]:
        self._parts += sum(1 for _ in tree.find_all(nodes.Node))
        if self._parts > MAX_NODES:
            raise TemplateFault(f"the included templates have more than {MAX_NODES:,} parts", line or 1)
        blocks = {block.name: block for block in tree.find_all(nodes.Block)}
        body = tree.body
        parent = next((node for node in body if isinstance(node, nodes.Extends)), None)
        while parent is not None:
            at = line or parent.lineno
            kept = [node for node in body if isinstance(node, nodes.Assign)]
            base, chain = self._load(parent.template, chain, at)
            blocks = {**{block.name: block for block in base.find_all(nodes.Block)}, **blocks}
            body = [*kept, *base.body]
            parent = next((node for node in base.body if isinstance(node, nodes.Extends)), None)
        return self._placed(body, blocks, chain, line)

    def _placed(
        self, body: list[nodes.Node], blocks: Mapping[str, nodes.Block], chain: tuple[str, ...], line: int
    ) -> list[nodes.Node]:
        placed: list[nodes.Node] = []
        for node in body:
            if isinstance(node, nodes.Include):
                placed.append(self._included(node, chain, line or node.lineno))
            elif isinstance(node, nodes.Block):
                chosen = blocks.get(node.name, node)
                rest = {name: block for name, block in blocks.items() if name != node.name}
                placed.append(_scope(self._placed(chosen.body, rest, chain, line), node.lineno))
            else:
                self._inside(node, blocks, chain, line)
                placed.append(node)
        return placed

    def _inside(self, node: nodes.Node, blocks: Mapping[str, nodes.Block], chain: tuple[str, ...], line: int) -> None:
        for field in ("body", "else_"):
            inner = getattr(node, field, None)
            if isinstance(inner, list):
                setattr(node, field, self._placed(inner, blocks, chain, line))
        for one in getattr(node, "elif_", ()):
            self._inside(one, blocks, chain, line)

    def _included(self, node: nodes.Include, chain: tuple[str, ...], line: int) -> nodes.Node:
        named = isinstance(node.template, nodes.Const) and node.template.value in self._sources
        if node.ignore_missing and not named:
            return _scope([], line)
        tree, chain = self._load(node.template, chain, line)
        return _scope(self._resolved(tree, chain, line), line)

    def _load(self, named: nodes.Expr, chain: tuple[str, ...], line: int) -> tuple[nodes.Template, tuple[str, ...]]:
        name = named.value if isinstance(named, nodes.Const) else None
        if not isinstance(name, str):
            raise TemplateFault("a template is named by a plain text", line, 1, 'for instance {% include "foot.txt" %}')
        column = place(self._source, line, name)
        if name not in self._sources:
            raise TemplateFault(f"there is no template {name!r} in templates/", line, column, near(name, self._sources))
        if name in chain:
            circle = " > ".join([*chain, name])
            raise TemplateFault(f"the templates include one another in a circle: {circle}", line, column)
        try:
            tree = parse_template(self._environment, self._sources[name])
        except TemplateFault as fault:
            message = f"in templates/{name}, line {fault.line}: {fault.message}"
            raise TemplateFault(message, line, column, fault.hint) from None
        for node in tree.find_all(nodes.Node):
            node.lineno = line
        return tree, (*chain, name)


def _scope(body: list[nodes.Node], line: int) -> nodes.Node:
    return nodes.Scope(body, lineno=line)
