"""One socket of pyzmq at a time, for a test in Rust that says what it is to do.

Each line of stdin is an order and its arguments; each is answered by one line on stdout: "ok" and what came of it, or
"error" and why. Frames are hexadecimal, and "-" is an empty one. The socket is made by "open", and goes with the next.
"""

import select
import sys

import zmq
from zmq.auth.thread import ThreadAuthenticator

DEADLINE_MS = 30_000


class OneClient:
    """Lets in who has this public key."""

    def __init__(self, key):
        self.key = key.encode()

    def callback(self, domain, key):
        return key == self.key


class Side:
    def __init__(self):
        self.context = zmq.Context()
        self.authenticator = ThreadAuthenticator(self.context)
        self.authenticator.start()
        self.socket = None

    def open(self, kind):
        self.close()
        self.socket = self.context.socket(getattr(zmq, kind))
        self.socket.setsockopt(zmq.LINGER, DEADLINE_MS)
        self.socket.setsockopt(zmq.RCVTIMEO, DEADLINE_MS)
        self.socket.setsockopt(zmq.SNDTIMEO, DEADLINE_MS)

    def plain_server(self, username, password):
        self.authenticator.configure_plain(domain="tests", passwords={username: password})
        self.socket.plain_server = True
        self.socket.zap_domain = b"tests"

    def plain_client(self, username, password):
        self.socket.plain_username = username.encode()
        self.socket.plain_password = password.encode()

    def curve_server(self, secret, client):
        self.authenticator.configure_curve_callback("tests", credentials_provider=OneClient(client))
        self.socket.curve_server = True
        self.socket.curve_secretkey = secret.encode()
        self.socket.zap_domain = b"tests"

    def curve_client(self, server, public, secret):
        self.socket.curve_serverkey = server.encode()
        self.socket.curve_publickey = public.encode()
        self.socket.curve_secretkey = secret.encode()

    def bind(self, endpoint):
        self.socket.bind(endpoint)
        return [self.socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()]

    def connect(self, endpoint):
        self.socket.connect(endpoint)

    def name(self, name):
        self.socket.setsockopt(zmq.ROUTING_ID, frame(name))

    def subscribe(self, prefix):
        self.socket.setsockopt(zmq.SUBSCRIBE, frame(prefix))

    def send(self, *frames):
        self.socket.send_multipart([frame(text) for text in frames])

    def recv(self):
        return [frame.hex() or "-" for frame in self.socket.recv_multipart()]

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def frame(text):
    return bytes.fromhex(text.replace("-", ""))


def orders(side):
    # A socket of libzmq does what there is to do while its program calls it: so between orders it is looked at.
    while True:
        if select.select([sys.stdin], [], [], 0.001)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            yield line
        elif side.socket is not None:
            side.socket.getsockopt(zmq.EVENTS)


def main():
    side = Side()
    print("ok pyzmq", zmq.__version__, "with libzmq", zmq.zmq_version(), flush=True)
    for line in orders(side):
        order, *arguments = line.split()
        try:
            answer = ["ok", *(getattr(side, order)(*arguments) or [])]
        except Exception as error:  # whatever it is, the test is to show it
            answer = ["error", repr(error)]
        print(*answer, flush=True)
    side.close()
    side.authenticator.stop()
    side.context.term()


main()
