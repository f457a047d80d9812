"""Locks of turno for Python programs, by the agent of this machine (docs/socket.md).

    import turno_lock as turno
    with turno.lock("nightly", timeout=30) as token:
        store.write(data, token=token)

LockLost is raised in the block when the lock is lost, between two of its instructions; a call
that blocks is not interrupted. With failover a process that goes on nevertheless is killed
before another machine enters. A child of os.fork() keeps the lock of a parent that is killed.
"""
import contextlib, ctypes, fcntl, json, os, select, signal, socket, sys, threading, time


class Timeout(TimeoutError): """The lock was not acquired in time."""
class Refused(RuntimeError): """The agent does not give the lock."""
class LockLost(RuntimeError): """What the block does is no longer protected by the lock."""


def default_socket():
    own = (os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") + "/turno/turno.sock"
    own = own if os.getuid() and os.path.exists(own) else "/run/turno/turno.sock"
    return os.environ.get("TURNO_SOCKET") or own


class Agent:
    """A connection: one JSON object a line, {"word": {fields}}."""
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.send("hello", version=1)
        if self.receive()[0] != "hello":
            raise Refused("the agent is older than this client: upgrade it")

    def send(self, word, **fields):
        self.socket.sendall(json.dumps({word: fields}).encode() + b"\n")

    def receive(self):
        line = self.lines.readline()
        if not line.endswith("\n"):
            raise ConnectionError("the agent has closed the connection")
        return next(iter(json.loads(line).items()))


class lock:
    def __init__(self, name, timeout=None, path=None, patience=60):
        """patience: how many seconds the block goes on without an agent, which is restarted."""
        self.name, self.timeout, self.patience = name, timeout, patience
        self.path, self.lost, self.over = path or default_socket(), None, threading.Event()

    def __enter__(self):
        end = None if self.timeout is None else time.monotonic() + self.timeout
        while True:
            left = None if end is None else max(0, end - time.monotonic())
            self.agent = Agent(self.path)
            self.agent.socket.settimeout(None if left is None else left + 10)
            self.agent.send("ask", name=self.name, command=sys.argv, no_command=True,
                            at_once=left == 0, wait_ms=left and int(left * 1000))
            word, it = self.agent.receive()
            while word == "waiting":
                word, it = self.agent.receive()
            if word == "granted" and self._take_up(it):
                break
            if word == "timed_out":
                raise Timeout(it["why"])
            if word == "failed" and not it.get("again"):
                raise Refused(it["why"])
            time.sleep(0.1)  # the turn was not taken up in time, or the agent is restarted
        self.pid, self.thread, self.token = os.getpid(), threading.get_ident(), it["token"]
        threading.Thread(target=self._watch, daemon=True).start()
        return self.token

    def _take_up(self, granted):
        self.record, self.lease = open(granted["record"], "rb"), granted.get("lease_us")
        fcntl.flock(self.record, fcntl.LOCK_EX)
        self.agent.send("locked_until" if self.lease else "locked")
        return self.agent.receive()[0] == "go"

    def __exit__(self, *_):
        self.over.set()
        with contextlib.suppress(OSError):  # without an agent the next one finds it unlocked
            if os.getpid() == self.pid and not self.lost:
                self.agent.send("done")
                self.agent.socket.recv(1)  # the agent closes the connection: it is released
        self.record.close()
        if self.lost:
            raise LockLost(self.lost)

    def _watch(self):
        away = None
        while not self.over.wait(0.05):
            if self.lease:  # the deadline, twice, in microseconds of the boot clock
                head = os.pread(self.record.fileno(), 41, 10).split(b" ")
                left = int(head[0]) - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
                if head[0] == head[-1] and left < self.lease // 4:
                    self._lose("the majority of the members was not heard")
                    if left < self.lease // 10:
                        os.kill(os.getpid(), signal.SIGKILL)
            try:
                if away:
                    it = os.fstat(self.record.fileno())
                    self.agent, turn = Agent(self.path), dict(device=it.st_dev, inode=it.st_ino)
                    self.agent.send("resume", name=self.name, token=self.token, **turn)
                elif not select.select([self.agent.socket], [], [], 0)[0]:
                    continue
                word, it = self.agent.receive()
                away = None
                if word == "not_held" or word == "failed" and not it.get("again"):
                    self._lose(it["why"])
            except (OSError, ValueError, Refused) as error:
                away = away or time.monotonic()
                if time.monotonic() - away >= self.patience:
                    self._lose(f"the agent is away: {error}")

    def _lose(self, why):
        if not self.lost and not self.over.is_set():
            self.lost = why
            raises = ctypes.pythonapi.PyThreadState_SetAsyncExc
            raises(ctypes.c_ulong(self.thread), ctypes.py_object(LockLost))
