"""Details of gRPC errors as servers send them, by the messages that Google publishes."""

from datetime import timedelta

from google.rpc import error_details_pb2, status_pb2


def rpc_status(*details) -> bytes:
    """What stands in grpc-status-details-bin."""
    status = status_pb2.Status(code=8)
    for detail in details:
        status.details.add().Pack(detail)
    return status.SerializeToString()


def retry_info(**delay) -> error_details_pb2.RetryInfo:
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromTimedelta(timedelta(**delay))
    return info


def quota_failure() -> error_details_pb2.QuotaFailure:
    return error_details_pb2.QuotaFailure(violations=[{"subject": "project:a", "description": "Daily limit."}])
