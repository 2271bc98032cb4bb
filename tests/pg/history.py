"""history - whether what many clients saw of a row could have happened one after the other.

    history = History()
    with history.call("A-1", "write") as call:      # around the request
        call.saw(version)                            # the row's version after it, or as it was read
    history.trouble()                                # None, or what cannot have been

A row's versions are its order: each write makes the next one. So no search is needed for an order
that explains the history (as for a register in general, where that is NP-complete): it is known,
and what is left to see is that it agrees with the clock.

- Nobody sees a version before its write was asked for, and two writes never make the same one.
- What was over before something else was asked for has the lower version: for reads the same or a
  lower one.
"""
import contextlib
import dataclasses
import itertools
import operator
import threading
import time

by_version = operator.attrgetter("version")


@dataclasses.dataclass
class Call:
    row: str
    kind: str  # "write", "read"; what was seen is then as it was at some moment between
    begun: float = 0
    ended: float = 0
    version: int = None

    def saw(self, version):
        self.version = version


class History:
    def __init__(self):
        self.calls = []
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def call(self, row, kind):
        """Is forgotten when it raises, or saw nothing: then nothing is known of it."""
        call = Call(row, kind, begun=time.monotonic())
        yield call
        call.ended = time.monotonic()
        if call.version is not None:
            with self._guard:
                self.calls.append(call)

    def trouble(self):
        rows = {}
        for call in self.calls:
            rows.setdefault(call.row, []).append(call)
        found = [line for row, calls in rows.items() for line in _judge(row, calls)]
        return "\n".join(found[:20]) or None


def _judge(row, calls):
    written = {}
    for call in calls:
        if call.kind == "write":
            if call.version in written:
                yield f"{row}: version {call.version} was written twice"
            written[call.version] = call
    for call in calls:
        write = written.get(call.version)
        if write and call.ended < write.begun:
            yield f"{row}: version {call.version} was seen before anybody asked for it"
    last_begun = None  # of those of lower versions
    for version, group in itertools.groupby(sorted(calls, key=by_version), by_version):
        group = list(group)
        for call in group if last_begun else ():
            if call.ended < last_begun.begun:
                yield (f"{row}: the {call.kind} of version {version} was over "
                       f"{last_begun.begun - call.ended:.4f} s before the {last_begun.kind} of "
                       f"version {last_begun.version} was begun")
        last_begun = max([*group, *([last_begun] if last_begun else [])],
                         key=lambda call: call.begun)
