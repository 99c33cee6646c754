"""How messages become the text an engine tokenises: chat templates by family."""

from collections.abc import Sequence

# (before everything, before a role, between role and content, after a message, before the answer)
TEMPLATES = {
    "llama3": ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>", "assistant"),
    "chatml": ("", "<|im_start|>", "\n", "<|im_end|>\n", "assistant"),
    "plain": ("", "", ": ", "\n", "assistant"),
}


def render(messages: Sequence[tuple[str, str]], family: str) -> str:
    """The prompt of a chat: (role, content) pairs in the family's template, open for the assistant's answer."""
    start, before, between, after, answer = TEMPLATES.get(family, TEMPLATES["plain"])
    parts = [start]
    for role, content in messages:
        parts += (before, role, between, content, after)
    parts += (before, answer, between)
    return "".join(parts)
