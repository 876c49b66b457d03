"""Leases: two attempts of a job never overlap, and no worker that is heard of starves, whatever the network does.

A world with one worker is played: clocks of any offset whose rates differ by a tenth, messages that come late, in any
order, or never, a client that is suspended. Mistakes that one could make are planted, and each is found.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from orchestrator.cluster.lease import ClientLease, Contact, WorkerLease, gone_after

LEASE = 20.0
HOLD = 60.0
END = 150.0
KILL_SECONDS = 1.7  # within those that the client allows for, by the fastest of clocks
STEP = 0.5

RATES = st.floats(0.955, 1.045)
DELAYS = st.one_of(st.floats(0, 1), st.floats(0, 90), st.just(inf))
PROMPT = st.floats(0, LEASE / 10)


@dataclass
class Clock:
    offset: float
    rate: float

    def at(self, second: float) -> float:
        return self.offset + self.rate * second


@dataclass
class Rules:
    """What is tested, of which a part may be replaced by a mistake."""

    contact: Callable[[ClientLease, float], Contact] = ClientLease.contact
    until: Callable[[WorkerLease, int, float, float, float], float | None] = lambda lease, order, token, seconds, now: (
        lease.until(order, token, seconds)
    )
    is_too_late: Callable[[float, float], bool] = lambda token, now: now >= token + LEASE
    release: Callable[[ClientLease, float], None] = ClientLease.release


@dataclass
class World:
    """`attempt_ended`: when the last process of the first attempt has ended, in seconds of no clock."""

    client: Clock
    worker: Clock
    delays: list[float]
    task_delay: float
    suspended: tuple[float, float]
    rules: Rules = field(default_factory=Rules)
    began: float | None = None
    attempt_ended: float | None = None
    gone: float | None = None
    doubted: bool = False

    def play(self) -> World:
        self._counter = itertools.count()
        self._arrivals: list[tuple[float, int, str, Any]] = []
        self._delay = itertools.cycle(self.delays)
        self._granted = WorkerLease()
        self._runs_until = -inf  # by the worker's clock
        self._orders = 0
        hello = self.worker.at(0)
        self._renew(0.0, 0, hello, LEASE)
        self._lease = ClientLease(LEASE, hello, self.client.at(0), HOLD)
        self._send(0.0, "task", hello, self.task_delay)
        beat_at, sleeps, wakes = 0.0, *self.suspended
        held: list[Any] = []
        second = 0.0
        while second < END and self.gone is None:
            arrival = self._arrivals[0][0] if self._arrivals else inf
            second = min(arrival, beat_at, second + STEP)
            self._expire(second)
            if sleeps <= second < wakes and not self._lease.is_suspended:
                self._lease.suspend()
                self._beat(second)
                beat_at = wakes
            if second >= wakes and self._lease.is_suspended:
                self.rules.release(self._lease, self.client.at(second))
                for answer in held:
                    self._arrive(second, "answer", answer)
                beat_at = second
            while self._arrivals and self._arrivals[0][0] <= second:
                _, _, kind, what = heapq.heappop(self._arrivals)
                if kind == "answer" and self._lease.is_suspended:
                    held.append(what)
                else:
                    self._arrive(second, kind, what)
            if self._lease.is_suspended:
                continue
            contact = self.rules.contact(self._lease, self.client.at(second))
            self.doubted |= contact is not Contact.ALIVE and not self._lease.is_on_hold
            if contact is Contact.GONE:
                self.gone = second
            elif second >= beat_at:
                self._beat(second)
                beat_at = second + LEASE / 4 / self.client.rate
        self._expire(second)
        return self

    def _send(self, second: float, kind: str, what: Any, delay: float | None = None) -> None:
        arrives = second + (next(self._delay) if delay is None else delay)
        if arrives < END:
            heapq.heappush(self._arrivals, (arrives, next(self._counter), kind, what))

    def _beat(self, second: float) -> None:
        self._orders += 1
        lease = self._lease
        self._send(second, "beat", (self._orders, lease.token, lease.granted, lease.stamp))

    def _arrive(self, second: float, kind: str, what: Any) -> None:
        now = self.worker.at(second)
        if kind == "task":
            if not self.rules.is_too_late(what, now) and now < self._runs_until:
                self.began = second
        elif kind == "beat":
            order, token, seconds, stamp = what
            self._renew(second, order, token, seconds)
            self._send(second, "answer", (now, stamp))
        else:
            token, stamp = what
            self._lease.saw(token, self.client.at(second), stamp)

    def _renew(self, second: float, order: int, token: float, seconds: float) -> None:
        until = self.rules.until(self._granted, order, token, seconds, self.worker.at(second))
        if until is not None:
            self._runs_until = until
            self._expire(second)

    def _expire(self, second: float) -> None:
        """The warden ends everything when the lease has ended, and a moment later nothing lives."""
        if self.began is None or self.attempt_ended is not None:
            return
        ended = max(self.began, (self._runs_until - self.worker.offset) / self.worker.rate)
        if ended <= second:
            self.attempt_ended = ended + KILL_SECONDS


@st.composite
def worlds(draw: st.DrawFn, delays: st.SearchStrategy[float], rules: Rules | None = None) -> World:
    # Also right after a beat, which the request to hold may overtake.
    after_a_beat = st.builds(lambda beats, more: beats * LEASE / 4 + more, st.integers(1, 12), st.floats(0, 0.5))
    sleeps = draw(st.one_of(st.just(inf), st.floats(1, 60), after_a_beat))
    rate = draw(RATES)
    return World(
        Clock(draw(st.floats(0, 1e6)), rate),
        Clock(draw(st.floats(0, 1e6)), min(max(draw(RATES), rate / 1.09), rate * 1.09)),
        draw(st.lists(delays, min_size=1, max_size=12)),
        draw(delays),
        (sleeps, sleeps + draw(st.floats(1, 100))) if sleeps < inf else (inf, inf),
        rules or Rules(),
    )


def never_overlaps(world: World) -> None:
    """When the client lets another attempt start, nothing of the first one lives or begins later."""
    world.play()
    if world.gone is None:
        return
    second = world.gone
    while world._arrivals:  # what is still on its way comes
        arrival, _, kind, what = heapq.heappop(world._arrivals)
        second = max(second, arrival)
        world._expire(second)
        if kind != "answer":
            world._arrive(second, kind, what)
    world._expire(1e9)
    if world.began is not None:
        assert world.began < world.gone
        assert world.attempt_ended is not None
        assert world.attempt_ended <= world.gone + 1e-6


def never_starves(world: World) -> None:
    """A worker that answers soon keeps its attempt, through a suspension that is shorter than is granted for one."""
    sleeps, wakes = world.suspended
    world.suspended = (sleeps, min(wakes, sleeps + HOLD * 0.8))
    world.play()
    assert world.began is not None
    assert (world.attempt_ended, world.gone, world.doubted) == (None, None, False)


@given(worlds(DELAYS))
def test_no_two_attempts_of_a_job_overlap(world: World) -> None:
    never_overlaps(world)


@given(worlds(PROMPT))
def test_no_worker_that_answers_soon_loses_its_attempt_or_waits_for_new_ones(world: World) -> None:
    never_starves(world)


def of_another_lease(seconds: float) -> Callable[[ClientLease, float], Contact]:
    def contact(lease: ClientLease, now: float) -> Contact:
        return Contact.GONE if now - lease.seen_at >= seconds else ClientLease.contact(lease, now)

    return contact


def ends_hold_at_once(lease: ClientLease, at: float) -> None:
    lease.is_suspended = lease.is_on_hold = False


def ends_hold_with_any_answer(lease: ClientLease, at: float) -> None:
    lease.is_suspended = False
    lease.suspensions -= 1


MISTAKES: dict[str, tuple[Callable[[World], None], Rules]] = {
    "a beat that comes late prolongs the lease": (
        never_overlaps,
        Rules(until=lambda lease, order, token, seconds, now: now + seconds),
    ),
    "an attempt is called lost at once": (never_overlaps, Rules(contact=of_another_lease(LEASE / 2))),
    "clocks have the same rate, and a kill takes no time": (never_overlaps, Rules(contact=of_another_lease(LEASE))),
    "a task may begin however late it comes": (
        never_overlaps,
        Rules(is_too_late=lambda token, now: False, until=lambda lease, order, token, seconds, now: inf),
    ),
    "a suspended client counts silence as ever": (
        never_overlaps,
        Rules(contact=of_another_lease(gone_after(LEASE))),
    ),
    "beats that were overtaken count": (
        never_starves,
        Rules(until=lambda lease, order, token, seconds, now: token + seconds),
    ),
    "a client that continues grants a lease after an old token": (never_starves, Rules(release=ends_hold_at_once)),
    "an answer to a beat of before a suspension ends what was granted for that": (
        never_starves,
        Rules(release=ends_hold_with_any_answer),
    ),
    "a worker is doubted after one beat": (never_starves, Rules(contact=of_another_lease(LEASE / 5))),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_rules_is_found(mistake: str) -> None:
    law, rules = MISTAKES[mistake]

    @seed(1)
    @settings(max_examples=1000, phases=[Phase.generate])
    @given(worlds(DELAYS if law is never_overlaps else PROMPT, rules))
    def try_it(world: World) -> None:
        law(world)

    with pytest.raises(AssertionError):
        try_it()


def test_without_another_token_a_worker_is_doubted_after_half_a_lease_and_gone_after_more_than_one() -> None:
    lease = ClientLease(20, 100.0, 1000.0)
    assert [lease.contact(1000.0 + seconds) for seconds in (0, 9.9, 10, 23.9, 24)] == [
        Contact.ALIVE, Contact.ALIVE, Contact.DOUBTFUL, Contact.DOUBTFUL, Contact.GONE,
    ]  # fmt: skip
    lease.saw(99.0, 1023.0, 0)  # an old answer
    assert lease.contact(1024.0) is Contact.GONE
    lease.saw(101.0, 1023.0, 0)
    assert lease.contact(1024.0) is Contact.ALIVE


def test_a_worker_whose_end_is_seen_is_judged_by_the_lease_from_the_end_of_a_suspension_on() -> None:
    lease = ClientLease(20, 100.0, 1000.0, hold=inf, is_on_hold=True)
    assert lease.granted == inf
    lease.release(9000.0)
    assert [lease.contact(9000.0 + seconds) for seconds in (0, 23.9, 24)] == [
        Contact.DOUBTFUL, Contact.DOUBTFUL, Contact.GONE,
    ]  # fmt: skip
