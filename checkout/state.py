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
from checkout.feeding import Feeding
from checkout.fulfilment import Actions
from checkout.inbox import Inbox
from checkout.intake import Intake
from checkout.mailing import Lookup
from checkout.notifying import Notifying
from checkout.placing import Placing
from checkout.rescuing import Rescues
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
    rescues: Rescues
    inbox: Inbox
    intake: Intake | None
    actions: Actions
    notifying: Notifying
    feeding: Feeding
    lookup: Lookup | None
    answers: Answers
    hash_email: Callable[[str], str]
    openapi: Callable[[], bytes]
    ready: Callable[[], bool]
