"""Refusing everything is no way to pass: ordinary programs give what CPython gives."""

import pytest

from tests.sandbox.pool.comparing import PROGRAMS, in_the_pool, natively


def test_there_are_enough_of_them():
    assert len(PROGRAMS) >= 60


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_an_ordinary_program(pool, program):
    assert in_the_pool(pool, program) == natively(program)
