"""The AsyncClient of millrace_asyncio.py on a real Redis."""

import asyncio
import random
import unittest

from redis_server import free_port
from redis_test import PATIENCE, RedisTest

from millrace import MillraceError
from millrace_asyncio import AsyncClient


class AsyncTest(RedisTest, unittest.IsolatedAsyncioTestCase):
    def async_client(self, **keys):
        defaults = {"streams": "s", "group": "g", "consumer": "c", "batch_size": 5, "flush_interval": "20ms"}
        client = AsyncClient(self.redis.url(), **{**defaults, **keys})
        self.addAsyncCleanup(client.close)
        return client

    async def soon(self, work):
        return await asyncio.wait_for(work, PATIENCE)

    async def until(self, is_so):
        async def poll():
            while not is_so():
                await asyncio.sleep(0.005)

        await self.soon(poll())

    async def assert_refused(self, code, work):
        with self.assertRaises(MillraceError) as caught:
            await self.soon(work)
        self.assertEqual(caught.exception.code, code)


class Deliver(AsyncTest):
    async def test_entries_come_in_order_and_acked_ones_are_acked(self):
        ids, seen = self.add(12), []
        client = self.async_client()
        async for batch in client.batches():
            with batch:
                seen += [entry.id for entry in batch]
            if len(seen) == 12:
                break
        self.assertEqual(seen, ids)
        await self.until(lambda: self.pending() == 0)

    async def test_what_comes_while_it_waits(self):
        client = self.async_client(flush_interval=0)
        client.consumer()
        waiting = asyncio.ensure_future(client.next())
        await self.until(lambda: self.redis("EXISTS", "s"))
        self.assertFalse(waiting.done())
        self.add(1)
        batch = await self.soon(waiting)
        batch.ack()
        await self.until(lambda: self.pending() == 0)

    async def test_cancelled_waits_lose_no_batch(self):
        client, added, seen, cancelled = self.async_client(batch_size=1, flush_interval=0), [], [], 0
        client.consumer()
        moments = random.Random(1)
        while len(seen) < 300:
            if len(added) < 300:
                added += self.add(1)
            waiting = asyncio.ensure_future(client.next())
            for _ in range(moments.randrange(6)):  # somewhere between its beginning and its end
                await asyncio.sleep(0)
            if moments.random() < 0.3:
                await asyncio.wait([waiting], timeout=0.002)
            waiting.cancel()
            await asyncio.wait([waiting])
            if waiting.cancelled():
                cancelled += 1
                continue
            waiting.result().ack()
            seen += [entry.id for entry in waiting.result()]
        self.assertEqual(seen, added)
        self.assertGreater(cancelled, 10)

    async def test_several_tasks_share_the_batches(self):
        client, seen = self.async_client(batch_size=1, flush_interval=0), []

        async def work():
            async for batch in client.batches():
                with batch:
                    seen.append(batch.entries[0].id)
                if len(seen) == 100:
                    client.stop()

        tasks = [asyncio.ensure_future(work()) for _ in range(4)]
        await asyncio.sleep(0)
        ids = self.add(100)
        await self.soon(asyncio.gather(*tasks))
        self.assertEqual(sorted(seen), sorted(ids))

    async def test_a_cancelled_handler_wants_its_batch_again(self):
        self.add(2)
        client = self.async_client(batch_size=2, nack_delay=0)

        async def work():
            async for batch in client.batches():
                with batch:
                    started.set()
                    await asyncio.Event().wait()

        started = asyncio.Event()
        task = asyncio.ensure_future(work())
        await self.soon(started.wait())
        task.cancel()
        again = []
        while len(again) < 2:
            again += await self.soon(client.next())
        self.assertEqual([entry.deliveries for entry in again], [2, 2])

    async def test_what_ends_the_source_ends_every_wait(self):
        self.redis("SET", "s", "no stream")
        client = self.async_client()
        client.consumer()
        waits = [asyncio.ensure_future(client.next()) for _ in range(3)]
        for wait in waits:
            await self.assert_refused("wrong_type", wait)


class Publish(AsyncTest):
    async def test_many_at_once(self):
        client = self.async_client()
        ids = await self.soon(asyncio.gather(*(client.publish("p", {"n": n}) for n in range(200))))
        found = {entry_id.decode(): fields[1] for entry_id, fields in self.redis("XRANGE", "p", "-", "+")}
        self.assertEqual(found, {entry_id: b"%d" % n for n, entry_id in enumerate(ids)})

    async def test_a_full_queue_is_waited_for(self):
        client = self.async_client(publish_queue_bytes="4KiB")
        await self.soon(asyncio.gather(*(client.publish("p", {"n": b"x" * 1000}) for n in range(50))))
        self.assertEqual(self.redis("XLEN", "p"), 50)

    async def test_what_the_server_refuses(self):
        self.redis("SET", "text", "x")
        client = self.async_client()
        await self.assert_refused("wrong_type", client.publish("text", {"a": 1}))
        results = await self.soon(client.publish_many("text", [{"a": 1}, {"a": 2}]))
        self.assertEqual([result.error for result in results], ["wrong_type", "wrong_type"])


class Ask(AsyncTest):
    async def test_dead_letters_are_listed_and_put_back(self):
        self.add(2)
        client = self.async_client(batch_size=2)
        client.consumer()
        batch = await self.soon(client.next())
        batch.reject("no good")
        await self.until(lambda: self.pending() == 0)
        letters = await self.soon(client.dead("s"))
        self.assertEqual([letter.id for letter in letters], [entry.id for entry in batch])
        self.assertEqual([letter.fields for letter in letters], [entry.fields for entry in batch])
        self.assertEqual(
            {(letter.group, letter.consumer, letter.reason) for letter in letters}, {("g", "c", "no good")}
        )
        (again,) = (await self.soon(client.redrive("s", [letters[1].dead_id]))).values()
        (entry,) = await self.soon(client.next())
        self.assertEqual((entry.id, entry["n"]), (again.id, b"1"))
        self.assertEqual(len(await self.soon(client.dead("s", after=letters[0].dead_id))), 0)

    async def test_health(self):
        self.add(3)
        client = self.async_client(batch_size=3)
        source = client.consumer()
        batch = await self.soon(client.next())
        health = await self.soon(client.health(source, PATIENCE))
        self.assertEqual((health["healthy"], health["pendingMessages"]), (True, 3))
        batch.ack()
        await self.until(lambda: self.pending() == 0)

    async def test_events_are_told_in_their_order_and_survive_a_bad_listener(self):
        kinds, errors = [], []

        def listen(event):
            kinds.append(event.kind)
            raise ZeroDivisionError

        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
        self.add(1)
        client = self.async_client(on_event=listen)
        client.consumer()
        (await self.soon(client.next())).ack()
        await self.until(lambda: "acked" in kinds)
        self.assertLess(kinds.index("ready"), kinds.index("acked"))
        self.assertEqual([type(error) for error in errors], [ZeroDivisionError] * len(kinds))


class End(AsyncTest):
    async def test_close_ends_what_waits(self):
        client = self.async_client()

        async def work():
            return [batch async for batch in client.batches()]

        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        self.assertEqual(await self.soon(client.close()), 0)
        self.assertEqual(await self.soon(task), [])
        self.assertEqual(await client.close(), 0)
        await self.assert_refused("closed", client.next())
        await self.assert_refused("closed", client.publish("p", {"a": 1}))
        await self.assert_refused("closed", client.batches().__anext__())

    async def test_close_answers_a_publish_that_has_no_server(self):
        client = AsyncClient(f"redis://127.0.0.1:{free_port()}")
        publishing = asyncio.ensure_future(client.publish("p", {"a": 1}))
        await asyncio.sleep(0)
        await self.soon(client.close(0.1))
        await self.assert_refused("closed", publishing)

    async def test_drain_waits_for_what_is_held(self):
        self.add(5)
        client = self.async_client()
        client.consumer()
        batch = await self.soon(client.next())
        draining = asyncio.ensure_future(client.drain(PATIENCE))
        batch.ack(batch.entries[:2])
        await self.until(lambda: self.pending() == 3)
        self.assertFalse(draining.done())
        batch.ack()
        self.assertEqual(await self.soon(draining), 0)
        self.assertEqual(self.pending(), 0)

    async def test_drain_tells_what_stays(self):
        self.add(5)
        client = self.async_client()
        client.consumer()
        batch = await self.soon(client.next())
        batch.ack(batch.entries[:2])
        self.assertEqual(await self.soon(client.drain(0.1)), 3)

    def test_it_needs_a_loop(self):
        with self.assertRaises(RuntimeError):
            AsyncClient(self.redis.url())


if __name__ == "__main__":
    unittest.main()
