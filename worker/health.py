"""`python -m worker.health worker|dispatcher`: exits 0 if this host's process reported lately."""

import argparse
import socket
import sys
from collections.abc import Sequence

from jobs import db, processes
from jobs.settings import DatabaseSettings

ROLES = (processes.WORKER, processes.DISPATCHER)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m worker.health", description=__doc__)
    parser.add_argument("role", choices=ROLES)
    role = parser.parse_args(arguments).role
    host = socket.gethostname()
    engine = db.create_engine(DatabaseSettings().database_url.get_secret_value(), pool_size=1)
    try:
        with db.reading(engine) as connection:
            found = any(p.facts.get("host") == host for p in processes.live(connection, role))
    except db.UNAVAILABLE as error:
        sys.stderr.write(f"the database does not answer: {type(error).__name__}\n")
        return 1
    finally:
        engine.dispose()
    if not found:
        sys.stderr.write(f"no {role} on {host} reported in {processes.LIVE_SECONDS:.0f} s\n")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
