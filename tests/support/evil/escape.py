"""Tries to escape from a sandbox in every known way, and prints the name of each that worked.

Arguments: a directory that it can write, one that it cannot, with a file `kept` in it, a TCP port on which a process
outside listens, the name of a socket without a file on which one listens, and the pid of a process outside.
Each way is tried in a process of its own, which exits within seconds.
"""

import ctypes
import os
import signal
import socket
import sys

INSIDE, OUTSIDE, PORT, NAME, PID = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
KEPT = os.path.join(OUTSIDE, "kept")
LIFETIME = 10
NEW_USER_AND_MOUNTS = 0x10000000 | 0x20000
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 0x1000, 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def write(path: str) -> None:
    with open(path, "a") as file:
        file.write("escaped")


def called(function: str, *arguments: object) -> None:
    if getattr(libc, function)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function)


def create() -> None:
    write(os.path.join(OUTSIDE, "new"))


def append() -> None:
    write(KEPT)


def symbolic_link() -> None:
    os.symlink(KEPT, os.path.join(INSIDE, "link"))
    write(os.path.join(INSIDE, "link"))


def hard_link() -> None:
    os.link(KEPT, os.path.join(INSIDE, "hard"))
    write(os.path.join(INSIDE, "hard"))


def truncate() -> None:
    os.truncate(KEPT, 0)


def remove() -> None:
    os.unlink(KEPT)


def rename_out() -> None:
    write(os.path.join(INSIDE, "mine"))
    os.rename(os.path.join(INSIDE, "mine"), os.path.join(OUTSIDE, "mine"))


def rename_the_directory_itself() -> None:
    os.rename(INSIDE, INSIDE + ".moved")


def rename_in() -> None:
    os.rename(KEPT, os.path.join(INSIDE, "taken"))


def make_a_sibling() -> None:
    os.mkdir(INSIDE + ".sibling")


def through_own_proc_root() -> None:
    write(f"/proc/self/root{KEPT}")


def through_root_of_pid_1() -> None:
    write(f"/proc/1/root{KEPT}")


def through_root_of_another_process() -> None:
    write(f"/proc/{PID}/root{KEPT}")


def settings_of_the_kernel() -> None:
    with open("/proc/sys/kernel/hostname", "r+") as file:
        name = file.read()
        file.seek(0)
        file.write(name)


def core_pattern() -> None:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


def sysrq() -> None:
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))


def disks() -> None:
    for name in os.listdir("/dev"):
        if name.startswith(("vd", "sd", "nvme", "loop", "mem", "kmem")):
            os.close(os.open(f"/dev/{name}", os.O_WRONLY))
            return
    raise OSError("no disk found")


def make_a_device() -> None:
    os.mknod(os.path.join(INSIDE, "zero"), 0o020666, os.makedev(1, 5))
    os.close(os.open(os.path.join(INSIDE, "zero"), os.O_RDONLY))


def control_groups() -> None:
    os.mkdir("/sys/fs/cgroup/evil")


def remount() -> None:
    called("mount", None, b"/", None, MS_REMOUNT | MS_BIND, None)
    write(KEPT)


def own_mounts() -> None:
    uid = os.getuid()
    called("unshare", NEW_USER_AND_MOUNTS)
    with open("/proc/self/uid_map", "w") as file:
        file.write(f"0 {uid} 1")
    called("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    called("mount", os.fsencode(OUTSIDE), os.fsencode(INSIDE), None, MS_BIND, None)
    called("mount", None, os.fsencode(INSIDE), None, MS_REMOUNT | MS_BIND, None)
    write(os.path.join(INSIDE, "kept"))


def unmount() -> None:
    called("unshare", NEW_USER_AND_MOUNTS)
    called("umount2", b"/tmp", 2)
    called("umount2", b"/proc", 2)


def change_root() -> None:
    called("unshare", NEW_USER_AND_MOUNTS)
    called("chroot", os.fsencode(OUTSIDE))
    write("/kept")


def become_root() -> None:
    if os.getuid() == 0:
        raise PermissionError
    os.setuid(0)


def connect() -> None:
    socket.create_connection(("127.0.0.1", PORT), timeout=2).close()


def datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect(("192.0.2.1", 9))


def raw_packets() -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


def socket_without_a_file() -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(f"\0{NAME}")


def signal_outside() -> None:
    os.kill(PID, 0)
    os.kill(PID, signal.SIGUSR1)


def kill_the_first_process() -> None:
    os.kill(1, signal.SIGKILL)
    os.kill(1, signal.SIGTERM)
    os.kill(1, 0)
    raise PermissionError  # it must still be there


def trace_the_first_process() -> None:
    called("ptrace", 16, 1, None, None)


def memory_of_the_first_process() -> None:
    os.close(os.open("/proc/1/mem", os.O_RDWR))


def pipe_of_the_first_process() -> None:
    for descriptor in range(3, 8):
        try:
            os.write(os.open(f"/proc/1/fd/{descriptor}", os.O_WRONLY), bytes(40))
        except OSError:
            continue
        return
    raise PermissionError


def see_a_process() -> None:
    os.stat(f"/proc/{PID}/cmdline")


def open_a_pidfd() -> None:
    os.close(os.pidfd_open(PID))


WAYS = [
    value for value in list(globals().values()) if callable(value) and getattr(value, "__module__", "") == "__main__"
]
WAYS = [way for way in WAYS if way not in (write, called)]

if __name__ == "__main__":
    for way in WAYS:
        child = os.fork()
        if child == 0:
            signal.alarm(LIFETIME)
            try:
                way()
            except Exception:
                os._exit(0)
            os._exit(1)
        if os.waitpid(child, 0)[1]:
            print(way.__name__, flush=True)
    print("tried", len(WAYS))
