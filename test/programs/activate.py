# Starts a program as systemd starts one with socket activation, sd_listen_fds(3): activate.py NAMES ADDRESS... -- PROGRAM ...
# Prints where the sockets listen, as JSON, before the program runs.
import fcntl, json, os, socket, sys

names, rest = sys.argv[1], sys.argv[2:]
cut = rest.index('--')
sockets, where = [], []
for address in rest[:cut]:
    kind, _, name = address.partition(':')
    s = socket.socket(socket.AF_UNIX if kind == 'unix' else socket.AF_INET)
    host, _, port = name.rpartition(':')
    s.bind(name if kind == 'unix' else (host, int(port)))
    s.listen(16)
    sockets.append(s)
    where.append(name if kind == 'unix' else s.getsockname()[1])
os.write(1, json.dumps(where).encode() + b'\n')
# High first, so that none lies where another is to go.
high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in sockets]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names)
os.execvp(rest[cut + 1], rest[cut + 1:])
