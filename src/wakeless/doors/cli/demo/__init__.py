"""`wakeless demo`: a real application, a real monitor and a real server, on this machine and in a temporary folder."""
