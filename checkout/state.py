"""What the lifespan yields and every handler reads: `request.state["checkouts"]`."""

from collections.abc import Callable
from datetime import datetime
from typing import TypedDict

from checkout.answers import Answers
from checkout.assessing import Assessor
from checkout.availability import Availability
from checkout.catalogue import Catalogue
from checkout.checkouts import Checkouts
from checkout.database import Database
from checkout.inbox import Inbox
from checkout.placing import Placing
from checkout.settings import Settings


class State(TypedDict):
    """The parts of the running service."""

    settings: Settings
    clock: Callable[[], datetime]
    database: Database
    catalogue: Catalogue
    availability: Availability
    assessor: Assessor
    checkouts: Checkouts
    placing: Placing
    inbox: Inbox
    answers: Answers
    openapi: Callable[[], bytes]
    ready: Callable[[], bool]
