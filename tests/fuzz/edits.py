"""Texts that were right once: pieces cut out, doubled, moved and put in, which gets further than noise does."""

from hypothesis import strategies as st


def edited(seeds, pieces, most: int = 6):
    """A strategy of ``seeds`` (texts or bytes) with up to ``most`` edits, each putting in one of ``pieces``."""
    edit = st.tuples(
        st.integers(0, 100_000), st.integers(0, 40), st.sampled_from(pieces), st.sampled_from(["put", "cut", "double"])
    )
    return st.builds(_apply, st.sampled_from(seeds), st.lists(edit, max_size=most))


def _apply(text, edits):
    for at, length, piece, kind in edits:
        at %= len(text) + 1
        after = at + length
        match kind:
            case "put":
                text = text[:at] + piece + text[after if length > 30 else at :]
            case "cut":
                text = text[:at] + text[after:]
            case "double":
                text = text[:after] + text[at:]
    return text[:20_000]
