"""Whether a chat template takes a message's content as text or as parts: vLLM's reading of its syntax tree.

A template that loops over a message's content wants the parts ("openai"); any other is given one text ("string").
"""

from collections.abc import Iterator

from jinja2 import nodes


def reads_parts(tree: nodes.Template) -> bool:
    """Whether the template goes over a content's parts."""
    messages = _loops_over(tree, _assigned(tree, "messages"))
    handed = _handed_to_macros(tree, messages)
    in_macros = {id(loop) for macro in tree.find_all(nodes.Macro) for loop in macro.find_all(nodes.For)}
    for loop in tree.find_all(nodes.For):
        over = loop.iter
        if any(_reads(over, name, "content") for name in messages):
            return True
        if isinstance(over, nodes.Name):
            if over.name in handed.get(id(loop), ()):
                return True
            if over.name == "content" and id(loop) not in in_macros:
                return True
    return False


def _is_variable(node: nodes.Node | None, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.ctx == "load" and node.name == name


def _is_item(node: nodes.Node | None, name: str, key: str) -> bool:
    if isinstance(node, nodes.Getitem):
        return _is_variable(node.node, name) and isinstance(node.arg, nodes.Const) and node.arg.value == key
    return isinstance(node, nodes.Getattr) and _is_variable(node.node, name) and node.attr == key


def _reads(node: nodes.Node | None, name: str, key: str = "") -> bool:
    """Whether a node is a variable, or an item of it, perhaps filtered, tested or sliced."""
    if isinstance(node, nodes.Filter | nodes.Test):
        return node.node is not None and _reads(node.node, name, key)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        return _reads(node.node, name, key)
    return _is_item(node, name, key) if key else _is_variable(node, name)


def _assigned(tree: nodes.Template, name: str) -> list[str]:
    """The name, and every name that is set to it."""
    found, at = [name], 0
    while at < len(found):
        for one in tree.find_all(nodes.Assign):
            target = one.target
            if isinstance(target, nodes.Name) and target.name not in found and _reads(one.node, found[at]):
                found.append(target.name)
        at += 1
    return found


def _loops_over(tree: nodes.Template, names: list[str]) -> list[str]:
    """What the items of these are called in loops."""
    return [
        loop.target.name
        for loop in tree.find_all(nodes.For)
        if isinstance(loop.target, nodes.Name) and any(_reads(loop.iter, name) for name in names)
    ]


def _handed_to_macros(tree: nodes.Template, messages: list[str]) -> dict[int, set[str]]:
    """For every loop in a macro, the macro's parameters that are somewhere given a message's content."""
    return {
        id(loop): parameters
        for macro in tree.find_all(nodes.Macro)
        if (parameters := set(_content_parameters(tree, macro, messages)))
        for loop in macro.find_all(nodes.For)
    }


def _content_parameters(tree: nodes.Template, macro: nodes.Macro, messages: list[str]) -> Iterator[str]:
    names = [argument.name for argument in macro.args]
    for call in tree.find_all(nodes.Call):
        if not (isinstance(call.node, nodes.Name) and call.node.name == macro.name):
            continue
        given = [*zip(names, call.args, strict=False), *((k.key, k.value) for k in call.kwargs if k.key in names)]
        for name, value in given:
            if any(_reads(value, message, "content") for message in messages):
                yield name
