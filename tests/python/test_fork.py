"""Processes that fork while they have a Client, as pools of workers do."""

import subprocess
import sys
import unittest

from redis_test import EXAMPLES, PATIENCE, RedisTest

PARENT = """
import os, sys
from millrace import Client

client = Client(sys.argv[1])
client.consumer()
batch = client.next(10)
child = os.fork()
if child == 0:
    sys.exit(0)  # Python destroys all that it has
_, status = os.waitpid(child, 0)
batch.ack()
client.publish("other", {"n": 1})
print(status, client.close())
"""


class Fork(RedisTest):
    def test_a_child_ends_and_leaves_its_parents_client_alone(self):
        self.add(1)
        url = self.redis.url(streams="s", group="g", consumer="c", flush_interval=0)
        done = subprocess.run(
            [sys.executable, "-c", PARENT, url], cwd=EXAMPLES, capture_output=True, text=True, timeout=PATIENCE
        )
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("0 0\n", "", 0))
        self.assertEqual(self.pending(), 0)
        self.assertEqual(self.redis("XLEN", "other"), 1)


if __name__ == "__main__":
    unittest.main()
