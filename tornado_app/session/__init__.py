"""What a session does: events in, commands out.  No I/O, no clock, no threads, no numpy."""
