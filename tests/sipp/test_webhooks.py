"""A real transfer as its webhook is told of it."""

from contextlib import aclosing

from ari_app.testing.phone import Ring
from ari_app.testing.stage import free_port
from tests.unit.http.receiver import SECRET, Receiver


def receiver():
    """At an address of its own, and not there yet."""
    receiver = Receiver()
    receiver.port = free_port()
    return receiver


def settings(receiver):
    return f'[webhooks.crm]\nurl = "{receiver.url}"\nsecret = "{SECRET}"\n'


async def whole(stage, receiver):
    """Every phase of the transfer reached the receiver, signed, in order, as HTTP tells it."""
    names = await stage.told_without_holes()
    await receiver.took(len(names))
    assert [said["type"] for said in receiver.taken] == [f"warm_transfer.{name}" for name in names]
    assert receiver.sequences == list(range(1, len(names) + 1))
    assert receiver.forged == 0
    transfer_id = receiver.taken[0]["data"]["transfer_id"]
    followed = [event["data"] async for event in stage.app.follow(transfer_id)]
    assert [said["data"] for said in receiver.taken] == followed


async def test_accepted_by_key_and_told_to_a_webhook(stage):
    async with receiver() as crm:
        await stage.briefed(more=settings(crm))
        await stage.supervisor.press("1")
        await stage.are_connected()
        assert (await stage.ari.ended())["outcome"] == "completed"
        await whole(stage, crm)


async def test_a_receiver_that_was_away_hears_everything_when_it_is_back(stage):
    crm = receiver()
    await stage.briefed(more=settings(crm))
    await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    async with crm:
        await whole(stage, crm)


async def test_what_was_not_taken_survives_the_app(stage):
    crm = receiver()
    await stage.dialing(more=settings(crm), supervisor=Ring())
    ringing = await stage.ari.phase("supervisor_ringing")
    await stage.killed_and_back()
    async with crm:
        await stage.supervisor.reject(486)
        assert (await stage.ari.ended())["outcome"] == "busy"
        await stage.are_back()
        await whole(stage, crm)

    seen = ringing["sequence"]
    async with aclosing(stage.app.follow(ringing["transfer_id"], seen)) as told:
        assert [int(event["id"]) async for event in told] == list(range(seen + 1, len(crm.taken) + 1))
