"""The Client of millrace.py on a real Redis."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import unittest
from urllib.parse import quote

from redis_test import EXAMPLES, PATIENCE, RedisTest

from millrace import Client, MillraceError
from redis_server import ReservedPort

EVERY_BYTE = bytes(range(256))


class ClientTest(RedisTest):
    def client(self, **keys):
        defaults = {"streams": "s", "group": "g", "consumer": "c", "batch_size": 5, "flush_interval": "20ms"}
        client = Client(self.redis.url(), **{**defaults, **keys})
        self.addCleanup(client.close)
        return client

    def next_batch(self, client, source=0):
        batch = client.next(PATIENCE, source)
        self.assertIsNotNone(batch)
        return batch

    def assert_pending(self, count, stream="s"):
        """An ack is on its way when the call returns."""
        deadline = time.monotonic() + PATIENCE
        while self.pending(stream) != count and time.monotonic() < deadline:
            time.sleep(0.005)
        self.assertEqual(self.pending(stream), count)

    def assert_error(self, code, function, *arguments, **named):
        with self.assertRaises(MillraceError) as caught:
            function(*arguments, **named)
        self.assertEqual(caught.exception.code, code)
        return caught.exception


class Deliver(ClientTest):
    def test_entries_come_in_order_and_acked_ones_are_acked(self):
        ids = self.add(12)
        client, seen = self.client(), []
        client.consumer()
        while len(seen) < 12:
            batch = self.next_batch(client)
            seen += batch
            batch.ack()
        self.assertEqual([entry.id for entry in seen], ids)
        self.assertEqual([entry["n"] for entry in seen], [b"%d" % n for n in range(12)])
        self.assertEqual({(entry.stream, entry.deliveries) for entry in seen}, {("s", 1)})
        self.assert_pending(0)

    def test_the_url_names_what_is_consumed(self):
        self.add(3)
        query = {"streams": "s", "group": "g", "consumer": "c", "flush_interval": 0}
        with Client(self.redis.url(**query)) as client:
            client.consumer()
            count = 0
            for batch in client:
                with batch:
                    count += len(batch)
                if count == 3:
                    break
        self.assert_pending(0)

    def test_bytes_repeats_and_order_of_fields_are_kept(self):
        fields = [
            (EVERY_BYTE, EVERY_BYTE[::-1]),
            (b"a", b""),
            (b"", b"\0"),
            (b"a", b"2"),
            (b"long", b"\0\xff" * 300_000),
        ]
        name = b"s\xff\xfe\0t"
        self.redis("XADD", name, "*", *(part for field in fields for part in field))
        client = Client(self.redis.url(streams=quote(name), group="g", flush_interval=0))
        self.addCleanup(client.close)
        client.consumer()
        batch = self.next_batch(client)
        (entry,) = batch
        self.assertEqual(entry.fields, fields)
        self.assertEqual(entry.stream.encode(errors="surrogateescape"), name)
        self.assertEqual((entry["a"], entry[b"a"], entry.get("b")), (b"", b"", None))
        with self.assertRaises(KeyError):
            entry["b"]
        batch.ack()
        self.assert_pending(0, name)

    def test_two_sources_are_read_apart(self):
        client = self.client()
        first, second = client.consumer(streams=["s"]), client.consumer(streams=["t", "u"])
        self.add(2, "s"), self.add(2, "u")
        self.assertEqual({entry.stream for entry in self.next_batch(client, second)}, {"u"})
        self.assertEqual({entry.stream for entry in self.next_batch(client, first)}, {"s"})

    def test_a_tail_reads_without_a_group(self):
        ids = self.add(4)
        client = self.client()
        source = client.consumer(group="", **{"from": "last:3"})
        seen = []
        while len(seen) < 3:
            seen += self.next_batch(client, source)
        self.assertEqual([entry.id for entry in seen], ids[1:])
        self.assertEqual(self.redis("XINFO", "GROUPS", "s"), [])


class Settle(ClientTest):
    def batch_of(self, count, **keys):
        self.add(count)
        client = self.client(batch_size=count, nack_delay=0, **keys)
        client.consumer()
        return client, self.next_batch(client)

    def test_a_part_is_acked(self):
        _, batch = self.batch_of(5)
        batch.ack(batch[1:3])
        self.assert_pending(3)
        batch.ack()
        self.assert_pending(0)

    def test_no_entries_are_not_all_of_them(self):
        client, batch = self.batch_of(5)
        batch.ack([])
        self.assertEqual(client.close(), 5)
        self.assertEqual(self.pending(), 5)

    def test_acked_twice_is_an_error(self):
        _, batch = self.batch_of(2)
        batch.ack(batch[:1])
        error = self.assert_error("not_held", batch.ack, batch)
        self.assertFalse(error.retryable)
        batch.ack()
        self.assert_pending(0)

    def test_an_entry_of_another_batch_is_refused(self):
        self.add(7)
        client = self.client()
        client.consumer()
        first, second = self.next_batch(client), self.next_batch(client)
        for ours, theirs in ((first, second), (second, first)):
            with self.assertRaises(ValueError):
                ours.ack(theirs)
        self.assertEqual(self.pending(), 7)

    def test_nacked_entries_come_again(self):
        client, batch = self.batch_of(3)
        batch.nack(batch[2:], delay=0.0)
        batch.ack()
        (again,) = self.next_batch(client)
        self.assertEqual((again.id, again.deliveries), (batch[2].id, 2))

    def test_an_exception_nacks_what_is_left(self):
        client, batch = self.batch_of(3)
        with self.assertRaises(ZeroDivisionError), batch:
            batch.ack(batch[:1])
            raise ZeroDivisionError
        again = []
        while len(again) < 2:
            again += self.next_batch(client)
        self.assertEqual([entry.id for entry in again], [entry.id for entry in batch[1:]])

    def test_given_back_entries_are_another_consumers(self):
        _, batch = self.batch_of(2)
        batch.give_back()
        other = self.client(consumer="other", claim_interval="100ms", claim_min_idle="60s", batch_size=2)
        other.consumer()
        taken = self.next_batch(other)
        self.assertEqual([entry.id for entry in taken], [entry.id for entry in batch])

    def test_rejected_entries_go_to_the_dead_stream(self):
        _, batch = self.batch_of(2)
        batch.reject("no good", batch[:1])
        self.assert_pending(1)
        ((_, fields),) = self.redis("XRANGE", "{s}:dead", "-", "+")
        self.assertIn(b"no good", fields)


class PublishEntries(ClientTest):
    def test_an_entry_is_there_as_it_was_given(self):
        client = self.client()
        entry_id = client.publish("p", [(EVERY_BYTE, EVERY_BYTE), ("ü", 1), ("ü", 2.5), ("", b"")])
        ((found, fields),) = self.redis("XRANGE", "p", "-", "+")
        self.assertEqual(found.decode(), entry_id)
        name = "ü".encode()
        self.assertEqual(fields, [EVERY_BYTE, EVERY_BYTE, name, b"1", name, b"2.5", b"", b""])

    def test_options_are_keys_of_the_configuration(self):
        client = self.client()
        ids = {client.publish("p", {"n": n}, max_len=10, max_len_exact=True) for n in range(50)}
        self.assertEqual(len(ids), 50)
        self.assertEqual(self.redis("XLEN", "p"), 10)
        self.assertIn("max_len", self.assert_error("bad_config", client.publish, "p", {"a": 1}, max_len=-1).message)

    def test_what_the_server_refuses_is_a_typed_error(self):
        self.redis("SET", "text", "x")
        client = self.client()
        self.assert_error("wrong_type", client.publish, "text", {"a": 1})

    def test_what_is_no_field_is_refused(self):
        client = self.client()
        for fields in ({"a": None}, [("a", "b", "c")], [("a",)], ["ab c"], {"a": [1]}):
            with self.assertRaises((TypeError, ValueError)):
                client.publish("p", fields)
        self.assert_error("bad_argument", client.publish, "p", {})
        self.assertEqual(self.redis("EXISTS", "p"), 0)

    def test_no_server_in_time_is_a_timeout(self):
        nobody = ReservedPort()
        self.addCleanup(nobody.close)
        with Client(f"redis://127.0.0.1:{nobody.number}") as client:
            error = self.assert_error("timeout", client.publish, "p", {"a": 1}, timeout=0.2)
            self.assertTrue(error.retryable)
            client.close(0)


class Errors(ClientTest):
    def test_a_wrong_key_is_named(self):
        error = self.assert_error("bad_config", Client, self.redis.url(grup="g"))
        self.assertIn('"grup"', error.message)
        self.assertIn("group", error.message)
        self.assertFalse(error.retryable)
        self.assert_error("bad_config", Client, self.redis.url(), batch_size="many")
        with self.assertRaises(ValueError):
            Client("redis://localhost\0")
        with self.assertRaises(TypeError):
            Client(self.redis.url(), group=b"g")

    def test_an_error_outlives_its_process(self):
        error = self.assert_error("bad_config", Client, "redis://localhost:no")
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((again.code, again.message, str(again)), (error.code, error.message, str(error)))

    def test_what_ends_a_source_is_raised(self):
        self.redis("SET", "s", "no stream")
        client = self.client()
        client.consumer()
        error = self.assert_error("wrong_type", lambda: next(iter(client)))
        self.assertFalse(error.retryable)

    def test_a_wrong_password_is_typed_and_not_told(self):
        self.redis("CONFIG", "SET", "requirepass", "right")
        self.addCleanup(self.redis, "CONFIG", "SET", "requirepass", "")
        client = self.client(password="hidden")
        client.consumer()
        error = self.assert_error("auth", lambda: next(iter(client)))
        self.assertNotIn("hidden", str(error))

    def test_after_the_close(self):
        self.add(2)
        client = self.client(batch_size=2)
        source = client.consumer()
        batch = self.next_batch(client)
        self.assertEqual(client.close(), 2)
        self.assertEqual(client.close(), 0)
        self.assert_error("closed", client.next)
        self.assertEqual(list(client), [])
        self.assert_error("closed", client.publish, "p", {"a": 1})
        self.assert_error("closed", client.consumer)
        self.assert_error("closed", client.health, source)
        self.assert_error("closed", batch.ack)
        self.assertEqual([entry["n"] for entry in batch], [b"0", b"1"])
        del client, source
        self.assert_error("closed", batch.nack)

    def test_keys_of_a_consumer_are_laid_over_those_of_the_client(self):
        client = self.client()
        client.consumer(consumer="named")
        self.add(1)
        self.next_batch(client)
        self.assertEqual(self.redis("XPENDING", "s", "g", "-", "+", 10)[0][1], b"named")


class Look(ClientTest):
    def test_health_and_metrics(self):
        self.add(7)
        client = self.client()
        source = client.consumer()
        self.next_batch(client)
        health = client.health(source, PATIENCE)
        self.assertTrue(health["healthy"])
        self.assertEqual((health["streamLength"], health["consumerGroup"], health["consumer"]), (7, "g", "c"))
        self.assertRegex(client.metrics(), r"(?m)^# TYPE millrace_\w+ counter$")

    def test_a_batch_may_be_settled_entry_by_entry(self):
        client = self.client(batch_size=2)
        client.consumer()
        self.add(2)
        with self.next_batch(client) as batch:  # at whose end nothing is left to ack
            batch.reject("of a bad kind", [batch[0]])
            batch.ack([batch[1]])
        self.assert_pending(0)

    def test_a_lost_connection_is_made_again(self):
        client = self.client()
        client.consumer()
        self.add(1)
        self.next_batch(client).ack()
        self.assert_pending(0)
        self.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.add(1)
        self.next_batch(client).ack()
        self.assert_pending(0)


class Interrupt(ClientTest):
    def test_stop_of_another_thread_ends_the_iteration(self):
        client = self.client()
        client.consumer()
        threading.Timer(0.2, client.stop).start()
        self.assertEqual(list(client), [])

    def test_several_threads_share_the_batches(self):
        self.add(200)
        client, seen = self.client(), []

        def work():
            for batch in client:
                with batch:
                    seen.extend(entry["n"] for entry in batch)
                if len(seen) == 200:
                    client.stop()

        client.consumer()
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(sorted(map(int, seen)), list(range(200)))
        client.close()
        self.assertEqual(self.pending(), 0)

    def run_until(self, arguments, number):
        """Runs a program until it says a line, and then sends it a signal: what it wrote, its exit code, how long."""
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=EXAMPLES, text=True
        )
        first = process.stdout.readline()
        begun = time.monotonic()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=PATIENCE)
        return first + rest, errors, process.returncode, time.monotonic() - begun

    def test_the_example_ends_cleanly_on_both_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.redis("FLUSHALL")
                self.redis("XADD", "s", "1-1", "a", "1", "a", "2")
                url = self.redis.url(streams="s", group="g", consumer="c", flush_interval=0)
                text, errors, code, took = self.run_until(["consumer.py", url], number)
                self.assertEqual((text, errors, code), ("s 1-1 a=1 a=2\n", "", 0))
                self.assertLess(took, 2)
                self.assertEqual(self.pending(), 0)

    def test_a_close_does_not_pass_over_a_strange_timeout(self):
        client = self.client()
        with self.assertRaises(TypeError):
            client.close(None)
        self.assertEqual(client.close(-1), 0)
        self.assert_error("closed", client.next, 0)

    def test_ctrl_c_ends_a_blocked_iteration(self):
        client = self.client()
        client.consumer()
        # Whoever runs the tests in the background may have had it ignored.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            next(iter(client))
        self.assertLess(time.monotonic() - begun, PATIENCE)

    def test_an_error_of_the_example_is_one_line(self):
        arguments = [sys.executable, "consumer.py", self.redis.url(stream="s", streams="s")]
        done = subprocess.run(arguments, cwd=EXAMPLES, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1))
        self.assertIn("bad_config", done.stderr)


if __name__ == "__main__":
    unittest.main()
