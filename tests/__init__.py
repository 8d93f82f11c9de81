"""The tests of both packages; plain unittest."""

import signal

# A shell has ^C and ^\ ignored by what it runs in the background, and so have the children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGQUIT"):
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
