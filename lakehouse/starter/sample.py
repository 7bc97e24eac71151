"""The sample of a new project: orders of a shop, the same ones for the same last day.

One customer in seven is a regular, who orders every few days; the others order now and then. The
past orders of a customer show which, so that a model has something to learn.
"""

import csv
import io
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

WEEKS = 20
CUSTOMERS = 280
SEED = 7
COLUMNS = ("order_id", "customer_id", "ordered_at", "amount", "items", "channel")

_DAYS_BETWEEN = {True: 4.0, False: 30.0}
"""Mean days between two orders of a regular and of an occasional customer."""
_CHANNELS = {True: ("app", "app", "web"), False: ("web", "web", "store", "app")}


def weekly_orders(last_day: date) -> Iterator[tuple[str, str]]:
    """Name and CSV text of a file for each week, the last one ending with `last_day` (UTC)."""
    first = datetime.combine(last_day, datetime.min.time(), UTC) - timedelta(days=7 * WEEKS - 1)
    orders = sorted(_orders(first))
    numbered = [(time, (1000 + number, *rest)) for number, (time, *rest) in enumerate(orders)]
    for week, rows in groupby(numbered, key=lambda order: (order[0] - first).days // 7):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for time, (order_id, customer_id, *rest) in rows:
            writer.writerow((order_id, customer_id, f"{time:%Y-%m-%dT%H:%M:%SZ}", *rest))
        end = first + timedelta(days=7 * week + 6)
        yield f"orders_{end:%Y-%m-%d}.csv", text.getvalue()


def _orders(first: datetime) -> Iterator[tuple[datetime, int, str, int, str]]:
    """Time, customer, amount, items and channel of every order of `WEEKS` weeks."""
    chance = random.Random(SEED)
    for customer_id in range(1, CUSTOMERS + 1):
        is_regular = customer_id % 7 == 0
        usual_cents = chance.randint(800, 6000)
        days = chance.random() * _DAYS_BETWEEN[is_regular]
        while days < 7 * WEEKS:
            items = chance.randint(1, 5)
            cents = round(usual_cents * items * (0.5 + chance.random()))
            channel = chance.choice(_CHANNELS[is_regular])
            time = first + timedelta(seconds=int(days * 86_400))
            yield time, customer_id, f"{cents / 100:.2f}", items, channel
            days += chance.expovariate(1 / _DAYS_BETWEEN[is_regular])
