"""What a reply's bytes say of the tokens it took, read without parsing it."""


def numbers(data: bytes) -> tuple[int, int, int]:
    """Prompt, output and cached tokens of the last usage object in a piece of a reply; -1 where it does not say."""
    at = data.rfind(b'"usage"') if data else -1
    if at < 0:
        return -1, -1, -1
    return (
        _number(data, b'"prompt_tokens"', at),
        _number(data, b'"completion_tokens"', at),
        _number(data, b'"cached_tokens"', at),
    )


def _number(data: bytes, name: bytes, start: int) -> int:
    at = data.find(name, start)
    if at < 0:
        return -1
    at += len(name)
    end, most = at, min(at + 24, len(data))
    number, digits = 0, 0
    while end < most:
        byte = data[end]
        if 48 <= byte <= 57:
            number, digits = number * 10 + byte - 48, digits + 1
        elif digits or byte not in b": ":
            break
        end += 1
    return number if digits else -1
