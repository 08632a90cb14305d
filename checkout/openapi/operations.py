"""The table of operations: who may call what, with which body, and what comes back."""

from checkout.openapi import buying, following, fulfilling, operating
from checkout.openapi.shapes import Operation

OPERATIONS: tuple[Operation, ...] = (
    *buying.OPERATIONS,
    *following.OPERATIONS,
    *fulfilling.OPERATIONS,
    *operating.OPERATIONS,
)
