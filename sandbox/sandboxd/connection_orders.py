"""What web and workers may ask of sandboxd about a connection, read strictly. Nothing here is answered with a token."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sandbox.sandboxd.orders import BadOrder, only, parsed, typed

LONGEST_VALUE = 32_768
MOST_VALUES = 8
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class ConnectionOrder:
    """About one connection; ``digest`` is the version whose manifest says how it authenticates."""

    workspace: UUID
    connection: UUID
    digest: str

    def as_body(self) -> dict[str, Any]:
        return {"workspace": str(self.workspace), "connection": str(self.connection), "digest": self.digest}

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "ConnectionOrder":
        """Raises BadOrder."""
        only(body, {"workspace", "connection", "digest"})
        return cls(parsed(body, "workspace", UUID), parsed(body, "connection", UUID), typed(body, "digest", str))


@dataclass(frozen=True)
class BeginOrder(ConnectionOrder):
    """Make the address of a consent screen, and a sealed verifier for the way back."""

    redirect_uri: str
    state: str
    scopes: list[str]

    def as_body(self) -> dict[str, Any]:
        return super().as_body() | {"redirect_uri": self.redirect_uri, "state": self.state, "scopes": self.scopes}

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "BeginOrder":
        """Raises BadOrder."""
        about, rest = _split(body, {"redirect_uri", "state", "scopes"})
        scopes = typed(rest, "scopes", list)
        if len(scopes) > 200 or not all(isinstance(one, str) for one in scopes):
            raise BadOrder("scopes is a list of at most 200 texts.")
        return cls(
            about.workspace,
            about.connection,
            about.digest,
            redirect_uri=typed(rest, "redirect_uri", str),
            state=typed(rest, "state", str),
            scopes=scopes,
        )


@dataclass(frozen=True)
class ExchangeOrder(ConnectionOrder):
    """Turn a code into tokens. ``sealed`` is the verifier as BeginOrder was answered; ``host`` what was typed in."""

    redirect_uri: str
    code: str = field(repr=False)
    sealed: dict[str, str] = field(repr=False)
    host: str

    def as_body(self) -> dict[str, Any]:
        more = {"redirect_uri": self.redirect_uri, "code": self.code, "sealed": self.sealed, "host": self.host}
        return super().as_body() | more

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "ExchangeOrder":
        """Raises BadOrder."""
        about, rest = _split(body, {"redirect_uri", "code", "sealed", "host"})
        return cls(
            about.workspace,
            about.connection,
            about.digest,
            redirect_uri=typed(rest, "redirect_uri", str),
            code=typed(rest, "code", str),
            sealed=_texts(rest, "sealed"),
            host=typed(rest, "host", str),
        )


@dataclass(frozen=True)
class StoreOrder(ConnectionOrder):
    """Seal what was typed in, after a first token came where the kind has tokens. ``settings`` is no secret."""

    values: dict[str, str] = field(repr=False)
    settings: dict[str, str]
    host: str

    def as_body(self) -> dict[str, Any]:
        return super().as_body() | {"values": self.values, "settings": self.settings, "host": self.host}

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "StoreOrder":
        """Raises BadOrder."""
        about, rest = _split(body, {"values", "settings", "host"})
        return cls(
            about.workspace,
            about.connection,
            about.digest,
            values=_texts(rest, "values"),
            settings=_texts(rest, "settings"),
            host=typed(rest, "host", str),
        )


@dataclass(frozen=True)
class RefreshOrder(ConnectionOrder):
    """Renew the token, waiting ``seconds`` for it; ``force`` although it failed a moment ago: a person wants it."""

    force: bool
    seconds: float

    def as_body(self) -> dict[str, Any]:
        return super().as_body() | {"force": self.force, "seconds": self.seconds}

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "RefreshOrder":
        """Raises BadOrder."""
        about, rest = _split(body, {"force", "seconds"})
        seconds = typed(rest, "seconds", float)
        if not 0 <= seconds <= LONGEST_WAIT_S:
            raise BadOrder(f"seconds is at most {LONGEST_WAIT_S:.0f}.")
        return cls(about.workspace, about.connection, about.digest, typed(rest, "force", bool), seconds)


def _split(body: dict[str, Any], names: set[str]) -> tuple[ConnectionOrder, dict[str, Any]]:
    """What an order is about, and the rest of it, which has exactly ``names``."""
    only(body, {"workspace", "connection", "digest"} | names)
    rest = {name: body[name] for name in names}
    return ConnectionOrder.from_body({name: value for name, value in body.items() if name not in names}), rest


def _texts(body: dict[str, Any], name: str) -> dict[str, str]:
    found = typed(body, name, dict)
    fits = all(isinstance(one, str) and len(one) <= LONGEST_VALUE for pair in found.items() for one in pair)
    if len(found) > MOST_VALUES or not fits:
        raise BadOrder(f"{name} maps at most {MOST_VALUES} names to texts.")
    return found
