"""All tests of millrace for Python: python3 tests/python/test_millrace.py, with MILLRACE_LIBRARY naming the library.

They start servers of their own: see tests/examples/redis_server.py. Each file runs alone, too.
"""

import sys
import unittest
from pathlib import Path

folder = str(Path(__file__).parent)
suite = unittest.defaultTestLoader.discover(folder, pattern="test_[!m]*.py")
result = unittest.TextTestRunner(verbosity=2 if "-v" in sys.argv else 1).run(suite)
if result.testsRun == 0:
    sys.exit("no tests were found")
sys.exit(not result.wasSuccessful())
