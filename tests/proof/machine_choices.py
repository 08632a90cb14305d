"""What Hypothesis chooses from: who acts, how, what befalls her, and what else happens in the world."""

from typing import Any

from hypothesis import strategies as st

from tests.proof.machine_faults import EVERY, PLACING
from tests.proof.machine_shopping import UPCS
from tests.service import STORE_ID

OTHER_STORE = 37176

WHICH = st.sampled_from((0, 0, 0, 1, 2, 3))
KEYS = st.sampled_from((0, 0, 0, 1, 2))
CARDS = st.sampled_from((0, 0, 0, 0, 1, 2, -1))
LESS = st.sampled_from((0, 0, 0, 0, 0, 1, -500))
WAITS = st.sampled_from((None, None, 0, 2, 25))
# Seconds that pass after a step; None: until every request is answered.
LINGERS = st.sampled_from((None, None, None, 0.0, 0.1, 1.0, 6.0))
# Of more than a minute the service notices that nobody watched; less is little beside the spans of its reading back,
# but not beside the short ones here.
JUMPS = st.sampled_from((0.3, 130.0, 310.0, 3700.0, -1.0, -10.0, -130.0, -3700.0))
CARD_NAMES = st.sampled_from(
    ("visa", "visa", "visa", "chargeCustomerFail", "sandbox_second_line", "chargeDeclined", "threeDSecure2Required")
)
PATCHES: tuple[dict[str, Any], ...] = (
    {"shopper": {"last_name": "Byron"}},
    {"items": [{"upc": UPCS[0], "quantity": 1}]},
    {"items": [{"upc": UPCS[0], "quantity": 2}, {"upc": UPCS[1], "quantity": 1}]},
    {"store_id": OTHER_STORE},
    {"store_id": STORE_ID},
    {"path_to_purchase": "ropis"},
    {"path_to_purchase": "bopis"},
)
MOVES: tuple[dict[str, str], ...] = (
    {"status": "confirmed"},
    {"status": "rejected", "reason": "none left"},
    {"status": "fulfilled"},
    {"status": "refund"},
    {"status": "buyer-canceled"},
)


def _calls(name: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, tuple[Any, ...]]]:
    return st.tuples(st.just(name), st.tuples(*values))


TURNS = st.one_of(
    _calls("clock_jumps", JUMPS),
    _calls("upstream_fails", st.sampled_from(EVERY), st.sampled_from((1, 1, 1, 2, 3, 0))),
    _calls("database_fails", st.lists(st.booleans(), min_size=1, max_size=4), st.sampled_from((0, 0, 1, 3))),
    _calls("upstreams_heal", st.sampled_from((0.0, 0.0, 0.2, 1.5, 4.0))),
    _calls(
        "shelf_changes",
        st.sampled_from((STORE_ID, STORE_ID, OTHER_STORE)),
        st.sampled_from(UPCS),
        st.sampled_from((0, 1, 20, 20)),
        st.sampled_from((8900, 8800, 9100)),
    ),
    _calls("store_moves_an_order", st.integers(0, 20), st.sampled_from(MOVES)),
)
WHIMS = st.one_of(
    _calls("take_card", WHICH, CARD_NAMES),
    _calls("open_with_a_used_key", WHICH, st.integers(0, 1)),
    _calls("cancel", st.just(2), LINGERS),
    _calls("hang_up"),
)
# What befalls a request to place: a fault of a call that it makes, or the end of the process at a boundary.
MISHAPS = st.one_of(
    st.none(), st.none(), st.sampled_from([each for each in EVERY if each[0] in PLACING]), st.integers(0, 60)
)
