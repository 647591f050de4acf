"""What the harness has been handed and not yet settled, by stream and id, and its acks that wait for the server."""

from millrace import MillraceError

from values import value_to


def key_of(stream, entry_id):
    name = value_to(stream)
    return name.encode(errors="surrogateescape") if isinstance(name, str) else name, entry_id


class Settling:
    """An ack, nack or reject of the harness, answered once each entry has its code."""

    def __init__(self, request):
        self.re, self.op, self.entries = request.get("re"), request["op"], request["entries"]
        self.codes = ["ok"] * len(self.entries)
        self.open = 0
        self._reason = value_to(request["error"]) if self.op == "reject" else None
        self._release = request.get("release") is True
        self._delay = None if request.get("delay_ms") is None else request["delay_ms"] / 1000

    def apply(self, batch, entries):
        if self.op == "ack":
            batch.ack(entries)
        elif self.op == "reject":
            batch.reject(self._reason, entries)
        elif self._release:
            batch.give_back(entries)
        else:
            batch.nack(entries, self._delay)

    def answer(self):
        entries = [[*entry, code] for entry, code in zip(self.entries, self.codes)]
        return {"event": "acked", "re": self.re, "entries": entries}


class HeldEntries:
    def __init__(self):
        self._held = {}  # key -> (batch, entry)
        self._lost = set()
        self._waiters = {}  # (number of a batch, position) -> (settling, key)

    def add(self, batch):
        for entry in batch:
            entry.fields = []  # a batch is held for long, its bytes are not
            self._held[key_of(entry.stream, entry.id)] = batch, entry

    def lost(self, event):
        self._lost.update(key_of(event.stream, each) for each in event.ids)

    def settle(self, asked):
        """Begins what was asked for; where `open` is 0 then, all of it is done."""
        shares = {}
        for item, entry in enumerate(asked.entries):
            key = key_of(*entry)
            if key not in self._held:
                asked.codes[item] = "lost" if key in self._lost else "not_held"
                continue
            batch, entry = self._held[key]
            shares.setdefault(batch.number, (batch, []))[1].append((item, key, entry))
        for batch, share in shares.values():
            self._settle_share(asked, batch, share)

    def _settle_share(self, asked, batch, share):
        """All of a batch's entries at once, and one by one where that is refused."""
        refused = False
        try:
            asked.apply(batch, [entry for _, _, entry in share])
        except MillraceError:
            refused = True
        for item, key, entry in share:
            try:
                if refused:
                    asked.apply(batch, [entry])
            except MillraceError as error:
                asked.codes[item] = error.code
                continue
            if asked.op == "ack":  # until the server has done it
                self._waiters[batch.number, entry.position] = asked, key
                asked.open += 1
            else:
                self._held.pop(key, None)

    def acked(self, number, positions):
        """What is complete now that the server has acked these of a batch."""
        for position in positions:
            asked, key = self._waiters.pop((number, position), (None, None))
            if asked is None:
                continue
            batch, _ = self._held.get(key, (None, None))
            if batch is not None and batch.number == number:  # it may have come again since, in another
                del self._held[key]
            asked.open -= 1
            if asked.open == 0:
                yield asked
