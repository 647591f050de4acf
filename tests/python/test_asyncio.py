"""The AsyncClient of millrace.py on a real Redis."""

import asyncio
import random
import unittest

from redis_test import PATIENCE, RedisTest

from millrace import AsyncClient, MillraceError
from redis_server import ReservedPort


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
        client.consumer()
        async for batch in client:
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
        client.consumer()

        async def work():
            async for batch in client:
                with batch:
                    seen.append(batch[0].id)
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
        client.consumer()

        async def work():
            async for batch in client:
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

    async def test_beside_a_task_that_waits_for_batches(self):
        client = self.async_client(flush_interval=0)
        client.consumer()
        waiting = asyncio.ensure_future(client.next())
        await self.until(lambda: self.redis("EXISTS", "s"))
        published = await self.soon(client.publish("s", {"a": 1}))
        self.assertEqual([entry.id for entry in await self.soon(waiting)], [published])

    async def test_what_the_server_refuses(self):
        self.redis("SET", "text", "x")
        client = self.async_client()
        await self.assert_refused("wrong_type", client.publish("text", {"a": 1}))


class Look(AsyncTest):
    async def test_health(self):
        self.add(3)
        client = self.async_client(batch_size=3)
        source = client.consumer()
        batch = await self.soon(client.next())
        health = await self.soon(asyncio.to_thread(client.health, source, PATIENCE))
        self.assertEqual((health["healthy"], health["pendingMessages"]), (True, 3))
        batch.ack()
        await self.until(lambda: self.pending() == 0)


class End(AsyncTest):
    async def test_close_ends_what_waits(self):
        client = self.async_client()
        client.consumer()

        async def work():
            return [batch async for batch in client]

        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        self.assertEqual(await self.soon(client.close()), 0)
        self.assertEqual(await self.soon(task), [])
        self.assertEqual(await client.close(), 0)
        await self.assert_refused("closed", client.next())
        await self.assert_refused("closed", client.publish("p", {"a": 1}))
        self.assertEqual([batch async for batch in client], [])

    async def test_close_answers_a_publish_that_has_no_server(self):
        nobody = ReservedPort()
        self.addCleanup(nobody.close)
        client = AsyncClient(f"redis://127.0.0.1:{nobody.number}")
        publishing = asyncio.ensure_future(client.publish("p", {"a": 1}))
        await asyncio.sleep(0)
        await self.soon(client.close(0.1))
        await self.assert_refused("closed", publishing)

    def test_it_needs_a_loop(self):
        with self.assertRaises(RuntimeError):
            AsyncClient(self.redis.url())


if __name__ == "__main__":
    unittest.main()
