"""The OpenAPI 3.1 document: one table of operations, the bodies' own schemas, and examples made by our own code."""

from checkout.openapi.building import build_document
from checkout.openapi.operations import OPERATIONS
from checkout.openapi.shapes import Operation

__all__ = ["OPERATIONS", "Operation", "build_document"]
