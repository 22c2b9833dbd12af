"""One list of nodes as one Python function of a context. Each kind of node is written as its ``render`` does it."""

from collections.abc import Callable
from itertools import count
from keyword import iskeyword
from typing import Any, cast

from django.template import Context
from django.template.base import (
    FilterExpression,
    Node,
    NodeList,
    TextNode,
    VariableDoesNotExist,
    VariableNode,
)
from django.template.defaulttags import ForNode, IfNode, TemplateLiteral, URLNode, WithNode
from django.template.library import SimpleNode
from django.template.loader_tags import IncludeNode
from django.urls import NoReverseMatch
from django.utils.safestring import SafeData, SafeString, mark_safe
from django.utils.timezone import template_localtime  # type: ignore[attr-defined]

from galaxy.core.templating import looking
from galaxy.core.templating.filters import QUICKER
from galaxy.core.templating.names import SHOWING_NOTHING, still_local

DEEPEST = 12  # blocks within one another; Python takes twenty of them, and what lies deeper is a function of its own
MOST_INDENTED = 60


def write(nodes: NodeList) -> Callable[[Context], SafeString]:
    return _Writer().function(nodes)


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.blocks = 0
        self.text: list[str] = []  # literal text that is not written yet
        self.numbers = count()
        self.local: dict[str, str] = {}  # names of the context that stand in a variable of the function
        self.names: dict[str, Any] = {
            "look": looking.look,
            "within": looking.within,
            "needed": looking.needed,
            "shown": looking.shown,
            "safe": looking.safe,
            "url_of": looking.url_of,
            "MISSING": looking.MISSING,
            "SafeString": SafeString,
            "SafeData": SafeData,
            "mark_safe": mark_safe,
            "local_time": template_localtime,
            "Missing": VariableDoesNotExist,
            "included": looking.included,
            "unequal": looking.unequal,
        }

    def function(self, nodes: NodeList) -> Callable[[Context], SafeString]:
        self.all(nodes)
        self.flush()
        source = "\n".join(
            ["def run(context):", " out = []", " add = out.append", *self.lines, ' return SafeString("".join(out))']
        )
        exec(compile(source, _named(nodes), "exec"), self.names)  # noqa: S102  (from templates of this house alone)
        return self.names["run"]

    # --- lines ---

    def put(self, line: str) -> None:
        self.lines.append(" " * self.depth + line)

    def flush(self) -> None:
        if self.text:
            self.put(f"add({''.join(self.text)!r})")
            self.text = []

    def new(self) -> str:
        return f"v{next(self.numbers)}"

    def kept(self, value: Any) -> str:
        """A name for something that is the same each time."""
        name = f"k{next(self.numbers)}"
        self.names[name] = value
        return name

    def block(self, line: str, *, counts: bool = True) -> "_Block":
        self.put(line)
        return _Block(self, counts)

    # --- nodes ---

    def all(self, nodes: list[Any]) -> None:
        for node in nodes:
            self.node(node)

    def node(self, node: Any) -> None:
        kind = type(node)
        if kind is TextNode:
            self.text.append(node.s)
        elif kind in SHOWING_NOTHING:
            pass
        elif kind is VariableNode:
            self.variable(node)
        elif kind is SimpleNode:
            self.tag(node)
        elif kind is URLNode:
            self.url(node)
        elif kind is IncludeNode:
            self.include(node)
        elif kind in _WITH_BODY and self.blocks < DEEPEST and self.depth < MOST_INDENTED:
            self.flush()
            _WITH_BODY[kind](self, node)
        else:
            self.flush()
            self.put(f"add({self.kept(node)}.render(context))")

    def variable(self, node: VariableNode) -> None:
        expression = node.filter_expression
        if not expression.is_var and not expression.filters and type(expression.var) is SafeString:
            self.text.append(expression.var)
            return
        self.flush()
        if not _is_changing(expression):
            self.put(f"add(shown({self.value(expression)}, context))")
            return
        with self.block("try:"):
            value = self.value(expression)
        with self.block("except UnicodeDecodeError:"):
            self.put(f"{value} = SafeString('')")
        self.put(f"add({value} if type({value}) is SafeString else shown({value}, context))")

    def tag(self, node: Any) -> None:
        if getattr(node.func, "is_constant", False) and not node.takes_context and node.target_var is None:
            given = [*node.args, *node.kwargs.values()]
            if not any(_is_changing(one) for one in given):
                try:
                    made = node.func(
                        *(_constant(one) for one in node.args),
                        **{name: _constant(one) for name, one in node.kwargs.items()},
                    )
                except Exception:
                    made = None  # the page says so where it comes to it
                if type(made) is SafeString:
                    self.text.append(made)
                    return
        self.flush()
        args = ["context"] if node.takes_context else []
        args += [self.value(one) for one in node.args]
        args += self.named(node.kwargs)
        value = self.new()
        self.put(f"{value} = {self.kept(node.func)}({', '.join(args)})")
        if node.target_var is None:
            self.put(f"add({value} if type({value}) is SafeString else safe({value}, context))")
        else:
            self.put(f"context[{node.target_var!r}] = {value}")

    def named(self, given: dict[str, Any]) -> list[str]:
        values = {name: self.value(one) for name, one in given.items()}
        if all(name.isidentifier() and not iskeyword(name) for name in values):
            return [f"{name}={value}" for name, value in values.items()]
        return ["**{" + ", ".join(f"{name!r}: {value}" for name, value in values.items()) + "}"]

    def url(self, node: Any) -> None:
        self.flush()
        args = ", ".join([self.value(one) for one in node.args])
        names = ", ".join([f"{name!r}: {self.value(one)}" for name, one in node.kwargs.items()])
        value = self.value(node.view_name)
        made = f"url_of(context, {value}, [{args}], {{{names}}})"
        if node.asvar is None:
            self.put(f"add(safe({made}, context))")
            return
        found = self.new()
        with self.block("try:"):
            self.put(f"{found} = {made}")
        with self.block(f"except {self.kept(NoReverseMatch)}:"):
            self.put(f"{found} = ''")
        if node.asvar:
            self.put(f"context[{node.asvar!r}] = {found}")

    def include(self, node: Any) -> None:
        self.flush()
        template = self.value(node.template)
        found = self.new()
        self.put(f"{found} = included({self.kept(node)}, {template}, context)")
        values = ", ".join([f"{name!r}: {self.value(one)}" for name, one in node.extra_context.items()])
        if node.isolated_context:
            self.put(f"add({found}.render(context.new({{{values}}})))")
        else:
            with self.block(f"with context.push(**{{{values}}}):"):
                self.put(f"add({found}.render(context))")

    def branches(self, node: Any) -> None:
        done = self.depth, self.blocks
        for condition, nodes in node.conditions_nodelists:
            if condition is None:
                self.all(nodes)
                self.flush()
                break
            value = self.new()
            with self.block("try:"):
                self.condition(condition, value)
            with self.block("except Missing:"):
                self.put(f"{value} = None")
            with self.block(f"if {value}:", counts=False):
                self.all(nodes)
                self.flush()
                self.put("pass")
            self.put("else:")
            self.depth += 1
            self.put("pass")
        self.depth, self.blocks = done

    def condition(self, condition: Any, value: str) -> None:
        """Have ``value`` hold what ``condition.eval`` answers."""
        kind = condition.id
        if type(condition) is TemplateLiteral:
            self.put(f"{value} = {self.value(cast(Any, condition.value), lenient=True)}")
            return
        if kind not in _OPERATORS or self.blocks >= DEEPEST:
            self.put(f"{value} = {self.kept(condition)}.eval(context)")
            return
        with self.block("try:"):
            self.condition(condition.first, value)
            if kind == "not":
                self.put(f"{value} = not {value}")
            elif kind in ("and", "or"):
                with self.block(f"if {'' if kind == 'and' else 'not '}{value}:", counts=False):
                    self.condition(condition.second, value)
            else:
                other = self.new()
                self.condition(condition.second, other)
                self.put(f"{value} = {value} {kind} {other}")
        with self.block("except Exception:"):
            self.put(f"{value} = False")

    def loop(self, node: Any) -> None:
        outer, pushed, values, length, each = (self.new() for _ in range(5))
        self.put(f"{outer} = look(context, 'forloop')")
        before = self.local
        with self.block(f"with context.push() as {pushed}:"):
            self.put(f"{values} = {self.value(node.sequence, lenient=True)}")
            with self.block(f"if {values} is None:", counts=False):
                self.put(f"{values} = []")
            with self.block(f"if not hasattr({values}, '__len__'):", counts=False):
                self.put(f"{values} = list({values})")
            self.put(f"{length} = len({values})")
            with self.block(f"if {length} < 1:", counts=False):
                self.all(node.nodelist_empty)
                self.flush()
                self.put("pass")
            with self.block("else:", counts=False):
                state, at, item = (self.new() for _ in range(3))
                self.put(f"{state} = {pushed}['forloop'] = {{'parentloop': {{}} if {outer} is MISSING else {outer}}}")
                ordered = f"reversed({values})" if node.is_reversed else values
                with self.block(f"for {at}, {item} in enumerate({ordered}):"):
                    self.put(
                        f"{state}['counter0'] = {at}; {state}['counter'] = {at} + 1; "
                        f"{state}['revcounter'] = {length} - {at}; {state}['revcounter0'] = {length} - {at} - 1; "
                        f"{state}['first'] = {at} == 0; {state}['last'] = {at} == {length} - 1"
                    )
                    names = node.loopvars
                    if len(names) > 1:
                        self.put(f"unequal({item}, {len(names)})")
                        self.put(f"{each} = dict(zip({tuple(names)!r}, {item}))")
                        self.put(f"context.update({each})")
                    else:
                        self.put(f"{pushed}[{names[0]!r}] = {item}")
                    own = {names[0]: item} if len(names) == 1 else {}
                    if len(names) > 1:
                        for name in dict.fromkeys(names):
                            own[name] = self.new()
                            self.put(f"{own[name]} = {each}[{name!r}]")
                    self.local = still_local(before | own, node.nodelist_loop)
                    self.all(node.nodelist_loop)
                    self.flush()
                    if len(names) > 1:
                        self.put("context.pop()")
        self.local = before

    def named_body(self, node: Any) -> None:
        values = {name: self.value(one) for name, one in node.extra_context.items()}
        before = self.local
        pairs = ", ".join(f"{name!r}: {value}" for name, value in values.items())
        with self.block(f"with context.push(**{{{pairs}}}):"):
            self.local = still_local(before | values, node.nodelist)
            self.all(node.nodelist)
            self.flush()
            self.put("pass")
        self.local = before

    # --- values ---

    def value(self, expression: FilterExpression, *, lenient: bool = False) -> str:
        """The name that holds what the expression says; what is not there is "", or None where that is ``lenient``."""
        var = expression.var
        if not expression.filters and not _is_changing(expression):
            return self.kept(_constant(expression))
        value = self.new()
        if not expression.is_var:
            self.put(f"{value} = {self.kept(var)}")
        elif var.lookups is None or var.translate:
            self.put(f"{value} = {self.kept(var)}.resolve(context)")
        else:
            self.put(f"{value} = {self.found(var)}")
            if not (len(var.lookups) == 1 and var.lookups[0] in self.local):
                with self.block(f"if {value} is MISSING:", counts=False):
                    self.put(f"{value} = {'None' if lenient else repr('')}")
        for func, args in expression.filters:
            self.filtered(value, func, args)
        return value

    def filtered(self, value: str, func: Any, args: list[tuple[bool, Any]]) -> None:
        given = []
        for is_looked_up, arg in args:
            if not is_looked_up:
                given.append(self.kept(mark_safe(arg)))  # noqa: S308  (it stands in a template)
            elif arg.lookups is None or arg.translate:
                given.append(f"{self.kept(arg)}.resolve(context)")
            else:
                given.append(f"needed({self.found(arg)}, {arg.var!r})")
        if getattr(func, "expects_localtime", False):
            self.put(f"{value} = local_time({value}, context.use_tz)")
        if getattr(func, "needs_autoescape", False):
            given.append("autoescape=context.autoescape")
        made = f"{self.kept(QUICKER.get(func, func))}({', '.join([value, *given])})"
        if getattr(func, "is_safe", False):
            old = self.new()
            self.put(f"{old} = {value}")
            self.put(f"{value} = {made}")
            with self.block(f"if isinstance({old}, SafeData):", counts=False):
                self.put(f"{value} = mark_safe({value})")
        else:
            self.put(f"{value} = {made}")

    def found(self, var: Any) -> str:
        first, *bits = var.lookups
        looked = f"look(context, {first!r}, {self.kept(tuple(bits))})" if bits else f"look(context, {first!r})"
        if first not in self.local:
            return looked
        near = self.local[first]
        there = f"within({near}, {self.kept(tuple(bits))})" if bits else near
        return f"({looked} if callable({near}) else {there})"


class _Block:
    """Lines that stand one deeper."""

    def __init__(self, writer: _Writer, counts: bool):
        self.writer, self.counts = writer, counts

    def __enter__(self) -> None:
        self.writer.depth += 1
        self.writer.blocks += self.counts

    def __exit__(self, *error: object) -> None:
        self.writer.depth -= 1
        self.writer.blocks -= self.counts


_OPERATORS = {"or", "and", "not", "in", "not in", "is", "is not", "==", "!=", ">", ">=", "<", "<="}
_WITH_BODY: dict[type[Node], Callable[[_Writer, Any], None]] = {
    IfNode: _Writer.branches,
    ForNode: _Writer.loop,
    WithNode: _Writer.named_body,
}


def _is_changing(expression: FilterExpression) -> bool:
    """Whether it may say something else the next time."""
    var = expression.var
    return bool(expression.filters) or (expression.is_var and (var.lookups is not None or var.translate))


def _constant(expression: FilterExpression) -> Any:
    return expression.var.literal if expression.is_var else expression.var


def _named(nodes: NodeList) -> str:
    """What a traceback says where a line of the function failed."""
    origin = next((node.origin for node in nodes if hasattr(node, "origin")), None)
    return f"<template {getattr(origin, 'template_name', '')}>"
