"""Callers of the API, as its own tests have them, and the log as production writes it."""

from tests.api.conftest import agent, api, make_agent, probe, tidy, token_of
from tests.core.test_request_log import captured

__all__ = ["agent", "api", "captured", "make_agent", "probe", "tidy", "token_of"]
