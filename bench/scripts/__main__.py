"""`python -m fasttricks.bench.scripts`."""

from fasttricks.bench import script
from fasttricks.bench.scripts.config import Config
from fasttricks.bench.scripts.run import main

if __name__ == "__main__":
    script.run(main, Config, Config.__doc__)
