"""A cache that the workers of gunicorn share: what one of them sets, all of them read from then on."""

import os
import socket
import subprocess
import sys
from urllib.request import urlopen

from hotset import Cache

prices: Cache[str, str] = Cache("prices", ttl="1h", tier=f"disk://{os.path.abspath('prices')}?max_bytes=64MB")


def app(environment, start):  # /apple reads a price, /apple/7 sets it
    name, _, price = environment["PATH_INFO"].strip("/").partition("/")
    if price:
        prices.set(name, price)
    start("200 OK", [])
    return [f"{prices.get(name)} {os.getpid()}".encode()]


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = f"-w 4 --bind fd://{listener.fileno()} --log-level error --no-control-socket --graceful-timeout 5"
        command = [sys.executable, "-m", "gunicorn", *options.split(), "--pythonpath", sys.path[0], "workers:app"]
        server = subprocess.Popen(command, pass_fds=[listener.fileno()])
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/apple"
        try:
            for price in "5", "7":
                answers = {urlopen(f"{address}/{price}", timeout=20).read().decode()}
                while len(answers) < 2:  # until another worker has answered
                    answers.add(urlopen(address, timeout=20).read().decode())
                print("all workers say", {answer.split()[0] for answer in answers})
        finally:
            server.terminate(), server.wait()

# prints:
# all workers say {'5'}
# all workers say {'7'}
