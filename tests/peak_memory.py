"""The peak of a process's memory, as programs that tests start measure it."""

PEAK = '''
def peak():
    """Return the most memory that this program has held so far, in KiB.

    Where the system tells it, not by `ru_maxrss`: that begins with what the process held that started this one, so that
    within a large suite nothing seems to grow.
    """
    import resource, sys
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
'''
"""The source of a function, for the head of a program."""
