"""Contract tests: made from a manifest and its fixtures, run in a moment, without an account and without a network.

A test calls by the code that live calls go through: the request is built by sandbox.rest, leaves through the egress
broker under the manifest's own rules, is answered from a fixture, and is mapped, classified and repeated by the live
runner and the gate's own attempts. Python runs in the sealed sandbox. docs/contract-tests.md tells the whole of it.
"""

from sandbox.contract_tests.generate import ContractTest, generate
from sandbox.contract_tests.running import Report, Result, run_tests

__all__ = ["ContractTest", "Report", "Result", "generate", "run_tests"]
