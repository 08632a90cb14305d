"""Which proofs there are, what each counts, and how far it is meant to go."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Proof:
    """One proof: `python -m MODULE --seconds S --seed N` runs it, and its last line is a `tests.proof.tally.Tally`.

    `goals` names counts of that tally. `is_short`: it takes as long as it takes, and a few runs are enough.
    """

    name: str
    module: str
    title: str
    what: str
    goals: dict[str, int] = field(default_factory=dict)
    is_short: bool = False


PROOFS = (
    Proof(
        "enumeration",
        "tests.proof.enumerating",
        "Every crash point under every fault",
        "The real placing code over the sandbox is ended at each database write and each upstream call, once and a"
        " second time while it recovers, under each kind of answer of validate, commit and read-back, and under a"
        " database whose writes fail. Where two neighbouring ends leave the very same world behind, one run counts for"
        " both. Then the sandbox's ledger is compared with what the shopper was told and with our"
        " books.",
        {"scenarios": 250_000},
    ),
    Proof(
        "healing",
        "tests.proof.healing",
        "Doubt ends in time once the upstream answers again",
        "With the spans of production and time that is played, commits lose their answers and Locally falls silent for"
        " up to half an hour. An order that exists has to be `placed` within 60 seconds of Locally answering again, in"
        " 99 of 100 cases, and one that does not exist `not_placed` after 10 and before 16 minutes.",
        {"healed": 5_000},
    ),
    Proof(
        "machine",
        "tests.proof.machine",
        "Random clients, webhooks, clocks and restarts (a state machine)",
        "Hypothesis plays shoppers with tabs, keys that are used again, webhooks that come late, twice or forged,"
        " clocks that jump, restarts and faults against the whole application. What each client was told, the sandbox's"
        " ledger and our books are compared after every step.",
        {"steps": 1_000_000},
    ),
    Proof(
        "kills",
        "tests.proof.kills",
        "`kill -9` of the real service under load",
        "The service as real processes, on SQLite and on PostgreSQL with two instances, is killed at random moments"
        " while dozens of clients buy. The sandbox is another process that lives on and is the judge.",
        {"kills": 1_000, "orders": 10_000},
    ),
    Proof(
        "power",
        "tests.proof.power",
        "Power loss under SQLite",
        "While the service takes orders, each write and sync that SQLite makes is noted; then disks are built that a"
        " power loss at any moment could leave behind: unsynced sectors lost, kept, torn or out of order. The service's"
        " own driver opens each, and everything that anybody was told of has to be there, and nothing by halves.",
        {"losses": 50_000},
    ),
    Proof(
        "rivals",
        "tests.proof.rivals",
        "A thousand requests for one checkout at once",
        "A thousand identical requests at the same time, then a thousand with keys of their own; on PostgreSQL they go"
        " to four processes. One order has to come of each, and every replay has to be the same answer.",
        {"rounds": 200},
    ),
    Proof(
        "sabotage",
        "tests.proof.sabotage",
        "Deliberate defects are caught",
        "Each safeguard of the code is broken on purpose (no compare-and-set, no unique index, mark after send, ...)."
        " The proofs above have to notice every one; one that goes unnoticed is a violation.",
        is_short=True,
    ),
)
