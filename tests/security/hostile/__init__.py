"""Hostile launches: none of them opens a session, and none makes a request it should not.

Each case says what an attacker sends; afterwards no session was opened, the answer leads nowhere, and only the
named hosts were asked.  One file for each stage of a launch.
"""
