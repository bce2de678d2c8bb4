"""Prints `name==version` of each package named as an argument or on standard input."""

import importlib.metadata
import sys

for name in sys.argv[1:] + sys.stdin.read().split():
    print(f"{name}=={importlib.metadata.version(name)}")
