"""What a reviewer vouches for, beyond what is checked by machines, before an extension is listed as Enterprise."""

ATTESTATIONS = {
    "read-code": "I read all of its code, expressions and mappings, and they do what it says and nothing else.",
    "read-hosts": "Each host it reaches belongs to its publisher or to the service that it names.",
    "read-scopes": "It asks for no scope, data class or secret that its actions do not need.",
    "read-undo": "What it deletes or sends in bulk is marked so, and what it calls an undo undoes it.",
    "publisher-answers": "Its publisher is proven, and somebody answers at its support address.",
}
