"""Jobs that a batch system does not take for no fault of theirs wait, and are submitted again."""

from types import SimpleNamespace

import pytest

from jetsmith.batch.waiting import FIRST_S, LAST_S, SAID_S, WaitingRoom


@pytest.fixture
def room():
    """An empty room, its clock and what it has said."""
    clock, said = [0.0], []
    logger = SimpleNamespace(warning=said.append, info=said.append)
    return SimpleNamespace(it=WaitingRoom("Slurm", logger, lambda: clock[0]), clock=clock, said=said)


def test_an_open_room(room):
    """Where all is well nobody waits, and nothing is said."""
    assert not room.it.keeps("a")
    room.it.taken()
    assert room.it.due() == room.said == []


def test_one_is_tried_and_the_others_follow(room):
    """Of those that wait one alone is tried; when it is taken all leave; the answer is told once."""
    room.it.refused("a", "no answer")
    assert [room.it.keeps(job) for job in "bc"] == [True, True]
    assert room.it.due() == []
    room.clock[0] = FIRST_S
    (tried,) = room.it.due()
    assert room.it.due() == []  # while it is on its way
    assert not room.it.keeps(tried)
    room.it.taken()
    assert sorted([tried, *room.it.due()]) == ["a", "b", "c"]
    room.it.taken()
    assert not room.it.keeps("d")
    assert [line.split(" (")[0] for line in room.said] == [
        "Slurm takes no jobs",
        "Slurm takes jobs again, after 10 s",
    ]
    assert "(no answer)" in room.said[0]


def test_pauses_grow(room):
    """Each twice the one before, up to the longest; said again after ten minutes alone."""
    room.it.refused("a", "no answer")
    pauses, last = [], 0.0
    while room.clock[0] < 4 * SAID_S:
        room.clock[0] += 1
        for job in room.it.due():
            pauses.append(room.clock[0] - last)
            last = room.clock[0]
            room.it.refused(job, "no answer")
    assert pauses[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert max(pauses) == LAST_S == pauses[-1]
    assert 3 <= len(room.said) <= 5
    assert "since" in room.said[-1]


def test_a_job_that_ends_makes_room(room):
    """With a limit on jobs in the queue nobody waits for the end of a pause."""
    room.it.refused("a", "QOSMaxSubmitJobPerUserLimit")
    room.it.hurry()
    assert room.it.due() == ["a"]


def test_an_answer_about_the_job_itself(room):
    """It fails, and the others are not kept because of it."""
    room.it.refused("a", "no answer")
    room.it.keeps("b")
    room.clock[0] = FIRST_S
    (tried,) = room.it.due()
    room.it.failed(tried)
    assert room.it.due() == ["b"]


def test_a_closed_room(room):
    """The run ends: nothing is submitted any more."""
    room.it.refused("a", "no answer")
    room.it.close()
    room.clock[0] = LAST_S
    assert room.it.due() == []
