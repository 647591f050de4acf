"""What the tests of millrace for Python share: a server for each class of them, empty for each test, and patience."""

import signal
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "bindings/c/examples/python"
sys.path[:0] = [str(EXAMPLES), str(ROOT / "tests/examples")]
from redis_server import ScratchServer  # noqa: E402

PATIENCE = 10.0  # with what has to happen


class RedisTest(unittest.TestCase):
    """One server for a class of tests, empty for each."""

    @classmethod
    def setUpClass(cls):
        cls.redis = ScratchServer()
        cls.addClassCleanup(cls.redis.close)

    def setUp(self):
        self.redis("FLUSHALL")
        signal.signal(signal.SIGALRM, self.lose_patience)
        signal.alarm(int(3 * PATIENCE))
        self.addCleanup(signal.alarm, 0)

    def lose_patience(self, *_):
        raise TimeoutError(self.id())

    def add(self, count, stream="s"):
        return [self.redis("XADD", stream, "*", "n", n).decode() for n in range(count)]

    def pending(self, stream="s"):
        return self.redis("XPENDING", stream, "g")[0]
