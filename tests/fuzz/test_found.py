"""What fuzzing has found, each as small as it gets."""

import pytest

from galaxy.core.egress import Refused, urls
from registry.manifests import read


@pytest.mark.parametrize("text", ["x" * 300_000, b"x" * 300_000, "é" * 200_000])
def test_a_text_that_is_too_large_has_a_place(text):
    [finding] = read(text).errors
    assert (finding.code, finding.line, finding.column) == ("too-large", 1, 1)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("\"join('', ['a very long first line of it',\n      a ?])\"", (5, 11)),
        ("join('', ['a very long first line of it',\n      a ?])", (5, 11)),
        ('"a ?"', (5, 14)),
    ],
)
def test_a_fault_in_an_expression_of_several_lines_is_told_where_it_begins(value, place):
    """Its column was counted on from the first line, beyond the end of it."""
    text = f"pack: p\nsteps:\n  - id: a\n    use: x.y\n    when: {value}\n"
    finding = next(one for one in read(text).errors if one.code == "bad-expression")
    assert (finding.line, finding.column) == place


@pytest.mark.parametrize("port", ["65536", "99999"])
def test_a_port_that_no_socket_has_is_refused(port):
    """The socket raised OverflowError for it, which is no refusal that anybody expects."""
    with pytest.raises(Refused) as refused:
        urls.parse(f"https://api.allowed.test:{port}/")
    assert refused.value.code == "bad_url"
